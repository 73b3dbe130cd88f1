"""Windows of rows and pictures are those that LeRobot's loader gives, in any order and any process."""

from __future__ import annotations

import json
import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.reading.windows import Windows
from lerotool.errors import CorruptDatasetError, MediaError, UsageError
from tests.dataset.reading import IMAGE_SET, OLD_SET, PLAIN_SET, SMALL_FILES_SET, VIDEO_SET, copy_set
from tests.dataset.test_read_golden import PICTURE_TOLERANCE, expected_values
from tests.lerobot_judge import run_in_lerobot
from tests.shared import GOLDEN

DEPTH_SETS = ("v30_lerobot061_depth", "v30_lerobot061_depth_images")
SETS = [VIDEO_SET, OLD_SET, IMAGE_SET, SMALL_FILES_SET, "v30_lerobot061_h264", *DEPTH_SETS]
BACK, AHEAD = (-3, -1, 0), (0, 1, 2, 9)


def windows_of(root: Path, **options: Any) -> Windows:
    dataset = Dataset.open(root)
    cameras = {camera: [step / dataset.fps for step in BACK] for camera in dataset.cameras}
    return dataset.windows({**cameras, "action": [step / dataset.fps for step in AHEAD]}, **options)


@pytest.mark.lerobot
@pytest.mark.parametrize("name", [VIDEO_SET, IMAGE_SET, SMALL_FILES_SET, "v30_lerobot061_wide", *DEPTH_SETS])
def test_lerobots_own_loader_gives_the_same_values_types_and_shapes(tmp_path: Path, name: str) -> None:
    dataset = Dataset.open(GOLDEN / name)
    steps: dict[str, tuple[int, ...]] = dict.fromkeys(dataset.cameras, BACK) | {"action": AHEAD}
    steps[dataset.cameras[0]] = (-1,)
    times = {feature: [step / dataset.fps for step in own] for feature, own in steps.items()}
    rows = [0, 1, dataset.num_frames // 2, dataset.num_frames - 1]
    request = json.dumps({"delta_timestamps": times, "rows": rows})
    target = tmp_path / "windows.npz"
    answer = run_in_lerobot(Path(__file__).parents[1] / "lerobot_windows.py", dataset.root, target, text=request)
    assert answer.returncode == 0, answer.stderr
    with np.load(target) as judged:
        names = {key.partition("|")[2] for key in judged.files}
        for row, window in zip(rows, dataset.windows(times).read(rows), strict=True):
            assert window.keys() == names
            for feature, value in window.items():
                other = judged[f"{row}|{feature}"]
                found = np.asarray(value)
                assert (found.shape, found.dtype) == (other.shape, other.dtype), feature
                if feature in dataset.cameras and not dataset.features[feature].is_depth:
                    assert np.abs(found - other).max() < PICTURE_TOLERANCE
                else:
                    assert np.array_equal(found, other), feature


def as_floats(pictures: list[np.ndarray], *, depth: bool) -> np.ndarray:
    found = np.stack(pictures).transpose(0, 3, 1, 2)
    return found if depth else found.astype(np.float32) / 255


@pytest.mark.parametrize("name", SETS)
def test_a_window_has_the_rows_and_pictures_of_its_episode_and_says_what_is_beyond(name: str) -> None:
    dataset = Dataset.open(GOLDEN / name)
    found = windows_of(GOLDEN / name)
    actions = dataset.numpy("action")
    assert len(found) == dataset.num_frames
    for episode in (dataset.episodes[0], dataset.episodes[-1]):
        first, last = episode.dataset_from, episode.dataset_to - 1
        for row, window in zip([first, last, last - 2], found.read([first, last, last - 2]), strict=True):
            ahead = [row + step for step in AHEAD]
            assert np.array_equal(window["action"], actions[np.clip(ahead, first, last)])
            assert window["action_is_pad"].tolist() == [not first <= one <= last for one in ahead]
            assert window["index"] == row
            assert window["task"] == dataset.tasks[window["task_index"]]
            back = [row + step for step in BACK]
            for camera in dataset.cameras:
                pictures = list(dataset.frames(episode.index, camera))
                wanted = [pictures[min(max(one, first), last) - first] for one in back]
                depth = dataset.features[camera].is_depth
                assert np.array_equal(window[camera], as_floats(wanted, depth=depth))
                assert window[f"{camera}_is_pad"].tolist() == [not first <= one <= last for one in back]


def test_rows_without_windows_have_what_lerobots_own_loader_gave() -> None:
    expected = expected_values(VIDEO_SET)
    found = Dataset.open(GOLDEN / VIDEO_SET).windows()
    for row in expected["frames"][:3]:
        values = dict(zip(expected["frame_columns"], row, strict=True))
        window = found[values["index"]]
        assert window["task"] == values["task"]
        assert window["timestamp"] == np.float32(values["timestamp"])
    for camera, means in expected["mean_rgb"].items():
        for row, mean in enumerate(means[:3]):
            assert found[row][camera].shape[0] == 3
            assert np.abs(found[row][camera].mean(axis=(1, 2)) - mean).max() < PICTURE_TOLERANCE


def test_batches_are_in_random_order_and_have_every_row_once() -> None:
    found = Dataset.open(GOLDEN / PLAIN_SET).windows({"action": [0, 0.1]})
    batches = list(found.batches(8, seed=1))
    rows = np.concatenate([batch["index"] for batch in batches])
    assert sorted(rows.tolist()) == list(range(len(found)))
    assert rows.tolist() != sorted(rows.tolist())
    assert batches[0]["action"].shape == (8, 2, 6)
    assert len(batches[0]["task"]) == 8
    assert [batch["index"].tolist() for batch in found.batches(8, seed=1)] == [b["index"].tolist() for b in batches]


def test_chosen_episodes_and_features_are_read_alone_in_their_order() -> None:
    dataset = Dataset.open(GOLDEN / VIDEO_SET)
    found = dataset.windows({"action": [0.0]}, features=["observation.state"], episodes=[2, -4])
    starts = dataset.episodes.starts
    assert len(found) == dataset.episodes[2].length + dataset.episodes[0].length
    assert set(found[0]) == {"observation.state", "action", "action_is_pad", "task"}
    state = dataset.numpy("observation.state")
    assert np.array_equal(found[0]["observation.state"], state[starts[2]])
    assert np.array_equal(found[-1]["observation.state"], state[starts[1] - 1])
    with pytest.raises(IndexError):
        found[len(found)]


def test_few_videos_stay_open_and_pictures_of_bytes_are_the_same() -> None:
    found = windows_of(GOLDEN / SMALL_FILES_SET, open_videos=1, picture_dtype="uint8")
    floats = windows_of(GOLDEN / SMALL_FILES_SET)
    order = np.random.default_rng(0).permutation(len(found))[:12].tolist()
    for mine, other in zip(found.read(order), floats.read(order), strict=True):
        for camera in Dataset.open(GOLDEN / SMALL_FILES_SET).cameras:
            assert mine[camera].dtype == np.uint8
            assert np.array_equal(mine[camera].astype(np.float32) / 255, other[camera])
    assert found._videos is not None
    assert len(found._videos) == 1
    found.close()
    assert found[0]["index"] == 0


def in_worker(found: Windows, answers: Any) -> None:
    answers.put({name: np.asarray(value) for name, value in found[20].items()})


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(method, marks=pytest.mark.slow if method == "spawn" else ())
        for method in multiprocessing.get_all_start_methods()
        if method != "forkserver"
    ],
)
def test_another_process_reads_the_same_while_this_one_reads_on(method: str) -> None:
    found = windows_of(GOLDEN / VIDEO_SET)
    before = found[20]
    processes = multiprocessing.get_context(method)
    answers = processes.Queue()
    worker = processes.Process(target=in_worker, args=(found, answers))
    worker.start()
    assert_same(found[20], before)
    assert_same(answers.get(timeout=120), before)
    worker.join()


