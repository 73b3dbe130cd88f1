"""Sources of every version, targets of both; golden datasets of the real LeRobot and recordings of other people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError, IncompatibleDatasetError
from lerotool.features import Feature, Kind
from lerotool.rewriting import carrying_out
from tests.checking.defects import DEFECTS
from tests.dataset.reading import DATA, edit_table, tree_hash
from tests.dataset.writing import FRONT, STATE_ONLY
from tests.lerobot_judge import judge
from tests.merging.sets import assert_is_concatenation, make, make_with_cameras
from tests.shared import GOLDEN, REALDATA, needs_realdata

TWO_CAMS, OTHER = GOLDEN / "v30_lerobot061_two_cams", GOLDEN / "v30_lerobot061_other"
JUDGED = [pytest.param(False, id="read"), pytest.param(True, id="judged", marks=pytest.mark.lerobot)]


def expected(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((GOLDEN / f"{name}.expected.json").read_text())
    return document


def golden_frames(dataset: Dataset) -> list[list[Any]]:
    """Return what the golden files keep of every frame: index, episode, frame, task number, timestamp, task."""
    names = ("index", "episode_index", "frame_index", "task_index", "timestamp")
    columns = [dataset.numpy(name).tolist() for name in names]
    return [[*row, dataset.tasks[row[3]]] for row in zip(*columns, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["061", "044"])
def test_merged_golden_sets_are_what_lerobot_makes_of_them(tmp_path: Path, pair: str) -> None:
    sources = [GOLDEN / f"v30_lerobot{pair}_{name}" for name in ("two_cams", "other")]
    before = [tree_hash(source) for source in sources]
    lerotool.merge(sources, tmp_path / "merged")
    assert [tree_hash(source) for source in sources] == before
    merged, theirs = assert_is_concatenation(tmp_path / "merged", sources), expected(f"v30_lerobot{pair}_merged")
    frames = theirs["frames"]
    for own, other in zip(golden_frames(merged), frames, strict=True):
        assert own[:4] == other[:4]
        assert own[4] == pytest.approx(other[4])
        assert own[5] == other[5]
    for camera, means in theirs["mean_rgb"].items():
        found = [p.mean(axis=(0, 1)) / 255 for e in range(merged.num_episodes) for p in merged.frames(e, camera)]
        np.testing.assert_allclose(found, means, atol=2 / 255)
    # LeRobot aggregates index columns unshifted (format.md 6.3); everything else but quantiles agrees.
    for name in ("action", "observation.state", FRONT):
        for part in ("min", "max", "mean", "std"):
            np.testing.assert_allclose(
                getattr(merged.stats[name], part), theirs["stats"][name][part], rtol=1e-4, atol=1e-6
            )
    assert theirs["stats"]["index"]["max"] != [merged.num_frames - 1]
    assert merged.stats["index"].max.tolist() == [merged.num_frames - 1]


@pytest.mark.slow
@pytest.mark.parametrize("is_judged", JUDGED)
def test_all_versions_go_into_one(tmp_path: Path, is_judged: bool) -> None:
    names = ("v21_lerobot033_two_cams", "v30_lerobot061_other", "v30_lerobot044_two_cams", "v30_from_v21")
    lerotool.merge([GOLDEN / name for name in names], tmp_path / "merged")
    merged = assert_is_concatenation(tmp_path / "merged", [GOLDEN / name for name in names])
    assert merged.robot_type == "so_follower"
    assert all(set(e.stats) >= {"action", FRONT} for e in merged.episodes)
    if is_judged:
        judge(tmp_path / "merged")


@pytest.mark.slow
@pytest.mark.parametrize("is_judged", JUDGED)
@pytest.mark.parametrize(
    "name", ["images", "depth_images", "novideo", "small_files", "h264", "depth", "language", "streaming", "resumed"]
)
def test_every_kind_of_dataset_survives_being_merged_with_itself(tmp_path: Path, name: str, is_judged: bool) -> None:
    source = GOLDEN / f"v30_lerobot061_{name}"
    lerotool.merge([source, source], tmp_path / "merged")
    merged = assert_is_concatenation(tmp_path / "merged", [source, source])
    own, two = Dataset.open(source).rows(), merged.rows()
    for column, feature in merged.features.items():
        if feature.kind in (Kind.IMAGE, Kind.LANGUAGE, Kind.STRING):
            assert two[column].to_pylist() == own[column].to_pylist() * 2
    if is_judged:
        judge(tmp_path / "merged")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two_cams", "images", "h264", "novideo"])
def test_v30_becomes_v21_and_v30_again_without_losing_anything(tmp_path: Path, name: str) -> None:
    source = GOLDEN / f"v30_lerobot061_{name}"
    lerotool.merge([source], tmp_path / "old", to="v2.1")
    old = assert_is_concatenation(tmp_path / "old", [source])
    assert old.version == "v2.1"
    assert len(list((tmp_path / "old").rglob("episode_*.parquet"))) == old.num_episodes
    metadata = pq.read_schema(tmp_path / "old/data/chunk-000/episode_000000.parquet").metadata[b"huggingface"]
    assert b'"List"' not in metadata
    assert all(e.stats["action"].count == e.length for e in old.episodes if "action" in e.stats)
    lerotool.merge([tmp_path / "old"], tmp_path / "new")
    assert_is_concatenation(tmp_path / "new", [source])


def test_the_converted_v21_set_is_what_lerobot_033_writes(tmp_path: Path) -> None:
    lerotool.merge([TWO_CAMS], tmp_path / "v21", to="v2.1", robot_type="so101_follower")
    theirs, own = GOLDEN / "v21_lerobot033_two_cams", tmp_path / "v21"
    info, other = (json.loads((root / "meta/info.json").read_text()) for root in (own, theirs))
    assert set(info) == set(other)
    assert {k: v for k, v in info.items() if k != "features"} == {k: v for k, v in other.items() if k != "features"}
    assert [p.relative_to(own) for p in sorted(own.rglob("*.mp4"))] == [
        p.relative_to(theirs) for p in sorted(theirs.rglob("*.mp4"))
    ]
    stats, expected_stats = Dataset.open(own).episodes[1].stats, Dataset.open(theirs).episodes[1].stats
    assert set(stats) == set(expected_stats)
    for name in ("action", "observation.state", "index", "timestamp", "task_index"):
        np.testing.assert_allclose(stats[name].mean, expected_stats[name].mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(stats[name].std, expected_stats[name].std, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@needs_realdata
@pytest.mark.parametrize("is_judged", JUDGED)
def test_recordings_of_other_people_become_one(tmp_path: Path, is_judged: bool) -> None:
    sources = [REALDATA / "koch_v21_state", REALDATA / "koch_v30conv_state"]
    lerotool.merge(sources, tmp_path / "koch")
    assert_is_concatenation(tmp_path / "koch", sources)
    if is_judged:
        judge(tmp_path / "koch")


@needs_realdata
@pytest.mark.slow
def test_a_recording_whose_times_are_off_gets_its_own_pictures(tmp_path: Path) -> None:
    source = f"{REALDATA / 'gr1_sim_v20'}:1,4"
    lerotool.merge([source], tmp_path / "gr1", drop=["observation.images.egoview"], retime=True)
    gr1 = Dataset.open(tmp_path / "gr1")
    assert gr1.num_episodes == 2
    assert [len(list(gr1.frames(e.index, gr1.cameras[0]))) for e in gr1.episodes] == gr1.episodes.lengths.tolist()


@needs_realdata
def test_missing_videos_and_other_timestamps_are_told_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(CorruptDatasetError, match=r"5 of 5 videos of camera 'observation.images.egoview' are missing"):
        lerotool.merge([REALDATA / "gr1_sim_v20"], tmp_path / "merged")
    with pytest.raises(IncompatibleDatasetError, match=r"episode \d, frame 0 has timestamp 0\.05, expected 0"):
        lerotool.merge([REALDATA / "gr1_sim_v20"], tmp_path / "merged", drop=["observation.images.egoview"])
    with pytest.raises(CorruptDatasetError, match=r"3 problems(?s:.*)are missing"):
        lerotool.merge([REALDATA / "koch_v21_novideo"], tmp_path / "merged")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.lerobot
@pytest.mark.parametrize("files", ["pack", "keep", "link"])
def test_lerobot_loads_what_was_merged(tmp_path: Path, files: str) -> None:
    source = make_with_cameras(tmp_path / "a", (3, 5))
    lerotool.merge([TWO_CAMS, f"{OTHER}:0,2"], tmp_path / "merged", files=files)
    judge(tmp_path / "merged")
    lerotool.merge([f"{source}:1"], tmp_path / "part", files=files)
    judge(tmp_path / "part")


def test_very_many_small_files_are_the_same_when_processes_write_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [GOLDEN / "v21_lerobot033_two_cams", TWO_CAMS]
    lerotool.merge(sources, tmp_path / "threads", to="v2.1")
    monkeypatch.setattr(carrying_out, "_MANY_FILES", 1)
    lerotool.merge(sources, tmp_path / "processes", to="v2.1")
    one, other = ({p.relative_to(r): p.read_bytes() for p in files_of(r)} for r in sorted(tmp_path.iterdir()))
    assert one == other


def files_of(root: Path) -> list[Path]:
    """Return the files that the sources decide."""
    return [path for path in root.rglob("*") if path.is_file() and "lerotool" not in path.parts]


@pytest.mark.parametrize(("name", "rest"), [("episode without frames", "0-3"), ("first episode without frames", "1-4")])
def test_an_episode_without_rows_is_told_and_the_others_can_be_merged(tmp_path: Path, name: str, rest: str) -> None:
    source = DEFECTS[name].make(tmp_path)
    with pytest.raises(CorruptDatasetError, match=r"episode [04] has no rows"):
        lerotool.merge([source], tmp_path / "all")
    assert lerotool.merge([f"{source}:{rest}"], tmp_path / "rest").episodes == 4


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["snappy", "zstd"])
def test_data_files_are_no_larger_than_those_of_the_source(tmp_path: Path, compression: str) -> None:
    features = {**STATE_ONLY, "mask": Feature("uint8", (16, 16, 3)), "touch": Feature("int64", (2, 500))}
    source = make(tmp_path / "source", (40, 30), features)
    path = source / DATA
    edit_table(path, lambda table: table, compression=compression, row_group_size=35)
    lerotool.merge([source], tmp_path / "merged")
    assert (tmp_path / "merged" / DATA).stat().st_size < path.stat().st_size * 1.1
