"""``lerotool check``: exit codes, JSON on stdout alone, several datasets, repairs, text from files on a terminal."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lerotool.cli import app
from tests.checking.defects import DEFECTS
from tests.dataset.faults import contents
from tests.dataset.reading import PLAIN_SET, VIDEO_SET, copy_set, edit_json, tree_hash
from tests.shared import GOLDEN


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = app.run(["check", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def document(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code, out, err = run(capsys, *arguments, "--json")
    assert not err
    return code, json.loads(out)


def test_a_sound_dataset_exits_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, GOLDEN / VIDEO_SET)

    assert code == 0
    assert "LeRobot v3.0, 4 episodes, 62 frames: LeRobot loads it; nothing found" in out
    assert not err


def test_a_broken_dataset_exits_with_three_and_says_what_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = DEFECTS["wall-clock timestamps"].make(tmp_path)

    code, out, _ = run(capsys, root)

    assert code == 3
    assert "frames are wrong or missing (1 error)" in out
    assert "wrong-timestamps  data/chunk-000/file-000.parquet, episode 0, row 0, 'timestamp'" in out
    assert f"lerotool check {root} --repair   for wrong-timestamps" in out


def test_warnings_count_only_with_strict(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = DEFECTS["splits wrong"].make(tmp_path)

    assert run(capsys, root)[0] == 0
    assert run(capsys, root, "--strict")[0] == 3


def test_several_datasets_make_one_document_and_the_worst_exit_code(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    broken = DEFECTS["video missing"].make(tmp_path)

    code, out, err = run(capsys, GOLDEN / VIDEO_SET, broken, tmp_path / "nothing", "--json")
    found = json.loads(out)

    assert code == 3
    assert str(tmp_path / "nothing") in err
    assert found["schema"] == 1
    first, second, third = found["datasets"]
    assert (first["loading"], first["findings"], first["frames"]) == ("right", [], 62)
    assert (second["loading"], second["errors"]) == ("refused", 1)
    (finding,) = second["findings"]
    assert finding["code"] == "video-missing"
    assert finding["file"] == "videos/observation.images.front/chunk-000/file-000.mp4"
    assert finding["episodes"] == [0, 1, 2, 3]
    assert "the folder does not exist" in third["error"]


def test_one_dataset_that_is_none_is_an_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = run(capsys, tmp_path / "nothing")

    assert (code, out) == (3, "")
    assert "the folder does not exist" in err


def test_deep_checking_decodes_every_picture(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = copy_set(PLAIN_SET, tmp_path)

    assert run(capsys, root, "--deep", "--jobs", "2")[0] == 0


def test_options_that_do_not_go_together_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, GOLDEN / VIDEO_SET, "--dry-run")[0] == 2
    assert run(capsys, GOLDEN / VIDEO_SET, "--drop-episodes")[0] == 2
    assert run(capsys, GOLDEN / VIDEO_SET, "--repair", "--forget")[0] == 2
    assert run(capsys, GOLDEN / VIDEO_SET, "--undo", "--forget")[0] == 2


def test_a_repair_is_shown_done_and_forgotten(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = DEFECTS["index gap"].make(tmp_path)
    before = tree_hash(root)

    code, planned = document(capsys, root, "--repair", "--dry-run")
    assert code == 0
    assert tree_hash(root) == before

    code, done = document(capsys, root, "--repair")
    assert code == 0
    assert (planned["dry_run"], done["dry_run"]) == (True, False)
    assert done["datasets"][0]["steps"] == planned["datasets"][0]["steps"]
    assert done["datasets"][0]["after"]["loading"] == "right"
    kept = Path(done["datasets"][0]["kept"])
    assert (kept / "data/chunk-000/file-000.parquet.kept").is_file()

    code, out, _ = run(capsys, root, "--forget")
    assert code == 0
    assert "of old files removed" in out
    assert not kept.exists()


def test_a_repair_is_taken_back(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = DEFECTS["index gap"].make(tmp_path)
    before = contents(root)
    code, out, _ = run(capsys, root, "--repair")
    assert code == 0
    assert f"to take the repair back: lerotool check {root} --undo" in out
    repaired = contents(root)

    code, planned = document(capsys, root, "--undo", "--dry-run")
    assert (code, planned["dry_run"], contents(root)) == (0, True, repaired)
    assert "meta/info.json" in planned["datasets"][0]["restored"]

    code, out, _ = run(capsys, root, "--undo")
    assert (code, contents(root)) == (0, before)
    assert f"taken back: lerotool check {root} --repair" in out
    assert run(capsys, root, "--undo")[:2] == (0, f"{root}: there is nothing to take back\n")


def test_a_repair_that_leaves_errors_exits_with_eight(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = DEFECTS["video cut"].make(tmp_path)

    code, out, _ = run(capsys, root, "--repair")
    assert code == 8
    assert "nothing can be repaired" in out
    assert "leave them out: lerotool check" in out

    code, out, _ = run(capsys, root, "--repair", "--drop-episodes")
    assert code == 0
    assert "are left out: pictures of observation.images.front are lost" in out


def test_text_from_files_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07\u202e"
    root = copy_set(PLAIN_SET, tmp_path)

    def change(found: dict[str, Any]) -> None:
        found["features"][f"state{evil}"] = {"dtype": "float32", "shape": [1], "names": None}
        found["splits"] = {"train": evil}
        found["total_episodes"] = 7

    edit_json(root / "meta/info.json", change)
    shutil.copyfile(root / "data/chunk-000/file-000.parquet", root / f"data/chunk-000/x{evil}.parquet")
    for options in ([], ["--repair", "--dry-run"], ["--repair"]):
        _, out, err = run(capsys, root, *options)
        assert "column-missing" in out or "left as it is" in out
        for letter in (*evil, "\x07"):
            assert letter.isprintable() or letter not in out + err


@pytest.mark.slow
def test_an_impossible_dataset_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/info.json").write_text("[" * 100_000)

    finished = subprocess.run(
        [sys.executable, "-m", "lerotool", "check", str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert finished.returncode == 3
    assert "info-unreadable" in finished.stdout
    assert not finished.stderr