def test_windows_are_the_same_after_pickling() -> None:
    found = windows_of(GOLDEN / VIDEO_SET)
    assert_same(pickle.loads(pickle.dumps(found))[5], found[5])


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert np.array_equal(found[name], value), name


@pytest.mark.parametrize(
    ("times", "options", "says"),
    [
        ({"action": [0.05]}, {}, "0.05 s is not a whole number of frames at 10 frames per second"),
        ({"acton": [0.0]}, {}, "no feature 'acton'"),
        ({"action": []}, {}, "no times for 'action'"),
        ({}, {"features": ["nothing"]}, "no feature 'nothing'"),
        ({}, {"arrays": "jax"}, "arrays 'jax'"),
        ({}, {"open_videos": 0}, "open_videos 0"),
    ],
)
def test_what_cannot_be_read_is_said_before_anything_is(times: Any, options: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Dataset.open(GOLDEN / VIDEO_SET).windows(times, **options)


def test_a_missing_and_a_damaged_video_are_named(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    video = next((root / "videos").rglob("*.mp4"))
    found = Dataset.open(root).windows()
    data = video.read_bytes()
    video.write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError, match=video.name):
        found[-1]
    video.unlink()
    with pytest.raises(CorruptDatasetError, match="is missing"):
        found[0]
    video.write_bytes(data)
    assert found[0]["index"] == 0


def test_lerobots_names_for_loading_name_windows(tmp_path: Path) -> None:
    from lerotool.lerobot import LeRobotDataset

    features = {"action": {"dtype": "float32", "shape": (1,), "names": None}}
    dataset = LeRobotDataset.create("me/x", fps=10, features=features, root=tmp_path / "x")
    with pytest.raises(lerotool.LerotoolError, match="loaded by LeRobot") as caught:
        dataset[0]
    assert "windows" in f"{caught.value} {caught.value.hint}"
