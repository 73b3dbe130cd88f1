"""``lerotool list`` names every dataset on this machine, and what each is; it writes nothing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import lerotool
from lerotool.cli.app import run
from lerotool.dataset.partial import Partial, partial_path
from lerotool.storage import write_json
from lerotool.workspace import Workspace
from tests.dataset.reading import OLD_SET, VIDEO_SET, copy_set, tree_hash
from tests.encoding.recordings import record
from tests.shared import GOLDEN

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty LeRobot home, and an empty cache of the Hub beside it."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path / "hf" / "lerobot"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return tmp_path / "hf" / "lerobot"


def into_cache(source: Path, repository: Path) -> None:
    shutil.copytree(source, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)


def test_every_dataset_of_the_home_and_the_cache_is_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(GOLDEN / VIDEO_SET, home / "me" / "pick-cube")
    shutil.copytree(GOLDEN / OLD_SET, home / "me" / "old")
    into_cache(GOLDEN / VIDEO_SET, home.parent / "hub" / "datasets--you--theirs")
    before = tree_hash(home.parent)

    assert run(["list", "--json"]) == 0

    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)["datasets"]}
    assert list(listed) == ["me/old", "me/pick-cube", "you/theirs"]
    assert [each["shelf"] for each in listed.values()] == ["home", "home", "cache"]
    assert [each["version"] for each in listed.values()] == ["v2.1", "v3.0", "v3.0"]
    cube = listed["me/pick-cube"]
    assert (cube["episodes"], cube["frames"], cube["pending"], cube["problem"]) == (4, 62, 0, None)
    assert cube["hours"] == pytest.approx(6.2 / 3600)
    assert cube["bytes"] == sum(p.stat().st_size for p in (home / "me" / "pick-cube").rglob("*") if p.is_file())
    assert tree_hash(home.parent) == before


def test_a_name_in_the_list_is_what_commands_take(home: Path) -> None:
    shutil.copytree(GOLDEN / VIDEO_SET, home / "me" / "pick-cube")
    into_cache(GOLDEN / VIDEO_SET, home.parent / "hub" / "datasets--you--theirs")

    assert [run(["info", each.name]) for each in lerotool.list_datasets()] == [0, 0]


def test_datasets_that_are_none_of_lerobots_are_left_out(home: Path) -> None:
    other = home.parent / "hub" / "datasets--you--books" / "snapshots" / COMMIT
    (other / "meta").mkdir(parents=True)
    (other / "meta" / "info.json").write_text("{}")

    assert lerotool.list_datasets() == ()


def test_what_waits_to_be_encoded_is_counted(home: Path) -> None:
    for sequence in range(2):
        record(home / "me" / "new", sequence, range(3))

    (found,) = lerotool.list_datasets()

    assert (found.name, found.version, found.episodes, found.pending) == ("me/new", None, 0, 2)


def test_a_broken_dataset_is_listed_with_what_is_wrong(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copied = copy_set(VIDEO_SET, home / "me")
    (copied / "meta" / "info.json").write_text("{")

    assert run(["list"]) == 0

    assert "expected JSON" in capsys.readouterr().out


def test_a_partial_dataset_says_what_of_it_is_here(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = copy_set(VIDEO_SET, home / "me")
    Workspace.place(root).mkdir()
    write_json(partial_path(root), Partial("me/all", (0, 1, 2), 4).to_json())

    assert run(["list"]) == 0
    assert run(["info", str(root)]) == 0

    said = capsys.readouterr().out
    assert said.count("episodes 0-2 of 4") == 2
    assert "lerotool pull me/all" in said


def test_folders_are_searched_instead_when_they_are_named(home: Path, tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / VIDEO_SET, home / "me" / "pick-cube")
    root = copy_set(OLD_SET, tmp_path / "recordings")

    assert [each.root for each in lerotool.list_datasets([tmp_path / "recordings"])] == [root]
    assert [each.root for each in lerotool.list_datasets([root])] == [root]
    with pytest.raises(lerotool.DatasetNotFoundError):
        lerotool.list_datasets([tmp_path / "nowhere"])


def test_several_datasets_are_described_at_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = [os.fspath(GOLDEN / VIDEO_SET), os.fspath(GOLDEN / OLD_SET)]

    assert run(["info", *sets, "--json"]) == 0
    documents = json.loads(capsys.readouterr().out)["datasets"]
    assert [each["codebase_version"] for each in documents] == ["v3.0", "v2.1"]

    assert run(["info", sets[0], str(home / "nothing"), "--json"]) == 3
    said = capsys.readouterr()
    assert "the folder does not exist" in json.loads(said.out)["datasets"][1]["error"]
    assert "the folder does not exist" in said.err
