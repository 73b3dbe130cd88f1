"""Datasets that differ: every difference is told at once with the flag that settles it, and settled rightly."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.errors import IncompatibleDatasetError, UsageError
from lerotool.features import Feature, camera, vector
from lerotool.media.probe import join_key
from lerotool.moments import numeric_stats
from tests.dataset.reading import edit_json
from tests.dataset.writing import FRONT, STATE_ONLY, WRIST
from tests.merging.sets import make, make_with_cameras

FOURTEEN = [f"joint{n}.pos" for n in range(14)]
EIGHTEEN = [*FOURTEEN[:7], "rail.pos", "lift.pos", *FOURTEEN[7:], "left_gripper.pos", "right_gripper.pos"]


def arm(names: list[str]) -> dict[str, Feature]:
    return {"action": vector(names), "observation.state": vector(names)}


def test_all_differences_are_told_at_once_with_their_flags(tmp_path: Path) -> None:
    first = make_with_cameras(tmp_path / "a")
    second = make(tmp_path / "b", features={**arm(["pan.pos", "lift.pos", "rail.pos"])}, robot_type="other", fps=20)
    with pytest.raises(IncompatibleDatasetError) as caught:
        lerotool.merge([first, second], tmp_path / "merged")
    text = str(caught.value)
    flags = (
        "fps=20",
        "robot_type='other'",
        "pad=True",
        "fill_camera='black'",
        "fill_camera='drop'",
        f"drop=['{FRONT}']",
    )
    for flag in flags:
        assert flag in text
    assert text.startswith("6 problems, nothing was written:")
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith((".", "merged"))) == []


def test_padding_goes_by_the_names_of_joints_and_counts_only_what_exists(tmp_path: Path) -> None:
    narrow = make(tmp_path / "a", (4, 3), arm(FOURTEEN))
    wide = make(tmp_path / "b", (5,), arm(EIGHTEEN), seed=5)
    lerotool.merge([narrow, wide], tmp_path / "merged", pad=True)
    merged = Dataset.open(tmp_path / "merged")
    assert merged.features["action"].shape == (18,)
    assert merged.features["action"].dimension_names == tuple(EIGHTEEN)
    own, other = Dataset.open(narrow).numpy("action"), Dataset.open(wide).numpy("action")
    found = merged.numpy("action")
    places = [EIGHTEEN.index(name) for name in FOURTEEN]
    padded = [n for n in range(18) if n not in places]
    assert np.array_equal(found[:7][:, places], own)
    assert (found[:7][:, padded] == 0).all()
    assert np.array_equal(found[7:], other)
    stats = merged.stats["action"]
    both = numeric_stats(np.concatenate([own, other[:, places]]))
    alone = numeric_stats(other[:, padded])
    for part in ("min", "max", "mean", "std"):
        np.testing.assert_allclose(getattr(stats, part)[places], getattr(both, part), rtol=1e-9)
        np.testing.assert_allclose(getattr(stats, part)[padded], getattr(alone, part), rtol=1e-9)
    for name, value in both.quantiles.items():
        np.testing.assert_allclose(stats.quantiles[name][places], value, rtol=1e-12)
        np.testing.assert_allclose(stats.quantiles[name][padded], alone.quantiles[name], rtol=1e-12)
    kept = json.loads((tmp_path / "merged/meta/lerotool/merge.json").read_text())["padding"]["action"]
    assert kept["width"] == 18
    assert kept["padded"][0]["episodes"] == [0, 2]
    assert kept["padded"][0]["original_width"] == 14
    assert kept["padded"][0]["mask"] == [n in places for n in range(18)]


def test_padding_goes_by_position_where_names_are_not_known(tmp_path: Path) -> None:
    plain = {"action": Feature("float32", (2,)), "observation.state": Feature("float32", (2,))}
    wide = {"action": Feature("float32", (3,)), "observation.state": Feature("float32", (3,))}
    sources = [make(tmp_path / "a", (2,), plain), make(tmp_path / "b", (2,), wide)]
    with pytest.raises(IncompatibleDatasetError, match=r"2 dimensions in a; 3 dimensions in b .*pad=True"):
        lerotool.merge(sources, tmp_path / "merged")
    lerotool.merge(sources, tmp_path / "merged", pad=True)
    found = Dataset.open(tmp_path / "merged").numpy("action")
    assert np.array_equal(found[:2, :2], Dataset.open(sources[0]).numpy("action"))
    assert (found[:2, 2] == 0).all()


def test_joints_in_another_order_are_put_in_order_by_their_names(tmp_path: Path) -> None:
    sources = [make(tmp_path / "a", (2,), arm(["x", "y"])), make(tmp_path / "b", (2,), arm(["y", "x"]), seed=2)]
    lerotool.merge(sources, tmp_path / "merged")
    found = Dataset.open(tmp_path / "merged").numpy("action")
    assert np.array_equal(found[2:], Dataset.open(sources[1]).numpy("action")[:, ::-1])


def test_joints_of_other_names_stop_the_merge_unless_position_decides(tmp_path: Path) -> None:
    sources = [make(tmp_path / "a", (2,), arm(["x", "y"])), make(tmp_path / "b", (2,), arm(["m", "n"]), seed=2)]
    with pytest.raises(IncompatibleDatasetError, match="ignore_names=True or pad=True"):
        lerotool.merge(sources, tmp_path / "merged")
    lerotool.merge(sources, tmp_path / "merged", ignore_names=True)
    merged = Dataset.open(tmp_path / "merged")
    assert np.array_equal(merged.numpy("action")[2:], Dataset.open(sources[1]).numpy("action"))
    assert merged.features["action"].dimension_names == ("x", "y")


def test_a_camera_of_another_name_is_suggested_and_renamed_for_one_source(tmp_path: Path) -> None:
    first = make(tmp_path / "a", (3,), {**STATE_ONLY, FRONT: camera(48, 64)})
    top = "observation.images.top"
    second = make(tmp_path / "b", (2,), {**STATE_ONLY, top: camera(48, 64)}, seed=4)
    with pytest.raises(IncompatibleDatasetError, match=re.escape(f"rename={{'{top}': '{FRONT}'}}")):
        lerotool.merge([first, second], tmp_path / "merged")
    lerotool.merge([first, second], tmp_path / "merged", rename={second: {top: FRONT}})
    merged, other = Dataset.open(tmp_path / "merged"), Dataset.open(second)
    assert merged.cameras == (FRONT,)
    assert all(np.array_equal(a, b) for a, b in zip(merged.frames(1, FRONT), other.frames(0, top), strict=True))
    timing = merged.timing(1)
    assert timing is not None
    assert timing[f"picture/{FRONT}"].null_count == 0


@pytest.mark.slow
@pytest.mark.parametrize("to", ["v3.0", "v2.1"])
def test_a_missing_camera_is_filled_with_black_that_does_not_count(tmp_path: Path, to: str) -> None:
    sources = [make(tmp_path / "a", (3,)), make_with_cameras(tmp_path / "b", (4, 2), seed=3)]
    lerotool.merge(sources, tmp_path / "merged", fill_camera="black", to=to)
    merged, other = Dataset.open(tmp_path / "merged"), Dataset.open(sources[1])
    for name in (FRONT, WRIST):
        black = list(merged.frames(0, name))
        assert len(black) == 3
        assert max(int(picture.max()) for picture in black) <= 2
        for number in range(2):
            pairs = zip(merged.frames(number + 1, name), other.frames(number, name), strict=True)
            assert all(np.array_equal(a, b) for a, b in pairs)
        if to == "v3.0":
            np.testing.assert_allclose(merged.stats[name].mean, other.stats[name].mean)
            assert merged.stats[name].count == 6
    kept = json.loads((tmp_path / "merged/meta/lerotool/merge.json").read_text())
    assert kept["black_cameras"] == {FRONT: [[0, 1]], WRIST: [[0, 1]]}


def test_cameras_that_some_lack_and_features_can_be_left_out(tmp_path: Path) -> None:
    sources = [make(tmp_path / "a", (3,)), make_with_cameras(tmp_path / "b", (4,))]
    lerotool.merge(sources, tmp_path / "merged", fill_camera="drop", drop=["observation.state"])
    merged = Dataset.open(tmp_path / "merged")
    assert merged.cameras == ()
    assert "observation.state" not in merged.features
    assert "observation.state" not in merged.rows().column_names
    assert not (tmp_path / "merged" / "videos").exists()


def test_names_that_no_source_has_are_told(tmp_path: Path) -> None:
    source = make(tmp_path / "a")
    with pytest.raises(lerotool.LerotoolError, match=r"drop=\['nothing'\]: no source has such a feature"):
        lerotool.merge([source], tmp_path / "merged", drop=["nothing"])
    with pytest.raises(lerotool.LerotoolError, match=r"rename of 'nothing': no source has such a feature"):
        lerotool.merge([source], tmp_path / "merged", rename={"nothing": "else"})
    with pytest.raises(UsageError, match="expected new names"):
        lerotool.merge([source], tmp_path / "merged", rename=["nothing"])


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "rows"), [(5, [0, 2, 4, 6, 0, 2]), (20, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 6])])
def test_another_rate_takes_the_nearest_row_and_its_picture(tmp_path: Path, rate: int, rows: list[int]) -> None:
    source = make_with_cameras(tmp_path / "a", (7, 4))
    lerotool.merge([source], tmp_path / "merged", fps=rate)
    merged, old = Dataset.open(tmp_path / "merged"), Dataset.open(source)
    assert merged.fps == rate
    assert merged.episodes.lengths.tolist() == [round(7 * rate / 10), round(4 * rate / 10)]
    count = merged.episodes[0].length
    picked = rows[:count]
    assert np.array_equal(merged.numpy("action", 0, count), old.numpy("action")[picked])
    np.testing.assert_allclose(merged.numpy("timestamp", 0, count), np.arange(count) / rate, rtol=1e-6)
    before = [int(p.mean()) for p in old.frames(0, FRONT)]
    after = [int(p.mean()) for p in merged.frames(0, FRONT)]
    assert len(after) == count
    assert all(abs(a - before[k]) <= 2 for a, k in zip(after, picked, strict=True))
    assert merged.stats[FRONT].count == merged.num_frames


def test_other_names_of_the_same_arm_and_unknown_robots_settle_themselves(tmp_path: Path) -> None:
    sources = [make(tmp_path / n, (2,), robot_type=r) for n, r in (("a", "so101_follower"), ("b", "so_follower"))]
    lerotool.merge(sources, tmp_path / "merged")
    assert Dataset.open(tmp_path / "merged").robot_type == "so_follower"
    other = make(tmp_path / "c", (2,), robot_type="koch")
    with pytest.raises(IncompatibleDatasetError, match="robot_type='koch'"):
        lerotool.merge([*sources, other], tmp_path / "more")
    lerotool.merge([*sources, other], tmp_path / "more", robot_type="both")
    assert Dataset.open(tmp_path / "more").robot_type == "both"


def test_quirks_of_metadata_mean_nothing(tmp_path: Path) -> None:
    first, second = make_with_cameras(tmp_path / "a", (2,)), make_with_cameras(tmp_path / "b", (3,), seed=3)

    def age(document: dict) -> None:
        features = document["features"]
        features[FRONT]["video_info"] = features[FRONT].pop("info")
        features[FRONT]["video_info"].pop("is_depth_map")
        features[FRONT]["video_info"]["video.is_depth_map"] = False
        features["action"]["names"] = {"motors": features["action"]["names"]}
        features["action"]["fps"] = 10.0
        document["fps"] = 10.0
        document["features"] = dict(reversed(features.items()))

    edit_json(second / "meta/info.json", age)
    lerotool.merge([first, second], tmp_path / "merged")
    features = json.loads((tmp_path / "merged/meta/info.json").read_text())["features"]
    original = json.loads((first / "meta/info.json").read_text())["features"]
    assert features == original


def test_videos_that_cannot_be_joined_stay_apart_and_are_joined_when_encoded_again(tmp_path: Path) -> None:
    small = {**STATE_ONLY, FRONT: camera(48, 64)}
    large = {**STATE_ONLY, FRONT: camera(64, 96)}
    sources = [make(tmp_path / "a", (3,), small), make(tmp_path / "b", (2,), large, seed=3)]
    report = lerotool.merge(sources, tmp_path / "apart", keep_sizes=True)
    merged = Dataset.open(tmp_path / "apart")
    assert [e.videos[FRONT].file_index for e in merged.episodes] == [0, 1]
    assert any("training on them needs one size" in str(d) for d in report.differences)
    assert next(iter(merged.frames(1, FRONT))).shape == (64, 96, 3)
    lerotool.merge(sources, tmp_path / "one", reencode=True)
    again = Dataset.open(tmp_path / "one")
    pictures = list(again.frames(1, FRONT))
    assert [p.shape for p in pictures] == [(48, 64, 3)] * 2
    old = [int(p.mean()) for p in Dataset.open(sources[1]).frames(0, FRONT)]
    assert all(abs(int(p.mean()) - o) <= 2 for p, o in zip(pictures, old, strict=True))
    assert {join_key(p).width for p in (tmp_path / "one/videos").rglob("*.mp4")} == {64}


def test_units_are_told_apart_and_converted_with_the_calibration(tmp_path: Path) -> None:
    names = ["shoulder_pan.pos", "gripper.pos"]
    old = make(tmp_path / "old", (3,), arm(names), robot_type="so101_follower")
    edit_json(old / "meta/stats.json", lambda d: [d[n].update(min=[-90, 0], max=[90, 100]) for n in arm(names)])
    new = make(tmp_path / "new", (3,), arm(names), seed=4)
    edit_json(new / "meta/stats.json", lambda d: d["action"].update(max=[150, 100]))
    report = lerotool.merge([old, new], tmp_path / "mixed")
    assert any("they differ; units='degrees'" in str(d) for d in report.differences)
    with pytest.raises(IncompatibleDatasetError, match=r"calibration={'.*old': 'FILE'}"):
        lerotool.merge([old, new], tmp_path / "merged", units="degrees")
    calibration = tmp_path / "arm.json"
    entry = {"id": 1, "drive_mode": 0, "homing_offset": 0, "range_min": 1000, "range_max": 3000}
    calibration.write_text(json.dumps({"shoulder_pan": entry, "gripper": entry}))
    lerotool.merge([old, new], tmp_path / "merged", units="degrees", calibration={old: calibration})
    found, values = Dataset.open(tmp_path / "merged").numpy("action"), Dataset.open(old).numpy("action")
    ticks = (values[:, 0] + 100) / 200 * 2000 + 1000
    np.testing.assert_allclose(found[:3, 0], (ticks - 2000) * 360 / 4095, rtol=1e-5)
    assert np.array_equal(found[:3, 1], values[:, 1])
    assert np.array_equal(found[3:], Dataset.open(new).numpy("action"))


def test_gr00t_gets_a_draft_of_its_map(tmp_path: Path) -> None:
    names = [f"{j}.pos" for j in ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")]
    source = make(tmp_path / "a", (2,), {**arm(names), FRONT: camera(48, 64)})
    lerotool.merge([source], tmp_path / "merged", to="v2.1", gr00t=True)
    found = json.loads((tmp_path / "merged/meta/modality.json").read_text())
    assert found["state"] == {"single_arm": {"start": 0, "end": 5}, "gripper": {"start": 5, "end": 6}}
    assert found["video"] == {"front": {"original_key": FRONT}}
    assert found["annotation"] == {"human.task_description": {"original_key": "task_index"}}
