"""``lerotool edit``: what would change and what has, for people and machines, questions, the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lerotool.cli import app
from lerotool.dataset.dataset import Dataset
from tests.dataset.reading import VIDEO_SET, copy_set
from tests.mending.test_undoing import contents


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = app.run(["edit", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def document(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    code, out, err = run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    return dict(json.loads(out))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return copy_set(VIDEO_SET, tmp_path)


def test_a_dry_run_says_what_would_change_and_changes_nothing(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    before = contents(root)
    lengths = Dataset.open(root).episodes.lengths.tolist()

    code, out, _ = run(capsys, "delete", root, "0,-1", "--dry-run")

    assert code == 0
    assert "would have 2 episodes" in out
    assert "episodes 0, 3 would leave" in out
    assert "of its videos would show no episode" in out
    told = document(capsys, "delete", root, "0,-1", "--dry-run")
    assert (told["dry_run"], told["left_out"], told["episodes"]) == (True, [0, 3], 2)
    assert told["frames_left_out"] == lengths[0] + lengths[3]
    assert told["unneeded_bytes"] > 0
    assert contents(root) == before


def test_repacking_says_what_it_frees_and_an_edit_what_it_would(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    assert f"lerotool edit repack {root}" in run(capsys, "delete", root, "1")[1]
    before = contents(root)
    told = document(capsys, "repack", root, "--dry-run")
    assert told["freed_bytes"] > 0
    assert "of its videos would leave" in run(capsys, "repack", root, "--dry-run")[1]
    assert contents(root) == before
    done = document(capsys, "repack", root)
    assert (done["freed_bytes"] > 0, done["data_files"], done["video_files"]) == (True, 1, told["video_files"])
    assert "nothing to repack" in run(capsys, "repack", root)[1]


def test_an_edit_says_how_it_is_taken_back_and_the_log_tells_of_it(
    capsys: pytest.CaptureFixture[str], root: Path
) -> None:
    before = contents(root)

    code, out, err = run(capsys, "delete", root, -1)

    assert (code, err) == (0, "")
    assert f"lerotool edit undo {root}" in out
    assert f"lerotool edit delete {root} -1" in run(capsys, "log", root)[1]
    assert [each["command"] for each in document(capsys, "log", root)["changes"]] == [f"lerotool edit delete {root} -1"]
    assert run(capsys, "undo", root)[0] == 0
    assert contents(root) == before
    assert "nothing to take back" in run(capsys, "log", root)[1]


def test_forgetting_ends_the_way_back(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    assert document(capsys, "keep", root, "1-2")["episodes"] == 2
    assert "of old files removed" in run(capsys, "forget", root)[1]
    assert "nothing to take back" in run(capsys, "undo", root)[1]


def test_a_choice_that_cannot_be_exits_with_two(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    for episodes in ("0-3", "17", "flagged", "--frist"):
        code, out, err = run(capsys, "delete", root, episodes)
        assert (code, out) == (2, ""), episodes
        assert "error: " in err
