"""``lerotool encode DATASET -o FOLDER`` as typed: real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.media.probe import probe
from tests.patience import PATIENCE_S
from tests.shared import GOLDEN

SOURCE = GOLDEN / "v30_lerobot061_two_cams"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lerotool", "encode", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)


@pytest.mark.slow
def test_a_dataset_gets_other_videos(tmp_path: Path) -> None:
    found = run(SOURCE, "--codec", "h264", "--preset", "veryfast", "-o", tmp_path / "new", "--json")
    assert found.returncode == 0, found.stderr
    report = json.loads(found.stdout)
    assert (report["files"], report["frames"], report["encoder"]["vcodec"]) == (2, 124, "h264")
    assert report["video_bytes"] == sum(video.stat().st_size for video in (tmp_path / "new").rglob("*.mp4"))
    assert {probe(video).codec for video in (tmp_path / "new").rglob("*.mp4")} == {"h264"}
    assert Dataset.open(tmp_path / "new").num_frames == 62


@pytest.mark.slow
def test_a_dry_run_tells_and_makes_nothing(tmp_path: Path) -> None:
    found = run(SOURCE, "--vcodec", "hevc", "-o", tmp_path / "new", "--dry-run")
    assert found.returncode == 0, found.stderr
    assert "2 video files, 124 frames" in found.stdout
    assert "hevc" in found.stdout
    assert not any(tmp_path.iterdir())


def test_the_hint_of_an_unclear_line_names_the_dataset() -> None:
    found = run(SOURCE)
    assert (
        f"hint: pending episodes: lerotool encode --pending {SOURCE}; other videos: lerotool encode {SOURCE} -o "
        in found.stderr
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["{source}"], 2, "say what to encode"),
        (["{source}", "--pending", "-o", "{target}"], 2, "exclude each other"),
        (["-o", "{target}"], 2, "takes one dataset, found 0"),
        (["{source}", "-o", "{target}", "--salvage"], 2, "pending episodes"),
        (["{source}", "-o", "{source}"], 5, "exists already: a dataset"),
        (["{target}-nowhere", "-o", "{target}"], 3, "nowhere"),
        (["{source}", "-o", "{target}", "--codec", "nonsense"], 6, "no video encoder 'nonsense'"),
    ],
)
def test_what_makes_no_sense_is_told_and_nothing_is_made(
    tmp_path: Path, arguments: list[str], code: int, text: str
) -> None:
    filled = [argument.format(source=SOURCE, target=tmp_path / "new") for argument in arguments]
    found = run(*filled)
    assert (found.returncode, text in found.stderr) == (code, True), found.stderr
    assert "Traceback" not in found.stderr
    assert not any(tmp_path.iterdir())
