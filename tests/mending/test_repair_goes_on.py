"""A repair follows templates, keeps measured times, and is not stopped by what it does not need."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lerotool.checking import Code, Severity, check
from lerotool.dataset.dataset import Dataset
from lerotool.mending.forgetting import forget
from lerotool.mending.repair import plan_repair, repair
from tests.checking.advised import advised, run
from tests.checking.defects.defect import FRONT, OLD_DATA, VIDEO
from tests.checking.defects.edits import add
from tests.dataset.edits import data, episodes, info
from tests.dataset.reading import OLD_SET, VIDEO_SET, copy_set, edit_json, edit_table


def test_videos_are_where_the_template_says(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    for camera in (FRONT, "observation.images.wrist"):
        target = root / f"clips/{camera}-0-0.mp4"
        target.parent.mkdir(exist_ok=True)
        (root / f"videos/{camera}/chunk-000/file-000.mp4").rename(target)
    info(video_path="clips/{video_key}-{chunk_index}-{file_index}.mp4")(root)
    data(add("timestamp", 1000.25))(root)

    done = repair(root)

    assert not done.after.findings, done.after.findings
    assert Dataset.open(root).num_episodes == 4


def test_old_videos_are_where_the_template_says(tmp_path: Path) -> None:
    root = copy_set(OLD_SET, tmp_path)
    for path in sorted((root / "videos").rglob("*.mp4")):
        target = root / f"clips/{path.parent.name}/{int(path.stem.removeprefix('episode_'))}.mp4"
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    info(video_path="clips/{video_key}/{episode_index}.mp4")(root)
    edit_table(root / OLD_DATA, add("timestamp", 50.5))

    done = repair(root)

    assert not done.after.findings, done.after.findings


def test_what_is_absent_is_not_repaired_into_emptiness(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    for folder in ("data", "videos", "meta/episodes"):
        shutil.rmtree(root / folder)
    edit_json(root / "meta/info.json", lambda d: [d.update(total_episodes=50, total_frames=1000), d.pop("splits")])
    before = check(root)

    done = repair(root)

    assert {f.code for f in before.findings if f.severity is Severity.ERROR} <= done.after.codes
    assert '"total_episodes": 50' in (root / "meta/info.json").read_text()


def test_episodes_that_are_not_here_are_said(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    info(total_episodes=105)(root)

    (step,) = plan_repair(root).steps

    assert "101 of the 105 episodes that it counted are not here" in step.text


def test_measured_times_of_old_sets_are_kept_beside_the_data(tmp_path: Path) -> None:
    root = copy_set(OLD_SET, tmp_path)
    measured = 1000.0 + np.cumsum(np.full(25, 0.1003))
    edit_table(
        root / OLD_DATA,
        lambda t: t.set_column(t.column_names.index("timestamp"), "timestamp", pa.array(measured)),
    )

    done = repair(root)
    assert done.after.is_sound
    assert forget(root).only_here == ()

    kept = Dataset.open(root).timing(1)
    assert kept is not None
    np.testing.assert_allclose(kept["tick_ns"].to_numpy() / 1e9, measured, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("base", [VIDEO_SET, OLD_SET])
def test_a_camera_without_any_file_does_not_stop_other_repairs(tmp_path: Path, base: str) -> None:
    root = copy_set(base, tmp_path)
    for path in sorted((root / "videos").rglob("*.mp4")):
        if FRONT in path.parts:
            path.unlink()
    for path in sorted((root / "data").rglob("*.parquet")):
        edit_table(path, add("timestamp", 1000.25))

    done = repair(root)

    assert {f.code for f in done.after.findings} == {Code.VIDEO_MISSING}
    (command,) = advised(root)
    assert command[-2:] == ["--drop", FRONT]
    assert run(*command)[0] == 0
    assert not [f for f in check(f"{root}-new").findings if f.severity is not Severity.NOTE]


def test_what_a_repair_leaves_is_not_advised_to_be_repaired(tmp_path: Path) -> None:
    """The advice is what the planner would do, and encoding what the planner leaves is named where it is the cure."""
    root = copy_set("v30_lerobot061_batch_crashed", tmp_path)

    assert advised(root) == [["encode", "--pending", str(root)]]


def test_episodes_whose_ranges_overlap_are_found(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    episodes(add("dataset_to_index", 2, slice(1, 2)))(root)

    found = {finding.code: finding for finding in check(root).findings}

    assert found.keys() == {Code.EPISODE_RANGE}
    assert "episodes 1 and 2 both claim rows from 32 on" in found[Code.EPISODE_RANGE].text


def test_a_link_to_nothing_is_told_without_the_words_of_the_system(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    (root / VIDEO).unlink()
    (root / VIDEO).symlink_to("nowhere")
    data(add("timestamp", 1000.25))(root)

    done = repair(root)

    assert not any("Errno" in text for finding, why in done.plan.left for text in (finding.text, why))
