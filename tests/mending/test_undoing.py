"""A repair and a rescue can be taken back: every file is what it was, byte for byte, wherever one was interrupted."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lerotool
from lerotool.checking import check
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.history import read_entries
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.errors import CorruptDatasetError, IncompleteError
from lerotool.execution import ProcessExecutor
from lerotool.mending.forgetting import forget
from lerotool.mending.repair import repair
from lerotool.mending.undoing import plan_undo, undo
from lerotool.spool.pending import list_pending
from lerotool.workspace import Workspace
from tests.checking.defects import DEFECTS
from tests.checking.defects.edits import add, cut
from tests.dataset.edits import data, info
from tests.dataset.faults import Fault, Killed, faulty
from tests.dataset.reading import VIDEO_SET, copy_set, edit_json
from tests.mending.rescue.leftovers import BATCH, CRASHED, assert_is, copy_golden, expected_of
from tests.mending.rescue.test_pictures import old_batch


def contents(root: Path) -> dict[str, str]:
    """Return a hash of every file, those of lerotool's own folder but its locks included."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def broken(folder: Path) -> Path:
    """Return a set with timestamps that are off, an index gap and wrong totals."""
    root = copy_set(VIDEO_SET, folder)
    data(add("timestamp", 1000.25))(root)
    data(add("index", 100, slice(32, None)))(root)
    info(total_frames=70)(root)
    return root


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessExecutor]:
    with ProcessExecutor(1) as pool:
        yield pool


@pytest.fixture
def encode(pool: ProcessExecutor) -> Callable[[Path], object]:
    return functools.partial(encode_pending, options=EncodeOptions(rescue=True), executor=pool)


@pytest.mark.parametrize("name", ["data footerless", "rows shuffled", "v2.1: data_path is another", "v2.1: stray data"])
def test_a_repair_is_taken_back(tmp_path: Path, name: str) -> None:
    root = DEFECTS[name].make(tmp_path)
    before = contents(root)
    repair(root)
    assert contents(root) != before
    undone = undo(root)
    assert undone is not None
    assert undone.command.endswith("--repair")
    assert contents(root) == before
    assert undo(root) is None


def test_a_repair_in_several_rounds_is_taken_back_as_one(tmp_path: Path) -> None:
    root = broken(tmp_path)
    cut(root / "meta/episodes/chunk-000/file-000.parquet")
    before = contents(root)
    repair(root)
    assert check(root).is_sound
    undo(root)
    assert contents(root) == before


def test_what_would_be_taken_back_is_shown_and_nothing_is_changed(tmp_path: Path) -> None:
    root = broken(tmp_path)
    repair(root)
    before = contents(root)
    plan = plan_undo(root)
    assert plan is not None
    assert "meta/info.json" in plan.restored
    assert contents(root) == before
    assert undo(root) == plan


def test_a_repair_is_not_taken_back_after_something_else_has_changed(tmp_path: Path) -> None:
    root = broken(tmp_path)
    repair(root)
    edit_json(root / "meta/info.json", lambda document: document.update(robot_type="other"))
    before = contents(root)
    with pytest.raises(IncompleteError, match=r"these files were changed since: meta/info\.json"):
        undo(root)
    assert contents(root) == before


def test_a_repair_whose_files_are_forgotten_is_not_taken_back(tmp_path: Path) -> None:
    root = broken(tmp_path)
    repair(root)
    (kept,) = (root / ".lerotool/history").iterdir()
    (kept / "meta/info.json.kept").unlink()
    before = contents(root)
    with pytest.raises(CorruptDatasetError, match="the file as it was is missing"):
        undo(root)
    assert contents(root) == before
    forget(root)
    assert undo(root) is None


def test_forgetting_that_is_killed_leaves_no_half_of_a_change_and_is_done_by_the_next(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path / "old")
    lerotool.edit(root, lerotool.DeleteEpisodes([0]))
    with faulty() as calls:
        forget(copied(root, tmp_path / "count"), edits=True)
    for at in calls.kills:
        copy = copied(root, tmp_path / "copy")
        with faulty(Fault.KILL, at), contextlib.suppress(Killed):
            forget(copy, edits=True)
        for entry in read_entries(Workspace(copy)):
            assert all(entry.original(name).is_file() for name in entry.kept), at
        forget(copy, edits=True)
        own = [path for path in (copy / ".lerotool").rglob("*") if path.suffix != ".lock"]
        assert own == [copy / ".lerotool/staging"], at
        shutil.rmtree(copy)


