"""A commit is all or nothing, whatever stops it at whatever call."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path, PurePath
from typing import Any

import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.journal_file import Commit, Rename
from lerotool.dataset.layout import Files
from lerotool.dataset.reading.changes import state_before
from lerotool.dataset.writing.appender import DatasetAppender, NewEpisode
from lerotool.dataset.writing.journal import commit, put_aside, redo
from lerotool.dataset.writing.staging import finish_interrupted, sweep
from lerotool.errors import CorruptDatasetError, DatasetLockedError
from lerotool.workspace import Workspace, is_committed
from tests.dataset.faults import Fault, Killed, contents, faulty
from tests.dataset.writing import FPS, FRONT, STATE_ONLY, camera, episode

ONE_CAMERA = {**STATE_ONLY, FRONT: camera(16, 16)}


def prepared(root: Path) -> Commit:
    """A small change: two new files, one replaced, one removed and one that was never there, one pending episode."""
    staging = root / ".lerotool" / "staging" / "0001"
    pending = root / ".lerotool" / "pending" / "episode-000000-aa"
    for path, text in (
        (staging / "new", "new"),
        (staging / "info", "info 2"),
        (pending / "encoded" / "a.mp4", "video"),
        (pending / "saved.json", "{}"),
        (root / "meta" / "info.json", "info 1"),
        (root / "data" / "old", "old"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    renames = (
        Rename(".lerotool/staging/0001/info", "meta/info.json"),
        Rename(".lerotool/staging/0001/new", "data/chunk-000/new"),
        Rename(".lerotool/pending/episode-000000-aa/encoded/a.mp4", "videos/a/file.mp4"),
    )
    return Commit(
        renames, ("data/old", "data/never"), (".lerotool/pending/episode-000000-aa",), ".lerotool/staging/0001"
    )


PENDING = ".lerotool/pending/episode-000000-aa"
OLD = {"meta/info.json", "data/old"}
NEW = {"meta/info.json", "data/chunk-000/new", "videos/a/file.mp4"}


def test_a_commit_moves_replaces_and_removes_files(tmp_path: Path) -> None:
    change = prepared(tmp_path)
    commit(Workspace(tmp_path), change)
    assert set(contents(tmp_path)) == NEW
    assert (tmp_path / "meta/info.json").read_text() == "info 2"
    assert not list((tmp_path / ".lerotool" / "pending").iterdir())
    assert not list((tmp_path / ".lerotool" / "staging").iterdir())
    assert not (tmp_path / ".lerotool" / "journal.json").exists()


def test_a_commit_stopped_at_any_call_is_the_old_state_or_finished_by_the_next_one(tmp_path: Path) -> None:
    with faulty() as calls:
        commit(Workspace(tmp_path / "count"), prepared(tmp_path / "count"))
    assert calls.count > 20
    old = contents_before(tmp_path / "before")
    new = contents(tmp_path / "count")
    seen = set()
    for fault in Fault:
        for at in range(calls.count + 1):
            root = tmp_path / f"{fault.value}-{at}"
            change = prepared(root)
            with faulty(fault, at), suppress(Killed, OSError):
                commit(Workspace(root), change)
            decided = finish_interrupted(Workspace(root))
            assert contents(root) in (old, new)
            assert (contents(root) == new) or not decided
            assert waits(root) == (contents(root) == old)
            sweep(Workspace(root))
            assert (root / PENDING / "saved.json").exists() == (contents(root) == old)
            seen.add(contents(root) == new)
            assert not finish_interrupted(Workspace(root))
            shutil.rmtree(root)
    assert seen == {True, False}


def test_the_next_writer_removes_what_a_dead_one_left_in_staging_also_if_it_has_nothing_to_do(tmp_path: Path) -> None:
    commit(Workspace(tmp_path), prepared(tmp_path))
    left = Workspace(tmp_path).staging / "0002"
    (left / "before").mkdir(parents=True)
    (left / "before" / "data").write_text("old")
    before = contents(tmp_path)
    assert not finish_interrupted(Workspace(tmp_path))
    assert not left.exists()
    assert contents(tmp_path) == before


def test_the_files_of_a_writer_at_work_stay(tmp_path: Path) -> None:
    prepared(tmp_path)
    workspace = Workspace(tmp_path)
    lock = workspace.lock_for_writing("writing")
    lock.acquire()
    try:
        before = everything(tmp_path)
        assert not finish_interrupted(workspace)
        assert everything(tmp_path) == before
    finally:
        lock.release()


def waits(root: Path) -> bool:
    return (root / PENDING / "saved.json").exists() and not is_committed(root / PENDING)


def seen(root: Path) -> dict[str, str]:
    """What a reader finds under the names of the old state and the new one."""
    files, _ = state_before(Workspace(root))
    names = {*NEW, "data/old"}
    found = {name: files.path(name).read_text() for name in names if files.path(name).exists()}
    listed = {*files.glob(PurePath("data"), "*"), *files.glob(PurePath("data"), "*/*")}
    assert {name for name in listed if (root / files.name(name)).is_file()} == {n for n in found if n[:5] == "data/"}
    return found


@pytest.mark.parametrize("can_link", [True, False])
def test_a_reader_sees_the_old_state_until_the_journal_has_gone_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_link: bool
) -> None:
    if not can_link:
        monkeypatch.setattr(os, "link", no_links)
    old = {"meta/info.json": "info 1", "data/old": "old"}
    new = {"meta/info.json": "info 2", "data/chunk-000/new": "new", "videos/a/file.mp4": "video"}
    with faulty() as calls:
        commit(Workspace(tmp_path / "count"), prepared(tmp_path / "count"))
    outcomes = []
    for at in range(calls.count + 1):
        root = tmp_path / str(at)
        change = prepared(root)
        with faulty(Fault.KILL, at), suppress(Killed):
            commit(Workspace(root), change)
        before = everything(root)
        found = seen(root)
        assert everything(root) == before
        assert found in (old, new)
        assert waits(root) == (found == old)
        outcomes.append(found == new)
        shutil.rmtree(root)
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {True, False}


def no_links(*arguments: object, **options: object) -> None:
    raise OSError(errno.EPERM, "no links here")


def everything(root: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in sorted(root.rglob("*"))}


def contents_before(root: Path) -> dict[str, str]:
    prepared(root)
    return contents(root)


def test_finishing_that_is_stopped_itself_can_be_repeated(tmp_path: Path) -> None:
    with faulty() as calls:
        commit(Workspace(tmp_path / "count"), prepared(tmp_path / "count"))
    new = contents(tmp_path / "count")
    for first in range(12, calls.count, 5):
        for second in range(0, calls.count, 4):
            root = tmp_path / f"{first}-{second}"
            change = prepared(root)
            with faulty(Fault.KILL, first), suppress(Killed):
                commit(Workspace(root), change)
            is_decided = Workspace(root).journal.exists()
            with faulty(Fault.KILL, second), suppress(Killed):
                redo(Workspace(root))
            redo(Workspace(root))
            assert not is_decided or contents(root) == new
            shutil.rmtree(root)


@pytest.mark.parametrize(
    ("broken", "match"),
    [
        ("{", "Invalid JSON"),
        ('{"schema": 3, "renames": [], "removals": [], "consumed": [], "staging": ".lerotool/staging/a"}', "schema"),
        (
            '{"schema": 1, "renames": [], "removals": ["data/old"], "consumed": [], "staging": ".lerotool/staging/a"}',
            "does not belong",
        ),
        (
            '{"schema": 1, "renames": [], "removals": ["../x"], "consumed": [], "staging": ".lerotool/staging/a"}',
            "inside",
        ),
        (
            '{"schema": 1, "renames": [], "removals": ["/x"], "consumed": [], "staging": ".lerotool/staging/a"}',
            "inside",
        ),
        (
            '{"schema": 1, "renames": [], "removals": [], "consumed": ["data"], "staging": ".lerotool/staging/a"}',
            "pending",
        ),
        ('{"schema": 1, "renames": [], "removals": [], "consumed": [], "staging": "meta"}', "staging"),
    ],
)
def test_a_journal_that_is_none_is_ignored_by_readers_and_refused_by_writers(
    tmp_path: Path, broken: str, match: str
) -> None:
    prepared(tmp_path)
    Workspace(tmp_path).journal.write_text(broken)
    before = everything(tmp_path)
    files, note = state_before(Workspace(tmp_path))
    assert files == Files(tmp_path)
    assert note is not None
    assert "is ignored" in note
    assert everything(tmp_path) == before
    with pytest.raises(CorruptDatasetError, match=match) as raised:
        finish_interrupted(Workspace(tmp_path))
    assert raised.value.hint == f"lerotool check {tmp_path} --repair"
    assert contents(tmp_path) == {name: digest for name, digest in contents(tmp_path).items() if name in OLD}
    assert put_aside(Workspace(tmp_path), tmp_path / ".lerotool/repaired/now")
    assert not finish_interrupted(Workspace(tmp_path))


def decided(root: Path) -> dict[str, Any]:
    """Leave a dataset in the middle of a commit, and return its journal."""
    change = prepared(root)
    for at in count():
        with faulty(Fault.KILL, at), suppress(Killed):
            commit(Workspace(root), change)
        if Workspace(root).journal.exists():
            return dict(json.loads(Workspace(root).journal.read_text()))
    raise AssertionError


def strangers(journal: dict[str, Any], root: Path) -> None:
    journal["renames"][0]["sha256"] = "0" * 64


def tampered(journal: dict[str, Any], root: Path) -> None:
    (root / journal["renames"][0]["source"]).write_text("xxx")


def without_kept(journal: dict[str, Any], root: Path) -> None:
    (root / ".lerotool/staging/0001/before/meta/info.json").unlink()


def that_only_removes(journal: dict[str, Any], root: Path) -> None:
    journal["renames"] = []


@pytest.mark.parametrize("change", [strangers, tampered, without_kept, that_only_removes])
def test_a_journal_that_is_not_provably_the_datasets_own_is_not_carried_out(
    tmp_path: Path, change: Callable[[dict[str, Any], Path], None]
) -> None:
    journal = decided(tmp_path)
    change(journal, tmp_path)
    Workspace(tmp_path).journal.write_text(json.dumps(journal))
    before = contents(tmp_path)
    with pytest.raises(CorruptDatasetError, match="does not belong to the dataset"):
        finish_interrupted(Workspace(tmp_path))
    assert contents(tmp_path) == before
    assert "is ignored" in str(state_before(Workspace(tmp_path))[1])


def old_journal(root: Path) -> list[tuple[str, str]]:
    """Turn a journal that was just decided into one of the first release; return what it moves."""
    journal = decided(root)
    del journal["replaced"]
    moves = [(rename["source"], rename["target"]) for rename in journal["renames"]]
    journal["renames"] = [{"source": source, "target": target} for source, target in moves]
    shutil.rmtree(root / ".lerotool/staging/0001/before")
    Workspace(root).journal.write_text(json.dumps(journal | {"schema": 1}))
    return moves


@pytest.mark.parametrize("moved", range(4))
def test_a_commit_of_the_first_release_is_finished_by_a_writer_and_never_by_a_reader(
    tmp_path: Path, moved: int
) -> None:
    for source, target in old_journal(tmp_path)[:moved]:
        (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / source).replace(tmp_path / target)
    before = everything(tmp_path)
    if 0 < moved < 3:
        with pytest.raises(DatasetLockedError, match="first release") as raised:
            state_before(Workspace(tmp_path))
        assert raised.value.hint == f"lerotool check {tmp_path} --repair"
    else:
        assert state_before(Workspace(tmp_path))[0] == Files(tmp_path)
    assert everything(tmp_path) == before
    assert finish_interrupted(Workspace(tmp_path))
    assert set(contents(tmp_path)) == NEW


def test_a_commit_of_the_first_release_that_has_lost_a_file_is_not_carried_out(tmp_path: Path) -> None:
    source, _ = old_journal(tmp_path)[0]
    (tmp_path / source).unlink()
    before = contents(tmp_path)
    with pytest.raises(CorruptDatasetError, match=source):
        finish_interrupted(Workspace(tmp_path))
    assert contents(tmp_path) == before


def test_a_staged_file_that_has_vanished_is_named(tmp_path: Path) -> None:
    journal = decided(tmp_path)
    assert journal["renames"][-1]["target"] == "meta/info.json"
    (tmp_path / ".lerotool/staging/0001/new").unlink()
    with pytest.raises(CorruptDatasetError, match="staging/0001/new"):
        finish_interrupted(Workspace(tmp_path))


def start(root: Path) -> None:
    """A dataset of one episode."""
    with DatasetAppender.create(root, FPS, ONE_CAMERA, "sim") as appender:
        appender.append([pending(root, 0)])


def pending(root: Path, seed: int) -> NewEpisode:
    return episode(root / ".lerotool" / "pending" / f"episode-{seed:06d}", ONE_CAMERA, ["pick"] * 3, seed, pending=True)


def add(root: Path, seed: int) -> None:
    with DatasetAppender.open(root) as appender:
        appender.append([pending(root, seed)])


@pytest.fixture(scope="module")
def one_episode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("one") / "ds"
    start(root)
    return root


@pytest.mark.parametrize("fault", list(Fault))
def test_an_append_stopped_at_any_call_leaves_the_old_dataset_or_the_new(
    one_episode: Path, tmp_path: Path, fault: Fault
) -> None:
    old = contents(one_episode)
    counted = shutil.copytree(one_episode, tmp_path / "counted")
    new_episode = pending(counted, 1)
    with DatasetAppender.open(counted) as appender, faulty() as calls:
        appender.append([new_episode])
    new = contents(counted)
    assert new != old
    outcomes = []
    for at in calls.places(fault, every=3):
        root = shutil.copytree(one_episode, tmp_path / "ds")
        with DatasetAppender.open(root) as appender:
            new_episode = pending(root, 1)
            with faulty(fault, at), suppress(Killed, OSError):
                appender.append([new_episode])
        is_unfinished = Workspace(root).journal.exists()
        before = everything(root)
        assert Dataset.open(root).num_episodes in ((1,) if is_unfinished else (1, 2))
        assert everything(root) == before
        finish_interrupted(Workspace(root))
        assert contents(root) in (old, new)
        is_new = contents(root) == new
        assert is_new >= is_unfinished
        assert is_new != (new_episode.consumed.exists() and not is_committed(new_episode.consumed))
        if not is_new:
            assert new_episode.videos[FRONT].path.exists()
            add(root, 1)
            assert contents(root) == new
        with DatasetAppender.open(root):
            pass
        assert not list((root / ".lerotool/staging").iterdir())
        outcomes.append(is_new)
        shutil.rmtree(root)
    assert set(outcomes) == {True, False}
    assert outcomes == sorted(outcomes) or fault is Fault.ERROR
