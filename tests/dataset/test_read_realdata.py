"""Recordings that other people made are read as far as they are meaningful (what is odd about each: their README)."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError
from lerotool.features import Kind
from tests.shared import REAL_SETS, REALDATA, needs_realdata

pytestmark = needs_realdata
WITHOUT_VIDEO = {
    "gr1_sim_v20": ["observation.images.egoview"],
    "koch_v21_novideo": [f"observation.images.{name}" for name in ("screwdriver", "side", "top")],
}


@pytest.mark.parametrize("name", REAL_SETS)
def test_every_value_is_the_one_in_the_file(name: str) -> None:
    dataset = Dataset.open(REALDATA / name)
    info = json.loads((REALDATA / name / "meta/info.json").read_text())
    stored = [pq.ParquetFile(path).read() for path in sorted((REALDATA / name / "data").glob("*/*.parquet"))]

    assert dataset.num_frames == info["total_frames"] == sum(table.num_rows for table in stored)
    assert dataset.num_episodes == info["total_episodes"]
    for key, feature in dataset.features.items():
        if feature.kind is not Kind.NUMERIC:
            continue
        values = [np.array(row) for table in stored for row in table[key].to_pylist()]
        array = dataset.numpy(key)
        assert array.dtype == feature.dtype
        assert array.shape == (dataset.num_frames, *(() if feature.is_scalar else feature.shape))
        np.testing.assert_array_equal(array, np.stack(values).astype(feature.dtype))


@pytest.mark.parametrize("name", REAL_SETS)
def test_episodes_have_tasks_and_statistics_and_rows(name: str) -> None:
    dataset = Dataset.open(REALDATA / name)

    for episode in dataset.episodes:
        assert episode.tasks
        assert set(episode.tasks) <= set(dataset.tasks)
        assert bool(episode.stats) == (dataset.version != "v2.0")
        assert dataset.episode_rows(episode.index, ["index"]).num_rows == episode.length
        assert set(dataset.numpy("episode_index", episode.dataset_from, episode.dataset_to)) == {episode.index}


@pytest.mark.parametrize("name", REAL_SETS)
def test_frames_can_be_had_and_missing_videos_matter_only_when_asked_for(name: str) -> None:
    dataset = Dataset.open(REALDATA / name)

    for camera in dataset.cameras:
        if camera in WITHOUT_VIDEO.get(name, ()):
            with pytest.raises(CorruptDatasetError, match=r"\.mp4: the video is missing"):
                dataset.frames(0, camera)
            continue
        last = dataset.episodes[-1]
        pictures = list(islice(dataset.frames(last.index, camera, last.length - 2), 3))
        assert len(pictures) == 2
        assert all(picture.dtype == np.uint8 and picture.ndim == 3 for picture in pictures)


def test_the_converted_set_shows_the_same_as_its_source() -> None:
    old, new = (Dataset.open(REALDATA / name) for name in ("g1_v21_b", "g1_v30conv_b"))

    assert old.tasks == new.tasks
    assert [episode.length for episode in old.episodes] == [episode.length for episode in new.episodes]
    for key, feature in old.features.items():
        if feature.kind is Kind.NUMERIC:
            np.testing.assert_array_equal(old.numpy(key), new.numpy(key))
    for mine, theirs in zip(
        old.frames(1, "observation.images.cam_high", 0, 3),
        new.frames(1, "observation.images.cam_high", 0, 3),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, theirs)
    for key, stats in new.stats.items():
        np.testing.assert_allclose(old.stats[key].mean, stats.mean, rtol=1e-9, atol=1e-9)


def test_columns_that_lerobot_does_not_know_are_kept() -> None:
    dataset = Dataset.open(REALDATA / "ioai_lerobotv3")

    assert dataset.episodes[1].extra == {"data_chunk_index": 0.0, "data_file_index": 0.0}
    assert dataset.episodes[1].data.path == REALDATA / "ioai_lerobotv3/data/chunk-000/file-000.parquet"
    assert (dataset.episodes[1].data.row_start, dataset.episodes[1].data.row_stop) == (3, 6)
    assert dataset.info.model_extra == {"total_videos": 2}


def test_plain_picture_columns_look_like_lerobots() -> None:
    rows = Dataset.open(Path(REALDATA / "ioai_lerobotv2-image")).rows(columns=["observation.images.cam"])

    picture = rows["observation.images.cam"][0].as_py()
    assert picture["bytes"].startswith((b"\x89PNG", b"\xff\xd8"))
    assert picture["path"] is None


def test_a_set_without_counts_takes_that_of_its_frames() -> None:
    dataset = Dataset.open(REALDATA / "gr1_sim_v20")

    assert {stats.count for stats in dataset.stats.values()} == {dataset.num_frames}