def test_an_undo_that_was_killed_and_is_repeated_does_not_take_back_the_change_before_it(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path / "old")
    lerotool.edit(root, lerotool.DeleteEpisodes([0]))
    lerotool.edit(root, lerotool.SetTask("Another."))
    with faulty() as calls:
        undo(copied(root, tmp_path / "count"))
    for at in calls.kills[:-1]:
        copy = copied(root, tmp_path / "copy")
        with faulty(Fault.KILL, at), contextlib.suppress(Killed):
            undo(copy)
        is_over = not any(path.name.startswith("000002-") for path in (copy / ".lerotool/history").iterdir())
        if not is_over:
            undo(copy)
        assert [entry.folder.name[:6] for entry in read_entries(Workspace(copy))] == ["000001"], at
        staged = [path for path in (copy / ".lerotool/staging").glob("forgotten-*/*") if path.name != "change.json"]
        assert not staged, at
        shutil.rmtree(copy)


@pytest.mark.slow
@pytest.mark.parametrize("fault", Fault)
def test_taking_back_can_be_interrupted_anywhere(tmp_path: Path, fault: Fault) -> None:
    root = broken(tmp_path / "old")
    before = contents(root)
    repair(root)
    with faulty() as calls:
        undo(copied(root, tmp_path / "count"))
    assert calls.count > 20
    for at in calls.places(fault):
        copy = copied(root, tmp_path / "copy")
        with faulty(fault, at), contextlib.suppress(OSError, Killed):
            undo(copy)
        undo(copy)
        assert contents(copy) == before, at
        shutil.rmtree(copy)


@pytest.mark.slow
def test_a_repair_that_was_interrupted_anywhere_is_taken_back(tmp_path: Path) -> None:
    root = broken(tmp_path / "old")
    before = contents(root)
    with faulty() as calls:
        repair(copied(root, tmp_path / "count"))
    for at in calls.kills:
        copy = copied(root, tmp_path / "copy")
        with faulty(Fault.KILL, at), contextlib.suppress(Killed):
            repair(copy)
        undo(copy)
        assert contents(copy) == before, at
        shutil.rmtree(copy)


def copied(root: Path, target: Path) -> Path:
    shutil.copytree(root, target)
    return target


def test_a_rescue_that_gave_tables_back_is_taken_back(encode: Callable[[Path], object], tmp_path: Path) -> None:
    root = copy_golden(CRASHED, tmp_path / "set")
    before = contents(root)
    encode(root)
    undone = undo(root)
    assert undone is not None
    assert undone.command.startswith("lerotool encode --pending")
    assert contents(root) == before


def test_a_rescue_whose_pictures_were_encoded_is_taken_back_and_done_again(
    encode: Callable[[Path], object], tmp_path: Path
) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    before = contents(root)
    encode(root)
    assert not (root / "images").exists()
    undo(root)
    assert contents(root) == before
    encode(root)
    assert_is(root, expected_of(BATCH))


def test_videos_that_were_filled_in_are_taken_back(encode: Callable[[Path], object], tmp_path: Path) -> None:
    root = copy_golden("v21_lerobot033_two_cams", tmp_path / "set")
    old_batch(root, [1, 3])
    before = contents(root)
    encode(root)
    assert not (root / "images").exists()
    undo(root)
    assert contents(root) == before


def test_a_rescue_that_stopped_before_its_episodes_were_encoded_is_taken_back(
    encode: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    before = contents(root)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lerotool.encoding.run._encode", interrupted)
        with pytest.raises(KeyboardInterrupt):
            encode(root)
    assert len(list_pending(root)) == 3
    undo(root)
    assert list_pending(root) == []
    assert contents(root) == before


def test_a_rescue_is_not_taken_back_once_more_was_recorded(encode: Callable[[Path], object], tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    encode(root)
    edit_json(root / "meta/info.json", lambda document: document.update(total_episodes=4))
    with pytest.raises(IncompleteError, match="cannot be taken back without loss"):
        undo(root)


def test_forgetting_a_rescue_frees_the_pictures_and_keeps_rows_that_were_left(
    encode: Callable[[Path], object], tmp_path: Path
) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    encode(root)
    assert list((root / ".lerotool/history").rglob("*.png"))
    found = forget(root)
    assert (found.size > 0, found.only_here, found.waiting) == (True, (), ())
    assert not (root / ".lerotool/history").exists()
    assert Dataset.open(root).num_episodes == 3
