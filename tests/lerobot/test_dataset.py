"""``lerotool.lerobot.LeRobotDataset``: LeRobot's parameters and methods, today's and those of older scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lerotool
from harness.faults.recordings import open_recording
from lerotool.errors import MetadataError, UsageError
from lerotool.lerobot import HF_LEROBOT_HOME, LeRobotDataset, VideoEncodingManager
from lerotool.lerobot.settings import WithoutEffectWarning, read_encoder
from lerotool.lerobot.values import FrameError
from lerotool.spool.pending import list_pending, pending_folders

FRONT = "observation.images.front"
STATE = {"observation.state": {"dtype": "float32", "shape": (2,), "names": ["x", "y"]}}
VIDEO = {FRONT: {"dtype": "video", "shape": (64, 96, 3), "names": ["height", "width", "channels"]}}
IMAGE = {FRONT: {"dtype": "image", "shape": (3, 64, 96), "names": ["channels", "height", "width"]}}
PICTURE = np.broadcast_to(np.linspace(0, 200, 96)[None, :, None], (64, 96, 3)).astype(np.uint8)


def create(root: Path, features: dict[str, Any] = STATE, **options: Any) -> LeRobotDataset:
    return LeRobotDataset.create("local/set", fps=10, features=features, root=root, **options)


def frame(number: float, task: str | None = "x", **more: Any) -> dict[str, Any]:
    named = {} if task is None else {"task": task}
    return {"observation.state": np.array([number, 0], np.float32), **named, **more}


def test_episodes_are_recorded_under_lerobots_names(tmp_path: Path) -> None:
    dataset = create(tmp_path / "set", robot_type="toy")
    for episode in range(2):
        for number in range(3):
            dataset.add_frame(frame(number, f"task {episode}"))
        assert dataset.episode_buffer == {"size": 3, "episode_index": episode}
        dataset.save_episode()
    dataset.finalize()

    assert (dataset.num_episodes, dataset.num_frames, len(dataset), dataset.fps) == (2, 6, 6, 10)
    meta = dataset.meta
    assert (meta.total_episodes, meta.total_frames, meta.tasks) == (2, 6, ["task 0", "task 1"])
    assert (meta.robot_type, meta.get_task_index("task 1"), meta.get_task_index("y")) == ("toy", 1, None)
    assert meta.shapes["observation.state"] == (2,)
    assert meta.features["observation.state"]["names"] == ["x", "y"]
    read = lerotool.Dataset(tmp_path / "set")
    np.testing.assert_array_equal(read.numpy("observation.state")[:, 0], [0, 1, 2, 0, 1, 2])


def test_without_a_root_the_dataset_lies_in_the_lerobot_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path))

    dataset = LeRobotDataset.create("me/set", fps=10, features=STATE)

    assert dataset.root == tmp_path / "me" / "set"
    assert isinstance(HF_LEROBOT_HOME, Path)
    dataset.close()


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(PICTURE, id="height first"),
        pytest.param(PICTURE.transpose(2, 0, 1), id="channels first"),
        pytest.param(PICTURE.astype(np.float32) / 255, id="floats from 0 to 1"),
        pytest.param(Image.fromarray(PICTURE), id="a PIL picture"),
    ],
)
@pytest.mark.parametrize("features", [pytest.param(VIDEO, id="video"), pytest.param(IMAGE, id="image")])
def test_pictures_are_taken_as_lerobot_takes_them(tmp_path: Path, picture: Any, features: dict[str, Any]) -> None:
    dataset = create(tmp_path / "set", {**STATE, **features})
    for number in range(3):
        dataset.add_frame(frame(number, **{FRONT: picture}))
    dataset.save_episode()
    dataset.finalize()

    (shown, *_) = lerotool.Dataset(tmp_path / "set").frames(0, FRONT)
    off = np.abs(shown.astype(int) - PICTURE)
    assert off.mean() < 2
    assert off.max() < 12


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (PICTURE[:32], r"of shape '\(32, 96, 3\)' does not have the expected shape '\(64, 96, 3\)'"),
        (PICTURE.astype(np.float32), "values from 0 to 200, expected 0 to 1"),
        (PICTURE.astype(np.int64), "expected uint8 or floats from 0 to 1, found int64"),
    ],
)
def test_pictures_that_cannot_be_are_named(tmp_path: Path, value: Any, problem: str) -> None:
    dataset = create(tmp_path / "set", {**STATE, **VIDEO})

    with pytest.raises(ValueError, match=problem):
        dataset.add_frame(frame(0, **{FRONT: value}))
    assert not dataset.has_pending_frames()
    dataset.close()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"task": "x"}, "Missing features: {'observation.state'}\n"),
        (frame(0, None), "Missing features: {'task'}\n"),
        (frame(0, other=1), "Extra features: {'other'}\n"),
        (frame(0, frame_index=np.array([0])), "frame_index: these are counted"),
        ({"observation.state": np.zeros(3, np.float32), "task": "x"}, r"'observation.state' of shape '\(3,\)'"),
    ],
)
def test_a_frame_that_does_not_fit_is_a_value_error(tmp_path: Path, given: dict[str, Any], problem: str) -> None:
    dataset = create(tmp_path / "set")

    with pytest.raises(ValueError, match=problem) as caught:
        dataset.add_frame(given)
    assert isinstance(caught.value, FrameError)
    dataset.close()


def test_scripts_of_older_lerobot_run(tmp_path: Path) -> None:
    options = {"root": tmp_path / "set", "image_writer_threads": 4, "vcodec": "h264"}
    with pytest.warns(WithoutEffectWarning, match="image_writer_threads has no effect: pictures go") as told:
        dataset = LeRobotDataset.create("local/set", 10, STATE, **options)
    assert told[0].filename == __file__, "the warning names the line of the script"
    dataset.start_image_writer(0, 4)
    dataset.add_frame(frame(0, None), task="by argument", timestamp=0.0)
    with pytest.warns(WithoutEffectWarning, match="encode_videos has no effect"):
        dataset.save_episode(encode_videos=True)
    dataset.stop_image_writer()
    with pytest.warns(WithoutEffectWarning, match="run_compute_stats has no effect"):
        dataset.consolidate(run_compute_stats=False)

    assert lerotool.Dataset(tmp_path / "set").tasks == ("by argument",)


def test_a_task_for_a_whole_episode_is_that_of_its_frames(tmp_path: Path) -> None:
    dataset = create(tmp_path / "set")
    dataset.add_frame(frame(0))

    with pytest.raises(UsageError, match=r"save_episode\(\) was given the task 'other', and frames have"):
        dataset.save_episode(task="other")
    dataset.save_episode(task=frame(0)["task"])
    dataset.add_frame({**frame(1), "task": "other"})
    dataset.save_episode(task="other")
    dataset.finalize()

    assert lerotool.Dataset(tmp_path / "set").tasks == (frame(0)["task"], "other")


@pytest.mark.parametrize(
    ("given", "vcodec", "preset"),
    [(None, "libsvtav1", 12), ({"preset": None}, "libsvtav1", 12), ({"vcodec": "h264", "crf": 20}, "h264", 12)],
)
def test_an_encoder_without_a_preset_has_ours(given: dict[str, Any] | None, vcodec: str, preset: int) -> None:
    settings = read_encoder(given, None, None)

    assert (settings.vcodec, settings.preset) == (vcodec, preset)


def test_videos_are_encoded_after_each_batch_and_the_rest_at_the_end(tmp_path: Path) -> None:
    root = tmp_path / "set"
    dataset = create(root, batch_encoding_size=2)
    waiting = []
    with VideoEncodingManager(dataset):
        for _ in range(3):
            dataset.add_frame(frame(0))
            dataset.save_episode()
            waiting.append(len(list_pending(root)))
            assert dataset.num_episodes == len(waiting)

    assert waiting == [1, 0, 1]
    assert lerotool.Dataset(root).num_episodes == 3


def test_batches_are_encoded_when_a_script_asks(tmp_path: Path) -> None:
    dataset = create(tmp_path / "set", batch_encoding_size=10)
    dataset.add_frame(frame(0))
    dataset.save_episode()

    dataset.batch_encode_videos(0, 1)

    assert lerotool.Dataset(tmp_path / "set").num_episodes == 1
    dataset.close()


def test_an_exception_leaves_everything_recoverable(tmp_path: Path) -> None:
    root = tmp_path / "set"
    dataset = create(root, batch_encoding_size=10)
    dataset.add_frame(frame(0))
    dataset.save_episode()
    dataset.add_frame(frame(1))
    with pytest.raises(RuntimeError, match="of the script"), VideoEncodingManager(dataset):
        raise RuntimeError("of the script")

    assert len(list_pending(root)) == 2
    again = LeRobotDataset.resume("local/set", root=root)
    again.finalize()
    assert lerotool.Dataset(root).num_episodes == 1


def test_a_dataset_that_is_opened_by_its_name_is_gone_on_with(tmp_path: Path) -> None:
    first = create(tmp_path / "set")
    first.add_frame(frame(0))
    first.save_episode()
    first.finalize()

    second = LeRobotDataset("local/set", root=tmp_path / "set")
    assert second.num_episodes == 1
    second.add_frame(frame(1))
    second.save_episode()
    second.finalize()

    assert lerotool.Dataset(tmp_path / "set").num_episodes == 2


def test_a_cleared_episode_is_gone(tmp_path: Path) -> None:
    dataset = create(tmp_path / "set")
    dataset.add_frame(frame(0))
    dataset.clear_episode_buffer()

    assert not dataset.has_pending_frames()
    dataset.close()
    assert not list_pending(tmp_path / "set")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"batch_encoding_size": 0}, "batch_encoding_size is 0"),
        ({"video_files_size_in_mb": 50}, "video_files_size_in_mb is 50, and files are packed up to 200 MB"),
        ({"colour": "blue"}, "unknown parameter 'colour'"),
        ({"rgb_encoder": {"vcodec": "h264", "speed": 3}}, "unknown settings speed"),
        ({"depth_encoder": {"crf": 3}}, "depth_encoder sets crf"),
        ({"features": VIDEO, "use_videos": False}, "use_videos is False"),
    ],
)
def test_what_cannot_be_honoured_is_refused(tmp_path: Path, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        create(tmp_path / "set", **options)
    assert not (tmp_path / "set").exists()


def test_loading_for_training_is_left_to_lerobot(tmp_path: Path) -> None:
    dataset = create(tmp_path / "set")

    for load in (lambda: dataset[0], lambda: dataset.hf_dataset):
        with pytest.raises(UsageError, match="loaded by LeRobot") as caught:
            load()
        assert "lerobot.datasets.LeRobotDataset('local/set'" in str(caught.value.hint)
    dataset.close()


def test_a_dataset_without_an_episode_is_gone_on_with(tmp_path: Path) -> None:
    create(tmp_path / "set", {**STATE, **VIDEO}, robot_type="toy").close()

    again = LeRobotDataset.resume("local/set", root=tmp_path / "set")
    assert (again.num_episodes, again.meta.total_frames, again.meta.tasks) == (0, 0, [])
    again.add_frame(frame(0, **{FRONT: PICTURE}))
    again.save_episode()
    again.finalize()

    read = lerotool.Dataset(tmp_path / "set")
    assert (read.num_episodes, read.fps, read.robot_type, read.features[FRONT].shape) == (1, 10, "toy", (64, 96, 3))
    assert not [path for path in (tmp_path / "set" / ".lerotool").iterdir() if path.name == "begun.json"]


def test_a_dataset_whose_first_take_was_killed_before_its_first_row_is_gone_on_with(tmp_path: Path) -> None:
    create(tmp_path / "set").close()
    open_recording(tmp_path / "set", 0).close()

    LeRobotDataset.resume("local/set", root=tmp_path / "set").close()

    open_recording(tmp_path / "set", 0).close()
    create(tmp_path / "set").close()
    assert not pending_folders(tmp_path / "set")


def test_what_a_dataset_was_created_as_is_kept_until_there_is_an_episode(tmp_path: Path) -> None:
    create(tmp_path / "set").close()
    (tmp_path / "set" / ".lerotool" / "begun.json").write_text("{")

    with pytest.raises(MetadataError, match=r"begun\.json' is damaged"):
        LeRobotDataset.resume("local/set", root=tmp_path / "set")
    create(tmp_path / "set").close()
    LeRobotDataset.resume("local/set", root=tmp_path / "set").close()


def test_statistics_are_arrays_under_lerobots_names(tmp_path: Path) -> None:
    dataset = create(tmp_path / "set")
    for number in range(3):
        dataset.add_frame(frame(number))
    dataset.save_episode()

    stats = dataset.meta.stats["observation.state"]
    assert set(stats) == {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"}
    np.testing.assert_array_equal(stats["mean"], [1, 0])
    np.testing.assert_array_equal(stats["count"], [3])
    dataset.finalize()


def test_the_writer_of_a_dataset_is_the_dataset_while_it_is_recorded(tmp_path: Path) -> None:
    dataset = create(tmp_path / "set")
    dataset.add_frame(frame(0))

    assert dataset.writer is not None
    assert dataset.writer.episode_buffer["size"] == 1
    assert dataset.reader is None
    dataset.save_episode()
    dataset.finalize()
