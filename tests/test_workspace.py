"""Where things lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from lerotool.errors import ReadOnlyDatasetError
from lerotool.storage import tree_bytes
from lerotool.workspace import Workspace, dataset_name, dataset_root, lerobot_home


def test_the_home_is_the_first_that_the_environment_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_LEROBOT_HOME", "~/own")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    assert lerobot_home() == Path.home() / "own"
    monkeypatch.delenv("HF_LEROBOT_HOME")
    assert lerobot_home() == tmp_path / "hf" / "lerobot"
    monkeypatch.setenv("PLACE", str(tmp_path))
    monkeypatch.setenv("HF_HOME", "$PLACE/there")
    assert lerobot_home() == tmp_path / "there" / "lerobot"
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert lerobot_home() == tmp_path / "cache" / "huggingface" / "lerobot"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert lerobot_home() == Path.home() / ".cache" / "huggingface" / "lerobot"


def test_a_dataset_argument_is_a_folder_or_a_name_under_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    (home / "user" / "name").mkdir(parents=True)
    here.mkdir()
    monkeypatch.setenv("HF_LEROBOT_HOME", str(home))
    monkeypatch.chdir(here)
    assert dataset_root("user/name") == home / "user" / "name"
    assert dataset_root("user/other") == Path("user/other")
    (here / "user" / "name").mkdir(parents=True)
    assert dataset_root("user/name") == Path("user/name")
    assert dataset_root(str(tmp_path / "nowhere")) == tmp_path / "nowhere"
    assert dataset_root("~") == Path.home()


def test_everything_of_lerotool_lies_in_two_folders() -> None:
    workspace = Workspace(Path("d"))
    assert workspace.folder == Path("d/.lerotool")
    own = [
        workspace.pending,
        workspace.staging,
        workspace.journal,
        workspace.writing_lock,
        workspace.recording_lock,
    ]
    assert {path.parent for path in own} == {workspace.folder}
    assert len(set(own)) == 5
    assert workspace.sidecar == Path("d/meta/lerotool")


NEW, OLD = "a" * 40, "b" * 40


def cached(cache: Path, *commits: str, **refs: str) -> Path:
    """Make a repository of the Hub's cache as huggingface_hub lays it out, and return it."""
    repository = cache / "datasets--user--name"
    for commit in commits:
        folder, blob = repository / "snapshots" / commit / "meta", repository / "blobs" / commit
        folder.mkdir(parents=True)
        blob.parent.mkdir(exist_ok=True)
        blob.write_text("{}" * 500)
        (folder / "info.json").symlink_to(Path("../../../blobs", commit))
    (repository / "refs").mkdir()
    for name, commit in refs.items():
        (repository / "refs" / name.replace("_", ".")).write_text(commit)
    return repository


@pytest.fixture
def caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Path]:
    for name in ("HF_LEROBOT_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.chdir(tmp_path)
    return {"LeRobot 0.6": tmp_path / "hf/lerobot/hub", "hf download": tmp_path / "hf/hub"}


@pytest.mark.parametrize("place", ["LeRobot 0.6", "hf download"])
def test_a_name_is_found_in_the_caches_of_the_hub(caches: dict[str, Path], place: str) -> None:
    repository = cached(caches[place], NEW, main=NEW)
    assert dataset_root("user/name") == repository / "snapshots" / NEW
    assert dataset_root("user/other") == Path("user/other")
    assert dataset_root("../name") == Path("../name")


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"])
def test_the_cache_may_be_elsewhere(
    caches: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    del caches
    monkeypatch.setenv(variable, str(tmp_path / "own"))
    repository = cached(tmp_path / "own", NEW, main=NEW)
    assert dataset_root("user/name") == repository / "snapshots" / NEW


@pytest.mark.parametrize(
    ("refs", "taken"),
    [
        ({"v3_0": OLD, "main": NEW}, OLD),
        ({"v3_0": NEW, "v2_1": OLD}, NEW),
        ({"v2_1": OLD, "main": NEW}, OLD),
        ({"main": NEW}, NEW),
        ({"v3_0": "c" * 40, "main": NEW}, NEW),
    ],
    ids=str,
)
def test_the_snapshot_is_that_of_the_revision_that_lerobot_would_take(
    caches: dict[str, Path], refs: dict[str, str], taken: str
) -> None:
    repository = cached(caches["hf download"], OLD, NEW, **refs)
    assert dataset_root("user/name") == repository / "snapshots" / taken


def test_what_was_downloaded_by_its_commit_is_found_too(caches: dict[str, Path]) -> None:
    repository = cached(caches["hf download"], NEW)
    assert dataset_root("user/name") == repository / "snapshots" / NEW


def test_the_lerobot_home_comes_before_the_caches(caches: dict[str, Path]) -> None:
    cached(caches["hf download"], NEW, main=NEW)
    (lerobot_home() / "user/name").mkdir(parents=True)
    assert dataset_root("user/name") == lerobot_home() / "user/name"


def test_nobody_locks_a_dataset_of_the_cache_to_write_to_it(caches: dict[str, Path]) -> None:
    root = cached(caches["hf download"], NEW, main=NEW) / "snapshots" / NEW
    for lock in (Workspace(root).lock_for_writing, Workspace(root).lock_for_recording):
        with pytest.raises(ReadOnlyDatasetError, match="the Hub's cache keeps of user/name") as raised:
            lock("testing")
        assert raised.value.hint is not None
        assert raised.value.hint.endswith(f"lerotool merge {root} -o name")
    assert not (root / ".lerotool").exists()


def test_a_dataset_of_the_cache_has_its_name_and_the_size_of_its_files(caches: dict[str, Path]) -> None:
    root = cached(caches["hf download"], NEW, main=NEW) / "snapshots" / NEW
    assert dataset_name(root) == "user/name"
    assert dataset_name(Path("here/name")) == "name"
    assert tree_bytes(root) == 1000
