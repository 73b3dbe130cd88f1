"""``lerotool info`` says what a dataset contains, and does not need its rows for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lerotool.cli.app import run
from tests.patience import PATIENCE_S
from tests.shared import GOLDEN, REAL_SETS, REALDATA, needs_realdata


def test_one_json_document_tells_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(GOLDEN / "v30_lerobot061_two_cams"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert document["schema"] == 1
    assert (document["codebase_version"], document["robot_type"], document["fps"]) == ("v3.0", "so_follower", 10)
    assert (document["episodes"], document["frames"], len(document["tasks"])) == (4, 62, 2)
    assert document["hours"] == pytest.approx(6.2 / 3600)
    assert document["cameras"]["observation.images.wrist"] == {
        "dtype": "video",
        "codec": "av1",
        "pix_fmt": "yuv420p",
        "width": 96,
        "height": 64,
        "is_depth": False,
        "is_present": True,
    }
    assert document["bytes"] == sum(
        path.stat().st_size for path in (GOLDEN / "v30_lerobot061_two_cams").rglob("*") if path.is_file()
    )
    assert document["pending"] == {"episodes": 0, "frames": 0, "bytes": 0, "kinds": {}}


@needs_realdata
@pytest.mark.parametrize("name", REAL_SETS)
def test_recordings_of_others_are_described(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(REALDATA / name)]) == 0
    shown = capsys.readouterr()

    assert "episodes" in shown.out
    assert all(line == line.rstrip() for line in shown.out.splitlines())
    assert shown.err == ""


@needs_realdata
def test_a_camera_without_files_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    run(["info", str(REALDATA / "gr1_sim_v20")])

    assert "observation.images.egoview  1280x800 h264 yuv420p  (no video files)" in capsys.readouterr().out


def test_a_killed_recording_is_an_error_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(GOLDEN / "v30_lerobot061_crashed")]) == 3
    shown = capsys.readouterr()

    assert shown.out == ""
    assert "has no footer" in shown.err
    assert "hint: " in shown.err


def test_what_is_no_dataset_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(tmp_path), "--json"]) == 3
    shown = capsys.readouterr()

    assert shown.out == ""
    assert json.loads(shown.err)["type"] == "DatasetNotFoundError"


def test_texts_of_a_file_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    info = {"codebase_version": "v2.1", "fps": 1, "features": {}, "robot_type": "\x1b[2J[red]so", "total_episodes": 0}
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/info.json").write_text(json.dumps(info))
    assert run(["info", str(tmp_path)]) == 0

    assert "\\x1b[2J[red]so" in capsys.readouterr().out


@pytest.mark.slow
def test_a_folder_with_only_pending_episodes_shows_them_and_how_to_encode_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    recording = ["record", "--root", str(root), "--episodes", "1", "--episode-time", "0.3", "--batch", "0", "--quiet"]
    assert (
        subprocess.run(
            [sys.executable, "-m", "lerotool", *recording], stdin=subprocess.DEVNULL, timeout=PATIENCE_S
        ).returncode
        == 0
    )

    assert run(["info", str(root), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["episodes"], document["pending"]["kinds"]) == (0, {"complete": 1})
    assert document["pending"]["frames"] > 0
    assert run(["info", str(root)]) == 0
    assert f"lerotool encode --pending {root}" in capsys.readouterr().out
