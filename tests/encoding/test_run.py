"""The run of `encode`: real worker processes, real datasets."""

from __future__ import annotations

import errno
import functools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from lerotool.encoding.events import (
    Committed,
    EncodeReport,
    Ending,
    Event,
    Finished,
    Found,
    JobDone,
    JobFailed,
    JobStarted,
    Packed,
)
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.encoding.schedule import encoder_threads
from lerotool.errors import DatasetLockedError, DatasetNotFoundError, UsageError
from lerotool.execution import ProcessExecutor
from lerotool.spool.documents import write_mark
from lerotool.spool.pending import State, list_pending
from lerotool.storage import ProcessLock, tree_bytes
from lerotool.workspace import Workspace
from tests.encoding.reading import all_numbers, column, episode_lengths
from tests.encoding.recordings import FRONT, WRIST, record
from tests.encoding.test_job import flip_byte_of_packet


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessExecutor]:
    with ProcessExecutor(2) as pool:
        yield pool


@pytest.fixture
def encode(pool: ProcessExecutor) -> Callable[..., EncodeReport]:
    """`encode_pending` with workers that are there already, because they take longer to start than these jobs."""
    return functools.partial(encode_pending, executor=pool)


Encode = Callable[..., EncodeReport]


def kinds(events: list[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def test_all_pending_episodes_become_the_dataset_in_the_order_they_were_recorded(
    encode: Encode, tmp_path: Path
) -> None:
    picks = {0: [0, 1, 1, 3], 1: list(range(9)), 2: [2, 2, 2]}
    for sequence in (2, 0, 1):
        record(tmp_path, sequence, picks[sequence], first_number=100 * sequence)
    events: list[Event] = []
    report = encode(tmp_path, EncodeOptions(jobs=2), events.append)
    expected = [100 * sequence + pick for sequence in (0, 1, 2) for pick in picks[sequence]]
    assert all_numbers(tmp_path, FRONT) == expected
    assert all_numbers(tmp_path, WRIST) == expected
    assert episode_lengths(tmp_path) == [4, 9, 3]
    assert column(tmp_path, "action")[:, 1].tolist() == [0] * 4 + [1] * 9 + [2] * 3
    assert list_pending(tmp_path) == []
    assert (report.ending, report.episodes, report.rows, report.frames) == (Ending.COMPLETE, 3, 16, 32)
    assert report.total_episodes == 3
    assert kinds(events)[0] is Found
    assert kinds(events)[-2:] == [Packed, Finished]
    assert kinds(events).count(JobStarted) == kinds(events).count(JobDone) == 6
    committed = [event for event in events if isinstance(event, Committed)]
    assert [name[:14] for event in committed for name in event.episodes] == [f"episode-{n:06d}" for n in range(3)]


def test_a_second_batch_goes_behind_the_first(encode: Encode, tmp_path: Path) -> None:
    record(tmp_path, 0, [0, 1])
    encode(tmp_path)
    record(tmp_path, 1, [0, 1, 2], first_number=50)
    report = encode(tmp_path)
    assert all_numbers(tmp_path, FRONT) == [0, 1, 50, 51, 52]
    assert (report.episodes, report.total_episodes) == (1, 2)


def test_nothing_pending_is_a_complete_run(encode: Encode, tmp_path: Path) -> None:
    report = encode(tmp_path)
    assert (report.ending, report.episodes) == (Ending.COMPLETE, 0)
    assert not any(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(encode: Encode, tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="nowhere"):
        encode(tmp_path / "nowhere")


def test_a_damaged_episode_stays_pending_and_the_others_go_on(encode: Encode, tmp_path: Path) -> None:
    record(tmp_path, 0, [0, 1])
    damaged = record(tmp_path, 1, list(range(6)))
    record(tmp_path, 2, [0, 1], first_number=30)
    flip_byte_of_packet(damaged, 3)
    before = (damaged.path / damaged.header.packets_file(FRONT)).read_bytes()
    events: list[Event] = []
    report = encode(tmp_path, on_event=events.append)
    assert report.ending is Ending.INCOMPLETE
    assert [left.episode for left in report.failures] == [damaged.path.name]
    assert f"camera '{FRONT}': packet 3" in report.failures[0].reason
    assert all_numbers(tmp_path, FRONT) == [0, 1, 30, 31]
    assert JobFailed in kinds(events)
    assert (damaged.path / damaged.header.packets_file(FRONT)).read_bytes() == before


def test_finished_jobs_are_not_done_again(encode: Encode, tmp_path: Path) -> None:
    episode = record(tmp_path, 0, list(range(6)))
    packets = episode.path / episode.header.packets_file(WRIST)
    sound = packets.read_bytes()
    packets.write_bytes(bytes(len(sound)))
    assert encode(tmp_path, EncodeOptions(jobs=1)).ending is Ending.INCOMPLETE
    packets.write_bytes(sound)
    events: list[Event] = []
    report = encode(tmp_path, on_event=events.append)
    reused = {event.job.camera: event.is_reused for event in events if isinstance(event, JobDone)}
    assert reused == {FRONT: True, WRIST: False}
    assert (report.frames, report.reused_frames, report.episodes) == (6, 6, 1)
    assert all_numbers(tmp_path, FRONT) == all_numbers(tmp_path, WRIST) == list(range(6))


def test_a_cut_off_recording_is_salvaged_only_when_asked(encode: Encode, tmp_path: Path) -> None:
    cut = record(tmp_path, 0, [0, 1, 2, 3], save=False)
    record(tmp_path, 1, [0, 1], first_number=40)
    report = encode(tmp_path)
    assert report.ending is Ending.INCOMPLETE
    assert [(left.episode, "--salvage" in str(left.hint)) for left in report.left] == [(cut.path.name, True)]
    assert all_numbers(tmp_path, FRONT) == [40, 41]
    report = encode(tmp_path, EncodeOptions(salvage=True))
    assert report.ending is Ending.COMPLETE
    assert all_numbers(tmp_path, FRONT) == [40, 41, 0, 1, 2, 3]


def test_an_episode_of_another_rate_or_robot_is_left_before_anything_is_encoded(encode: Encode, tmp_path: Path) -> None:
    record(tmp_path, 0, [0, 1])
    encode(tmp_path)
    other = record(tmp_path, 1, [0, 1], robot_type="so101")
    report = encode(tmp_path)
    assert "robot 'so101', expected 'so101_sim'" in report.left[0].reason
    assert not other.encoded_dir.exists()
    assert episode_lengths(tmp_path) == [2]


def test_a_recording_that_the_dataset_has_already_is_not_added_again(encode: Encode, tmp_path: Path) -> None:
    root, copy = tmp_path / "set", tmp_path / "copy"
    episode = record(root, 0, [0, 1])
    shutil.copytree(episode.path, copy)
    encode(root)
    shutil.copytree(copy, episode.path)
    report = encode(root)
    assert "in the dataset already" in report.left[0].reason
    assert episode_lengths(root) == [2]
    assert episode.path.is_dir()


def test_who_works_on_the_dataset_is_named(encode: Encode, tmp_path: Path) -> None:
    record(tmp_path, 0, [0, 1])
    with (
        ProcessLock(Workspace(tmp_path).writing_lock, "merging"),
        pytest.raises(DatasetLockedError, match=rf"merging \(process {os.getpid()}"),
    ):
        encode(tmp_path)
    assert len(list_pending(tmp_path)) == 1


@pytest.mark.slow
def test_a_run_that_is_told_to_stop_loses_nothing(tmp_path: Path) -> None:
    for sequence in range(4):
        record(tmp_path, sequence, list(range(20)), first_number=100 * sequence)
    stop = threading.Event()

    def stop_at_first_commit(event: Event) -> None:
        if isinstance(event, Committed):
            stop.set()

    report = encode_pending(tmp_path, EncodeOptions(jobs=1), stop_at_first_commit, stop=stop)
    assert report.ending is Ending.STOPPED
    assert report.episodes + len(report.left) == 4
    assert report.left
    report = encode_pending(tmp_path)
    assert report.total_episodes == 4
    assert all_numbers(tmp_path, WRIST) == [100 * s + n for s in range(4) for n in range(20)]


def test_a_disk_without_room_is_noticed_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tmp_path, 0, [0, 1])
    monkeypatch.setattr("lerotool.storage.free_bytes", lambda _: 10)
    size = tree_bytes(tmp_path)
    with pytest.raises(OSError, match=r"only 10 B are free") as raised:
        encode_pending(tmp_path)
    assert raised.value.errno == errno.ENOSPC
    assert not (tmp_path / "meta").exists()
    assert abs(tree_bytes(tmp_path) - size) < 1000


def test_measured_times_stay_beside_the_dataset(encode: Encode, tmp_path: Path) -> None:
    record(tmp_path, 0, [0, 0, 1])
    encode(tmp_path)
    (timing,) = Workspace(tmp_path).sidecar.glob("timing/*/*.parquet")
    table = pq.read_table(timing, partitioning=None)
    tick = np.array([0, 33333333, 66666666])
    assert table["tick_ns"].to_pylist() == tick.tolist()
    assert table[f"picture/{FRONT}"].to_pylist() == [0, 0, 1]
    assert table[f"picture_age_ns/{FRONT}"].to_pylist() == [0, 33333333, 33333333]


def test_the_speed_up_is_cpu_seconds_per_second(encode: Encode, tmp_path: Path) -> None:
    record(tmp_path, 0, list(range(20)))
    report = encode(tmp_path)
    assert report.frames == 40
    assert report.speed_up == report.cpu_s / report.encode_wall_s
    assert 0 < report.speed_up <= 2 * (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("jobs", "workers", "threads"), [(1, 2, [2]), (3, 2, [1, 1, 2]), (4, 2, [1] * 4), (5, 4, [1, 1, 1, 1, 4])]
)
def test_the_last_jobs_share_the_cores(jobs: int, workers: int, threads: list[int]) -> None:
    assert [encoder_threads(number, jobs, workers) for number in range(jobs)] == threads


def test_only_the_episodes_that_are_named_are_encoded(encode: Encode, tmp_path: Path) -> None:
    for sequence in range(4):
        record(tmp_path, sequence, [0, 1], first_number=10 * sequence)
    report = encode(tmp_path, EncodeOptions(only=frozenset([1, 3])))
    assert (report.ending, report.episodes, report.left) == (Ending.COMPLETE, 2, ())
    assert all_numbers(tmp_path, FRONT) == [10, 11, 30, 31]
    assert [episode.header.sequence for episode in list_pending(tmp_path)] == [0, 2]
    with pytest.raises(UsageError, match=r"no pending episode has one of these numbers; there are 0, 2$"):
        encode(tmp_path, EncodeOptions(only=frozenset([1, 3])))
    encode(tmp_path, EncodeOptions(only=frozenset([1, 2])))
    assert all_numbers(tmp_path, FRONT) == [10, 11, 30, 31, 20, 21]


def test_only_the_episodes_that_are_marked_so_are_encoded(encode: Encode, tmp_path: Path) -> None:
    for sequence, mark in enumerate([{"outcome": "success"}, {}, {"outcome": "success", "flagged": True}]):
        write_mark(record(tmp_path, sequence, [0, 1], first_number=10 * sequence).path, mark)
    report = encode(tmp_path, EncodeOptions(only="success"))
    assert (report.ending, report.episodes) == (Ending.COMPLETE, 2)
    assert all_numbers(tmp_path, FRONT) == [0, 1, 20, 21]
    with pytest.raises(UsageError, match=r"no pending episode is flagged; marks there: none$"):
        encode(tmp_path, EncodeOptions(only="flagged"))
    encode(tmp_path, EncodeOptions(only="unmarked"))
    assert all_numbers(tmp_path, FRONT) == [0, 1, 20, 21, 10, 11]


def test_an_episode_that_is_not_named_is_neither_salvaged_nor_told(encode: Encode, tmp_path: Path) -> None:
    cut = record(tmp_path, 0, [0, 1, 2], save=False)
    record(tmp_path, 1, [0, 1])
    report = encode(tmp_path, EncodeOptions(only=frozenset([1]), salvage=True))
    assert (report.episodes, report.left) == (1, ())
    assert not (cut.path / "saved.json").exists()


def test_pending_folders_can_stay_and_are_not_encoded_again(encode: Encode, tmp_path: Path) -> None:
    episode = record(tmp_path, 0, [0, 1, 2])
    packets = (episode.path / episode.header.packets_file(FRONT)).read_bytes()
    assert encode(tmp_path, EncodeOptions(keep_pending=True)).episodes == 1
    assert episode.state is State.COMMITTED
    assert (episode.path / episode.header.packets_file(FRONT)).read_bytes() == packets
    report = encode(tmp_path, EncodeOptions(keep_pending=True))
    assert (report.ending, report.episodes, report.left) == (Ending.COMPLETE, 0, ())
    assert all_numbers(tmp_path, FRONT) == [0, 1, 2]


@pytest.mark.slow
def test_a_kept_folder_whose_mark_was_not_written_is_marked_by_the_next_run(encode: Encode, tmp_path: Path) -> None:
    episode = record(tmp_path, 0, [0, 1, 2])
    encode(tmp_path, EncodeOptions(keep_pending=True))
    (episode.path / "committed.json").unlink()
    report = encode(tmp_path, EncodeOptions(keep_pending=True))
    assert (report.ending, report.episodes, report.left) == (Ending.COMPLETE, 0, ())
    assert episode.state is State.COMMITTED
