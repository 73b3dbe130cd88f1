"""A reader sees the old dataset or the new one, also when another process changes it or was killed while doing so."""

from __future__ import annotations

import contextlib
import json
import threading
from itertools import count
from pathlib import Path

import pytest

from lerotool.cli import app
from lerotool.dataset import dataset as reading
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.journal import redo
from lerotool.dataset.writing.staging import Staging
from lerotool.errors import CorruptDatasetError, DatasetNotFoundError
from lerotool.storage import ProcessLock
from lerotool.workspace import Workspace
from tests.dataset.faults import Fault, Killed, faulty
from tests.dataset.reading import VIDEO_SET, copy_set, edit_json, tree_hash


def interrupted(root: Path) -> Workspace:
    """Leave a dataset as a process killed in the middle of a commit leaves it: the new tasks are in place, no more."""
    workspace = Workspace(root)
    staging = Staging(workspace)
    staging.write(root / "meta/tasks.parquet", (root / "meta/tasks.parquet").read_bytes())
    edited = json.loads((root / "meta/info.json").read_text()) | {"total_episodes": 40}
    staging.write_json(root / "meta/info.json", edited)
    for at in count():
        with faulty(Fault.KILL, at), contextlib.suppress(Killed):
            staging.commit()
        if workspace.journal.exists() and staging.staged() and not (staging_folder(workspace) / FIRST).exists():
            return workspace
    raise AssertionError


FIRST = "000001-tasks.parquet"


def staging_folder(workspace: Workspace) -> Path:
    (folder,) = workspace.staging.iterdir()
    return folder


def test_an_interrupted_change_is_not_seen_and_not_finished_by_a_reader(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    expected = Dataset.open(root).rows()
    workspace = interrupted(root)
    before = tree_hash(root)

    dataset = Dataset.open(root)
    assert dataset.num_episodes == 4
    assert dataset.rows() == expected
    assert dataset.unfinished is not None
    assert f"lerotool check {root} --repair" in dataset.unfinished
    assert workspace.journal.exists()
    assert tree_hash(root) == before


def test_a_first_commit_that_was_interrupted_is_no_dataset_yet_and_the_cure_is_named(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    workspace, path = Workspace(root), root / "meta/info.json"
    document = path.read_bytes()
    path.unlink()
    staging = Staging(workspace)
    staging.write(path, document)
    for at in count():
        with faulty(Fault.KILL, at), contextlib.suppress(Killed):
            staging.commit()
        if path.exists():
            break
    assert workspace.journal.exists()

    with pytest.raises(DatasetNotFoundError, match="is not a dataset yet") as caught:
        Dataset.open(root)

    assert caught.value.hint == f"finish it: lerotool check {root} --repair"
    assert app.run(["check", str(root), "--repair"]) == 0
    assert Dataset.open(root).num_episodes == 4


def test_a_reader_waits_for_the_process_that_is_changing_the_dataset(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    workspace = interrupted(root)
    lock = ProcessLock(workspace.writing_lock, "adding episodes")
    lock.acquire()

    def finish() -> None:
        redo(workspace)
        lock.release()

    finishing = threading.Timer(0.2, finish)
    finishing.start()
    with pytest.raises(CorruptDatasetError, match="expected 40 total_episodes"):
        Dataset.open(root)  # the new state, which is nonsense here
    finishing.join()


def test_a_journal_that_is_no_journal_is_ignored_with_a_word(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    Workspace(root).folder.mkdir()
    Workspace(root).journal.write_text("{}")
    before = tree_hash(root)

    dataset = Dataset.open(root)
    assert dataset.num_episodes == 4
    assert "journal.json" in str(dataset.unfinished)
    assert tree_hash(root) == before


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
