"""Encoding beside a recording: a process of its own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lerotool.choices import Priority
from lerotool.encoding.background import BackgroundEncoder
from lerotool.encoding.run import encode_pending
from lerotool.errors import IncompleteError
from lerotool.spool.pending import list_pending
from lerotool.storage import lock_owner
from lerotool.workspace import Workspace
from tests.encoding.reading import all_numbers, episode_lengths
from tests.encoding.recordings import FRONT, record
from tests.encoding.test_job import flip_byte_of_packet
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.slow


def wait_for(is_true: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def encoder_for(root: Path) -> BackgroundEncoder:
    return BackgroundEncoder(root, jobs=1, priority=Priority.NORMAL)


def test_episodes_are_encoded_while_others_come_and_the_rest_at_the_end(tmp_path: Path) -> None:
    encoder = encoder_for(tmp_path)
    assert (encoder.status().is_busy, encoder.status().waiting) == (False, 0)
    record(tmp_path, 0, [0, 1])
    encoder.notify(1)
    record(tmp_path, 1, [0, 1, 2])
    wait_for(lambda: encoder.status().done >= 1)
    record(tmp_path, 2, [0, 1, 2, 3])
    encoder.finish()
    status = encoder.status()
    assert (status.done, status.waiting, status.problem, status.is_busy) == (3, 0, None, False)
    assert episode_lengths(tmp_path) == [2, 3, 4]
    assert all_numbers(tmp_path, FRONT) == [0, 1, 0, 1, 2, 0, 1, 2, 3]


def test_a_take_in_progress_is_no_problem(tmp_path: Path) -> None:
    cut = record(tmp_path, 0, [0, 1], save=False)
    record(tmp_path, 1, [0, 1])
    encoder = encoder_for(tmp_path)
    encoder.notify(1)
    encoder.finish()
    assert encoder.status().problem is None
    assert [episode.path for episode in list_pending(tmp_path)] == [cut.path]


def test_an_episode_that_fails_is_told_and_kept(tmp_path: Path) -> None:
    damaged = record(tmp_path, 0, [0, 1])
    record(tmp_path, 1, [0, 1, 2])
    flip_byte_of_packet(damaged, 1)
    encoder = encoder_for(tmp_path)
    encoder.notify(2)
    with pytest.raises(IncompleteError, match=f"{damaged.path.name} could not be encoded: .*packet 1"):
        encoder.finish()
    assert (encoder.status().done, encoder.status().waiting) == (1, 1)
    assert [episode.path for episode in list_pending(tmp_path)] == [damaged.path]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_process_that_is_killed_is_told_and_its_work_is_done_at_the_end(tmp_path: Path) -> None:
    for sequence in range(2):
        record(tmp_path, sequence, list(range(60)))
    encoder = encoder_for(tmp_path)
    encoder.notify(2)
    wait_for(lambda: (owner := lock_owner(Workspace(tmp_path).writing_lock)) is not None and owner.pid)
    owner = lock_owner(Workspace(tmp_path).writing_lock)
    assert owner is not None
    os.kill(owner.pid, signal.SIGKILL)
    wait_for(lambda: not encoder.status().is_busy)
    assert "ended by signal 9" in str(encoder.status().problem)
    encoder.finish()
    assert encoder.status().problem is None
    assert episode_lengths(tmp_path) == [60, 60]


def test_stopping_ends_the_process_and_loses_nothing(tmp_path: Path) -> None:
    for sequence in range(3):
        record(tmp_path, sequence, list(range(200)))
    encoder = encoder_for(tmp_path)
    encoder.notify(3)
    wait_for(lambda: lock_owner(Workspace(tmp_path).writing_lock))
    encoder.stop()
    encoder.finish()
    assert lock_owner(Workspace(tmp_path).writing_lock) is None
    encode_pending(tmp_path)
    assert episode_lengths(tmp_path) == [200] * 3


def test_a_command_that_cannot_work_is_a_problem_with_its_reason(tmp_path: Path) -> None:
    record(tmp_path, 0, [0, 1])
    (tmp_path / "meta").mkdir()
    encoder = encoder_for(tmp_path)
    encoder.notify(1)
    with pytest.raises(IncompleteError, match=r"ended with code 5: .*'meta' in it already"):
        encoder.finish()
    assert len(list_pending(tmp_path)) == 1
