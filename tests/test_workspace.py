"""Where things lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from lerotool.workspace import Workspace, dataset_root, lerobot_home


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
