"""A reader sees the old dataset or the new one, also when another process changes it or was killed while doing so."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from lerotool.dataset import dataset as reading
from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError
from lerotool.storage import ProcessLock
from lerotool.workspace import Workspace
from tests.dataset.reading import EPISODES, VIDEO_SET, copy_set, edit_json
from tests.shared import needs_shared

pytestmark = needs_shared


def interrupted(root: Path) -> Workspace:
    """Leave a dataset as a process killed in the middle of a commit leaves it: the episode table not yet in place."""
    workspace = Workspace(root)
    staging = workspace.staging / "1f3a"
    staging.mkdir(parents=True)
    (root / EPISODES).rename(staging / "episodes.parquet")
    journal = {
        "schema": 1,
        "renames": [{"source": ".lerotool/staging/1f3a/episodes.parquet", "target": EPISODES}],
        "removals": [],
        "consumed": [],
        "staging": ".lerotool/staging/1f3a",
    }
    workspace.journal.write_text(json.dumps(journal))
    return workspace


def test_an_interrupted_change_is_finished_on_opening(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    workspace = interrupted(root)

    assert Dataset.open(root).num_episodes == 4
    assert not workspace.journal.exists()


def test_a_reader_waits_for_the_process_that_is_changing_the_dataset(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    workspace = interrupted(root)
    lock = ProcessLock(workspace.writing_lock, "adding episodes")
    lock.acquire()
    release = threading.Timer(0.2, lock.release)
    release.start()

    assert Dataset.open(root).num_episodes == 4
    release.join()


def test_a_journal_that_is_no_journal_is_named(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    interrupted(root).journal.write_text("{}")

    with pytest.raises(CorruptDatasetError, match=r"journal\.json"):
        Dataset.open(root)


def test_a_change_between_two_files_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The episode table is already the new one when info.json is still the old one: the reader takes the new one."""
    root = copy_set(VIDEO_SET, tmp_path)
    edit_json(root / "meta/info.json", lambda document: document.update(total_episodes=3, total_frames=44))
    read_tasks = reading.load_tasks
    reads: list[int] = []

    def load_tasks(*arguments: object) -> tuple[str, ...]:
        reads.append(1)
        if len(reads) == 1:
            edit_json(root / "meta/info.json", lambda document: document.update(total_episodes=4, total_frames=62))
        return read_tasks(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "load_tasks", load_tasks)

    assert Dataset.open(root).num_episodes == 4
    assert len(reads) == 2
