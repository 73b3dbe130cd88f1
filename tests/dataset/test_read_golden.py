"""Datasets that the real LeRobot made are read with exactly the values that its own loader returned."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError
from lerotool.features import Kind
from tests.shared import GOLDEN

ALL = sorted(path.name for path in GOLDEN.glob("*") if path.is_dir())
CRASHED = [name for name in ALL if name.endswith("_crashed")]
SOUND = [name for name in ALL if name not in CRASHED]
# Video and colour conversion differ between FFmpeg builds by a rounding step.
PICTURE_TOLERANCE = 1.5 / 255

each_set = pytest.mark.parametrize("name", SOUND)


@cache
def expected_values(name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"{name}.expected.json").read_text(encoding="utf-8"))


@cache
def dataset(name: str) -> Dataset:
    return Dataset.open(GOLDEN / name)


@each_set
def test_what_the_dataset_is(name: str) -> None:
    expected, found = expected_values(name), dataset(name)

    assert found.version == expected["codebase_version"]
    assert found.fps == expected["fps"]
    assert found.robot_type == expected["robot_type"]
    assert (found.num_frames, found.num_episodes) == (expected["num_frames"], expected["num_episodes"])
    assert {str(number): text for number, text in enumerate(found.tasks)} == expected["tasks"]
    assert {
        key: {"dtype": feature.dtype, "shape": list(feature.shape)} for key, feature in found.features.items()
    } == expected["features"]
    assert sorted(found.cameras) == sorted(expected["video_keys"] + expected["image_keys"])
    assert sorted(key for key, feature in found.features.items() if feature.is_depth) == sorted(expected["depth_keys"])


@each_set
def test_episodes_and_where_they_lie(name: str) -> None:
    expected, found = expected_values(name), dataset(name)
    root = found.root

    assert len(found.episodes) == len(expected["episodes"])
    for episode, truth in zip(found.episodes, expected["episodes"], strict=True):
        assert (episode.index, episode.length) == (truth["episode_index"], truth["length"])
        assert (episode.dataset_from, episode.dataset_to) == (truth["from_index"], truth["to_index"])
        assert sorted(episode.tasks) == sorted(truth["tasks"])
        assert episode.data.path == root / truth["data_path"]
        assert episode.data.row_stop - episode.data.row_start == truth["length"]
        assert sorted(episode.videos) == sorted(truth["videos"])
        for camera, place in truth["videos"].items():
            span = episode.videos[camera]
            assert span.path == root / place["path"]
            assert span.frames == truth["length"]
            if "from_timestamp" in place:
                assert span.from_timestamp == place["from_timestamp"]
                assert span.to_timestamp == place["to_timestamp"]
                assert span.start_frame == pytest.approx(place["from_timestamp"] * found.fps, abs=1e-3)


@each_set
def test_every_frame_has_its_numbers_time_and_task(name: str) -> None:
    expected, found = expected_values(name), dataset(name)
    columns = {key: found.numpy(key) for key in expected["frame_columns"] if key != "task"}

    assert columns["timestamp"].dtype == np.float32
    frames = [
        [*(columns[key][row].item() for key in expected["frame_columns"][:-1]), found.tasks[columns["task_index"][row]]]
        for row in range(found.num_frames)
    ]
    assert frames == expected["frames"]


@each_set
def test_values_of_all_columns(name: str) -> None:
    expected, found = expected_values(name), dataset(name)
    table = found.rows()

    for truth in expected["values"]:
        for key, value in truth.items():
            feature = found.features[key]
            if feature.kind is Kind.LANGUAGE:
                assert_same_language(table[key][truth["index"]].as_py(), value)
                continue
            array = found.numpy(key, truth["index"], truth["index"] + 1)[0]
            if feature.dtype == "float64":
                # LeRobot hands Python floats on as float32 tensors.
                array = array.astype(np.float32)
            assert (array.tolist() if isinstance(array, np.ndarray | np.generic) else array) == value, (
                key,
                truth["index"],
            )


def assert_same_language(found: Any, expected: Any) -> None:
    """Every field that LeRobot's loader returned is there; times are float32 there."""
    assert len(found or []) == len(expected or [])
    for mine, theirs in zip(found or [], expected or [], strict=True):
        for key, value in theirs.items():
            if key == "timestamp":
                assert np.float32(mine[key]) == np.float32(value)
            elif key != "tool_calls":
                assert mine.get(key) == value
            else:
                assert bool(mine.get(key)) == bool(value)


