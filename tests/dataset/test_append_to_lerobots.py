"""Datasets of the real LeRobot are continued, and it loads what was written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.appender import DatasetAppender
from lerotool.errors import (
    CorruptDatasetError,
)
from lerotool.features import Feature, Kind, vector
from lerotool.workspace import Workspace
from tests.dataset.faults import contents
from tests.dataset.writing import FEATURES, episode, make
from tests.lerobot_judge import judge
from tests.shared import GOLDEN, REALDATA, needs_realdata

RESUMABLE = [
    "v30_from_v21",
    "v30_lerobot044_merged",
    "v30_lerobot044_two_cams",
    "v30_lerobot061_h264",
    "v30_lerobot061_images",
    "v30_lerobot061_language",
    "v30_lerobot061_merged",
    "v30_lerobot061_novideo",
    "v30_lerobot061_resumed",
    "v30_lerobot061_small_files",
    "v30_lerobot061_streaming",
    "v30_lerobot061_two_cams",
    "v30_lerobot061_wide",
]


def resumed(name: str, target: Path) -> DatasetAppender:
    """Add two episodes to a copy of a golden dataset."""
    shutil.copytree((GOLDEN if (GOLDEN / name).is_dir() else REALDATA) / name, target)
    with DatasetAppender.open(target) as appender:
        features, fps = appender.info.features, int(appender.info.fps)
        folders = [Workspace(target).pending / f"episode-{i:06d}" for i in range(2)]
        new = [episode(f, features, ["new é"] * 4, i + 1, fps=fps, pending=True) for i, f in enumerate(folders)]
        appender.append(new)
    return appender


@pytest.mark.parametrize("name", RESUMABLE)
def test_datasets_of_lerobot_are_continued(tmp_path: Path, name: str) -> None:
    source = Dataset.open(GOLDEN / name)
    resumed(name, tmp_path / "ds")
    with DatasetAppender.open(tmp_path / "ds") as appender:
        appender.finalize()
    dataset = Dataset.open(tmp_path / "ds")
    assert dataset.num_episodes == source.num_episodes + 2
    assert dataset.tasks[: len(source.tasks)] == source.tasks
    columns = [n for n, f in source.features.items() if f.kind in (Kind.NUMERIC, Kind.STRING, Kind.IMAGE)]
    assert dataset.rows(0, source.num_frames, columns).to_pylist() == source.rows(columns=columns).to_pylist()
    for old, new in zip(source.episodes, dataset.episodes, strict=False):
        assert (old.tasks, old.length, dict(old.extra)) == (new.tasks, new.length, dict(new.extra))
        assert old.stats.keys() == new.stats.keys()
    for key in source.cameras:
        last = source.num_episodes - 1
        pairs = zip(source.frames(last, key), dataset.frames(last, key), strict=True)
        assert all(np.array_equal(before, after) for before, after in pairs)
    assert {n: f for n, f in dataset.features.items() if not f.is_camera} == {
        n: f for n, f in source.features.items() if not f.is_camera
    }


@pytest.mark.parametrize("name", ["v30_lerobot061_crashed", "v30_lerobot061_batch_crashed"])
def test_a_broken_recording_is_not_continued(tmp_path: Path, name: str) -> None:
    shutil.copytree(GOLDEN / name, tmp_path / "ds")
    before = contents(tmp_path / "ds")
    with pytest.raises(CorruptDatasetError):
        DatasetAppender.open(tmp_path / "ds")
    assert contents(tmp_path / "ds") == before


def test_tables_without_quantiles_stay_without_and_that_is_said(tmp_path: Path) -> None:
    resumed("v30_from_v21", tmp_path / "ds")
    with DatasetAppender.open(tmp_path / "ds") as appender:
        assert "lacks 45 columns" in appender.warnings[0]
    first, second = sorted((tmp_path / "ds/meta/episodes").glob("*/*"))
    assert pq.read_schema(second).names == pq.read_schema(first).names


@pytest.mark.lerobot
@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize("packs", [False, True])
@pytest.mark.parametrize(
    "name", [*RESUMABLE, *(pytest.param(n, marks=needs_realdata) for n in ("g1_v30conv_b", "pusht_v30_state"))]
)
def test_lerobot_loads_what_was_continued(
    tmp_path: Path, name: str, packs: bool, strides: Callable[[int], int]
) -> None:
    resumed(name, tmp_path / "ds")
    if packs:
        with DatasetAppender.open(tmp_path / "ds") as appender:
            appender.finalize()
    judge(tmp_path / "ds", stride=strides(1 if name in RESUMABLE else 7))


@pytest.mark.lerobot
@pytest.mark.slow
@pytest.mark.parametrize("packs", [False, True])
def test_lerobot_loads_what_was_written(tmp_path: Path, packs: bool) -> None:
    features = {
        **FEATURES,
        "observation.grid": Feature("float32", (2, 3)),
        "next.done": Feature("bool", (1,)),
        "note": Feature("string", (1,)),
        "counts": Feature("int64", (2,)),
        "precise": Feature("float64", (3,)),
        "observation.images.still": Feature("image", (8, 12, 3), ["height", "width", "channels"]),
        "single": vector(["x"]),
    }
    make(tmp_path / "ds", features, [[["a"] * 7, ["b"] * 3 + ["c"] * 4], [["a"]], [["d"] * 130]])
    if packs:
        with DatasetAppender.open(tmp_path / "ds") as appender:
            appender.finalize()
    judge(tmp_path / "ds")
