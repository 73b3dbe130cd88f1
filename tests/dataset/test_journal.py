"""A commit is all or nothing, whatever stops it at whatever call."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.appender import DatasetAppender, NewEpisode
from lerotool.dataset.writing.journal import Commit, Rename, commit, finish_interrupted, redo
from lerotool.errors import CorruptDatasetError
from lerotool.workspace import Workspace
from tests.dataset.faults import Fault, Killed, contents, faulty
from tests.dataset.writing import FPS, FRONT, STATE_ONLY, camera, episode

ONE_CAMERA = {**STATE_ONLY, FRONT: camera(16, 16)}


def prepared(root: Path) -> Commit:
    """A small change: two new files, one replaced, one removed, one pending episode."""
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
    return Commit(renames, ("data/old",), (".lerotool/pending/episode-000000-aa",), ".lerotool/staging/0001")


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
            assert (root / ".lerotool/pending/episode-000000-aa/saved.json").exists() == (contents(root) == old)
            seen.add(contents(root) == new)
            assert not finish_interrupted(Workspace(root))
            shutil.rmtree(root)
    assert seen == {True, False}


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
        ('{"schema": 2, "renames": [], "removals": [], "consumed": [], "staging": ".lerotool/staging/a"}', "schema"),
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
def test_a_journal_that_is_none_is_refused_and_nothing_is_touched(tmp_path: Path, broken: str, match: str) -> None:
    prepared(tmp_path)
    before = contents(tmp_path)
    Workspace(tmp_path).journal.write_text(broken)
    with pytest.raises(CorruptDatasetError, match=match):
        finish_interrupted(Workspace(tmp_path))
    assert contents(tmp_path) == before


def test_a_staged_file_that_has_vanished_is_named(tmp_path: Path) -> None:
    change = prepared(tmp_path)
    for at in count():
        with faulty(Fault.KILL, at), suppress(Killed):
            commit(Workspace(tmp_path), change)
        if Workspace(tmp_path).journal.exists():
            break
    journal = json.loads(Workspace(tmp_path).journal.read_text())
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
    for at in range(0, calls.count, 1 if fault is Fault.KILL else 3):
        root = shutil.copytree(one_episode, tmp_path / "ds")
        with DatasetAppender.open(root) as appender:
            new_episode = pending(root, 1)
            with faulty(fault, at), suppress(Killed, OSError):
                appender.append([new_episode])
        assert Dataset.open(root).num_episodes in (1, 2)
        assert contents(root) in (old, new)
        is_new = contents(root) == new
        assert is_new != new_episode.consumed.exists()
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
