"""A recording that was killed gets its tables back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.encoding.events import Ending
from lerotool.mending.fates import Fate
from tests.dataset.reading import edit_json, tree_hash
from tests.lerobot_judge import judge
from tests.mending.rescue.leftovers import (
    BATCH,
    CRASHED,
    FRONT,
    WRIST,
    Encode,
    age,
    assert_is,
    copy_golden,
    expected_of,
    fates,
    picture,
    reason,
    rewrite,
    tear_off_footer,
    unencode,
)

pytestmark = pytest.mark.slow


def test_a_killed_recording_gets_its_tables_back_and_keeps_its_videos(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(CRASHED, tmp_path / "set")
    before = tree_hash(root)
    report = encode(root)
    assert_is(root, expected_of(CRASHED))
    assert report.ending is Ending.INCOMPLETE
    assert fates(report) == {**dict.fromkeys(range(12), Fate.KEPT), 12: Fate.LEFT}
    assert "these pictures have no rows" in reason(report, 12)
    after = tree_hash(root)
    assert {name for name in before if name.startswith(("images", "videos"))} == {
        name for name in before if after.get(name) == before[name] and name.startswith(("images", "videos"))
    }
    originals = report.rescue.originals if report.rescue else None
    assert originals is not None
    for name in ("data/chunk-000/file-000.parquet", "meta/episodes/chunk-000/file-000.parquet", "meta/info.json"):
        assert tree_hash(originals)[f"{name}.kept"] == before[name]


@pytest.mark.lerobot
@pytest.mark.parametrize("name", [CRASHED, BATCH])
def test_lerobot_loads_what_was_rescued(encode: Encode, tmp_path: Path, name: str) -> None:
    root = copy_golden(name, tmp_path / "set")
    encode(root)
    expected = expected_of(name)
    found = judge(root)
    assert (found["episodes"], found["frames"]) == (expected["num_episodes"], expected["num_frames"])
    stats = Dataset.open(root).stats
    for feature, entry in expected["stats"].items():
        for part in ("min", "max", "mean", "std"):
            # LeRobot's deviation of pictures is put together from bins.
            tolerance = 1e-3 if "images" in feature else 1e-5
            np.testing.assert_allclose(getattr(stats[feature], part), np.array(entry[part]), atol=tolerance)


@pytest.mark.parametrize("place", ["joined", "not joined"])
def test_an_episode_that_was_being_encoded_when_it_stopped_is_saved(encode: Encode, tmp_path: Path, place: str) -> None:
    """One camera's pictures are gone already: they are in a video, joined to the others or in a folder of its own."""
    name = "v30_lerobot061_two_cams"
    root = copy_golden(name, tmp_path / "set")
    unencode(root, [3])
    shutil.rmtree(picture(root, FRONT, 3, 0).parent)
    for path in ("data/chunk-000/file-000.parquet", "meta/episodes/chunk-000/file-000.parquet"):
        tear_off_footer(root / path)
    video = root / f"videos/{FRONT}/chunk-000/file-000.mp4"
    if place == "not joined":
        whole = shutil.copy(video, tmp_path / "whole.mp4")
        rewrite(whole, video, 0, 44)
        (root / "tmpabcd").mkdir()
        rewrite(whole, root / "tmpabcd" / f"{FRONT}_003.mp4", 44, 62)
    wrist = root / f"videos/{WRIST}/chunk-000/file-000.mp4"
    rewrite(shutil.copy(wrist, tmp_path / "wrist.mp4"), wrist, 0, 44)
    age(root)
    report = encode(root)
    assert {number: fate for number, fate in fates(report).items() if fate is not Fate.KEPT} == {3: Fate.ENCODED}
    assert f"the pictures of {FRONT} come out of a video and are encoded again" in reason(report, 3)
    assert_is(root, expected_of(name))


def test_a_resumed_recording_that_was_killed_keeps_what_was_closed_before(encode: Encode, tmp_path: Path) -> None:
    name = "v30_lerobot061_resumed"
    root = copy_golden(name, tmp_path / "set")
    for path in ("data/chunk-000/file-001.parquet", "meta/episodes/chunk-000/file-001.parquet"):
        tear_off_footer(root / path)
    age(root)
    report = encode(root)
    assert fates(report) == {2: Fate.KEPT, 3: Fate.KEPT}
    assert_is(root, expected_of(name))
    # The closed file was not made anew.
    assert report.rescue is not None
    assert report.rescue.originals is not None
    assert not (report.rescue.originals / "data/chunk-000/file-000.parquet.kept").exists()


def test_rows_that_were_cut_off_are_told(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(CRASHED, tmp_path / "set")
    data = root / "data/chunk-000/file-000.parquet"
    data.write_bytes(data.read_bytes()[:-100])
    age(root)
    report = encode(root)
    assert_is(root, expected_of(CRASHED), range(11))
    assert report.rescue is not None
    notes = " / ".join(report.rescue.notes)
    assert "bytes hold no complete episode" in notes
    assert "no rows were found for 11" in notes
    assert f"the videos of {FRONT} have 7 frames that belong to no episode" in notes


def test_counts_that_are_too_high_are_corrected(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(CRASHED, tmp_path / "set")
    edit_json(root / "meta/info.json", lambda info: info.update(total_episodes=14, total_frames=90))
    age(root)
    encode(root)
    assert_is(root, expected_of(CRASHED))


def test_the_command_says_what_could_be_saved_and_what_not(tmp_path: Path) -> None:
    root = copy_golden(CRASHED, tmp_path / "set")
    command = [sys.executable, "-m", "lerotool", "encode", "--pending", str(root)]
    planned = subprocess.run([*command, "--dry-run"], capture_output=True, text=True)
    assert planned.returncode == 0, planned.stderr
    assert "LeRobot's episodes 0 to 11: 12 episodes, 72 rows: stay in the dataset" in planned.stdout
    assert "LeRobot's episode 12: 0 rows, 3 pictures of observation.images.front: left" in planned.stdout
    done = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert done.returncode == 8
    (report,) = json.loads(done.stdout)["datasets"]
    assert [entry["fate"] for entry in report["rescue"]["episodes"]] == ["kept"] * 12 + ["left"]
    assert report["total_episodes"] == 12
    assert Path(report["rescue"]["originals"]).is_dir()