@each_set
def test_rows_of_episodes_are_slices_of_all_rows(name: str) -> None:
    found = dataset(name)
    everything = found.rows()

    for episode in found.episodes:
        alone = found.episode_rows(episode.index)
        part = everything.slice(episode.dataset_from, episode.length)
        assert alone.column_names == part.column_names
        assert alone.to_pylist() == part.to_pylist() or any(f.kind is Kind.LANGUAGE for f in found.features.values())


@each_set
def test_mean_colour_of_every_frame(name: str) -> None:
    expected, found = expected_values(name), dataset(name)

    for camera, means in expected["mean_rgb"].items():
        scale = 1 if found.features[camera].is_depth else 255
        tolerance = 1.0 if found.features[camera].is_depth else 1e-3
        number = 0
        for episode in found.episodes:
            count = 0
            for picture in found.frames(episode.index, camera):
                truth = np.array(means[number])
                assert picture.shape[-1] == len(truth)
                assert np.abs(picture.mean(axis=(0, 1), dtype=np.float64) / scale - truth).max() < tolerance, number
                number += 1
                count += 1
            assert count == episode.length
        assert number == len(means)


@each_set
def test_single_pixels(name: str) -> None:
    expected, found = expected_values(name), dataset(name)
    starts = found.episodes.starts

    for camera, pixels in expected["pixels"].items():
        is_depth = found.features[camera].is_depth
        for index, spots in pixels.items():
            episode = int(np.searchsorted(starts, int(index), side="right")) - 1
            frame = int(index) - int(starts[episode])
            (picture,) = found.frames(episode, camera, frame, frame + 1)
            height, width = picture.shape[:2]
            places = [(0, 0), (height // 2, width // 3), (height - 1, width - 1)]
            values = np.array([picture[y, x] for y, x in places]) / (1 if is_depth else 255)
            assert np.abs(values - np.array(spots)).max() <= (1 if is_depth else PICTURE_TOLERANCE)


@each_set
def test_statistics_of_the_dataset(name: str) -> None:
    expected, found = expected_values(name), dataset(name)

    assert sorted(found.stats) == sorted(expected["stats"] or {})
    for key, truth in (expected["stats"] or {}).items():
        written = found.stats[key].to_json()
        assert sorted(written) == sorted(truth)
        for statistic, value in truth.items():
            assert np.shape(written[statistic]) == np.shape(value)
            np.testing.assert_allclose(written[statistic], value, rtol=1e-12, atol=1e-12, err_msg=f"{key} {statistic}")


@each_set
def test_statistics_of_episodes_fit_their_rows(name: str) -> None:
    found = dataset(name)

    for episode in found.episodes:
        action = found.numpy("action", episode.dataset_from, episode.dataset_to)
        stats = episode.stats["action"]
        assert stats.count == episode.length
        np.testing.assert_array_equal(stats.min, action.min(axis=0))
        np.testing.assert_allclose(stats.mean, action.mean(axis=0, dtype=np.float64), atol=1e-4)


@pytest.mark.parametrize("name", CRASHED)
def test_a_killed_recording_is_refused_with_the_file_and_what_to_do(name: str) -> None:
    with pytest.raises(CorruptDatasetError, match=r"meta/episodes") as caught:
        Dataset.open(GOLDEN / name)

    assert str(GOLDEN / name) in str(caught.value)
    assert "record" in (caught.value.hint or "")
