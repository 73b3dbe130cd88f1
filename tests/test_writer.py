"""`DatasetWriter`: what goes in comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lerotool
from lerotool import DatasetWriter, EncoderSettings
from lerotool.dataset.dataset import Dataset
from lerotool.devices.cameras.simulated import numbered_picture, read_number
from lerotool.errors import (
    DatasetLockedError,
    DatasetNotFoundError,
    IncompatibleDatasetError,
    MediaError,
    MetadataError,
    TargetExistsError,
    UsageError,
)
from lerotool.spool.pending import State, list_pending
from lerotool.spool.recovery import Kind, examine_all
from tests.lerobot_judge import judge
from tests.sampling import examples

QUICK = EncoderSettings(vcodec="h264", crf=20, preset="ultrafast")
FRONT = "observation.images.front"
HEIGHT, WIDTH = 64, 96
FEATURES: dict[str, Any] = {
    "action": {"dtype": "float32", "shape": (2,), "names": ["a", "b"]},
    "observation.state": {"dtype": "float32", "shape": (2,), "names": {"motors": ["a", "b"]}},
    FRONT: {"dtype": "video", "shape": (HEIGHT, WIDTH, 3), "names": ["height", "width", "channels"]},
}


def frame(number: int) -> dict[str, Any]:
    return {
        "action": np.array([number, -number], np.float32),
        "observation.state": np.array([number / 2, 1], np.float32),
        FRONT: numbered_picture(number, WIDTH, HEIGHT),
    }


def create(root: Path, features: dict[str, Any] = FEATURES, **options: Any) -> DatasetWriter:
    return DatasetWriter.create(root, **{"fps": 30, "features": features, "encoder": QUICK, "jobs": 1, **options})


def fill(writer: DatasetWriter, numbers: range) -> None:
    for number in numbers:
        writer.add_frame(frame(number), task="push")
    writer.save_episode()


def numbers_in(root: Path) -> list[int]:
    dataset = Dataset.open(root)
    return [read_number(p) for episode in range(len(dataset.episodes)) for p in dataset.frames(episode, FRONT)]


def test_what_was_added_is_read_back(tmp_path: Path) -> None:
    with create(tmp_path / "set", robot_type="so101", batch=2) as writer:
        fill(writer, range(5))
        fill(writer, range(100, 104))
        fill(writer, range(200, 203))
    dataset = Dataset.open(tmp_path / "set")
    expected = [*range(5), *range(100, 104), *range(200, 203)]
    assert numbers_in(tmp_path / "set") == expected
    assert dataset.numpy("action", 0, 12)[:, 0].tolist() == expected
    assert [episode.length for episode in dataset.episodes] == [5, 4, 3]
    assert (dataset.robot_type, dataset.tasks, dataset.fps) == ("so101", ("push",), 30)
    assert list_pending(tmp_path / "set") == []


def test_episodes_are_encoded_after_every_batch(tmp_path: Path) -> None:
    with create(tmp_path / "set", batch=2) as writer:
        fill(writer, range(3))
        assert not (tmp_path / "set" / "meta").exists()
        fill(writer, range(3))
        assert len(Dataset.open(tmp_path / "set").episodes) == 2
        fill(writer, range(3))
        assert writer.num_episodes == 3
        assert len(Dataset.open(tmp_path / "set").episodes) == 2
    assert len(Dataset.open(tmp_path / "set").episodes) == 3


def test_a_batch_of_one_is_encoded_at_once(tmp_path: Path) -> None:
    with create(tmp_path / "set") as writer:
        fill(writer, range(3))
        assert numbers_in(tmp_path / "set") == [0, 1, 2]


def test_an_exception_in_the_block_leaves_everything_recoverable(tmp_path: Path) -> None:
    root = tmp_path / "set"
    with pytest.raises(ZeroDivisionError), create(root, batch=5) as writer:  # noqa: PT012 - the block is the subject
        fill(writer, range(3))
        writer.add_frame(frame(7), task="push")
        writer.add_frame(frame(8), task="push")
        _ = 1 / 0
    assert not (root / "meta").exists()
    assert [(v.kind, v.rows) for v in examine_all(root)] == [(Kind.COMPLETE, 3), (Kind.SALVAGEABLE, 2)]
    assert [episode.state for episode in list_pending(root)] == [State.SAVED, State.RECORDING]
    with DatasetWriter.resume(root, encoder=QUICK) as writer:
        fill(writer, range(20, 22))
    assert numbers_in(root) == [0, 1, 2, 20, 21]
    assert [v.kind for v in examine_all(root)] == [Kind.SALVAGEABLE]


def test_frames_that_were_not_saved_are_not_lost_by_finalize(tmp_path: Path) -> None:
    root = tmp_path / "set"
    writer = create(root, batch=3)
    fill(writer, range(3))
    writer.add_frame(frame(9), task="push")
    with pytest.raises(UsageError, match="1 frames were added and not saved"):
        writer.finalize()
    assert numbers_in(root) == [0, 1, 2]
    assert [(v.kind, v.rows) for v in examine_all(root)] == [(Kind.SALVAGEABLE, 1)]


def test_a_cleared_episode_is_gone(tmp_path: Path) -> None:
    with create(tmp_path / "set") as writer:
        writer.add_frame(frame(1), task="push")
        writer.clear_episode()
        assert list_pending(tmp_path / "set") == []
        fill(writer, range(2))
    assert numbers_in(tmp_path / "set") == [0, 1]


def test_a_dataset_is_resumed(tmp_path: Path) -> None:
    with create(tmp_path / "set") as writer:
        fill(writer, range(2))
    with DatasetWriter.resume(tmp_path / "set", encoder=QUICK) as writer:
        assert writer.features.keys() >= FEATURES.keys()
        fill(writer, range(10, 12))
    assert numbers_in(tmp_path / "set") == [0, 1, 10, 11]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action": np.zeros(3, np.float32)}, r"feature 'action': expected float32 \(2,\), found float32 \(3,\)"),
        ({"action": np.zeros(2, np.float64)}, r"feature 'action': expected float32 \(2,\), found float64 \(2,\)"),
        ({"action": None}, "feature 'action': expected float32"),
        ({FRONT: np.zeros((WIDTH, HEIGHT, 3), np.uint8)}, r"expected a uint8 picture \(64, 96, 3\), found uint8 \(96"),
        ({FRONT: np.zeros((HEIGHT, WIDTH, 3), np.float32)}, r"feature 'observation.images.front': .*found float32"),
        ({"extra": 1}, "feature 'extra' is not one of the dataset's"),
        ({"timestamp": 5.0}, "feature 'timestamp': frame 0 is at 5.0 s, expected 0.0000 s"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_added(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with create(tmp_path / "set") as writer:
        with pytest.raises(IncompatibleDatasetError, match=message):
            writer.add_frame({**frame(0), **change}, task="push")
        assert writer.num_frames == 0
        fill(writer, range(2))
    assert numbers_in(tmp_path / "set") == [0, 1]


def test_a_missing_value_is_named(tmp_path: Path) -> None:
    values = frame(0)
    del values["action"]
    with create(tmp_path / "set") as writer, pytest.raises(IncompatibleDatasetError, match="'action' is missing"):
        writer.add_frame(values, task="push")


def test_the_task_may_be_in_the_frame(tmp_path: Path) -> None:
    with create(tmp_path / "set") as writer:
        writer.add_frame({**frame(0), "task": "one"})
        writer.add_frame(frame(1), task="two")
        with pytest.raises(UsageError, match="the task is None"):
            writer.add_frame(frame(2))
        writer.save_episode()
    assert Dataset.open(tmp_path / "set").tasks == ("one", "two")


def test_channels_first_is_taken_where_the_names_say_so(tmp_path: Path) -> None:
    names = ["channels", "height", "width"]
    features = {**FEATURES, FRONT: {"dtype": "video", "shape": (3, HEIGHT, WIDTH), "names": names}}
    with create(tmp_path / "set", features) as writer:
        writer.add_frame({**frame(6), FRONT: frame(6)[FRONT].transpose(2, 0, 1)}, task="push")
        writer.save_episode()
    assert numbers_in(tmp_path / "set") == [6]


def test_tensors_of_other_libraries_are_taken(tmp_path: Path) -> None:
    class Tensor:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray[Any, Any]:
            return np.array([1, 2], np.float32)

    with create(tmp_path / "set") as writer:
        writer.add_frame({**frame(0), "action": Tensor()}, task="push")
        writer.save_episode()
    assert Dataset.open(tmp_path / "set").numpy("action", 0, 1).tolist() == [[1, 2]]


def test_an_existing_dataset_is_not_overwritten(tmp_path: Path) -> None:
    with create(tmp_path / "set") as writer:
        fill(writer, range(2))
    with pytest.raises(TargetExistsError):
        create(tmp_path / "set")


def test_a_folder_with_something_else_in_it_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(TargetExistsError, match=r"notes\.txt"):
        create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_two_writers_at_once_are_one_too_many(tmp_path: Path) -> None:
    with create(tmp_path / "set") as writer:
        fill(writer, range(2))
        with pytest.raises(DatasetLockedError, match="recording"):
            DatasetWriter.resume(tmp_path / "set")


def test_nothing_can_be_resumed_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError):
        DatasetWriter.resume(tmp_path / "set")
    with pytest.raises(DatasetNotFoundError):
        DatasetWriter.resume(tmp_path)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"dtype": "float31", "shape": (2,)}, MetadataError),
        ({"dtype": "float32"}, MetadataError),
        ({"dtype": "video", "shape": (64, 96, 1), "names": None}, IncompatibleDatasetError),
        (
            {"dtype": "video", "shape": (64, 96, 3), "names": None, "info": {"is_depth_map": True}},
            IncompatibleDatasetError,
        ),
    ],
)
def test_features_that_cannot_be_written_are_refused_at_once(
    tmp_path: Path, entry: dict[str, Any], error: type[lerotool.LerotoolError]
) -> None:
    with pytest.raises(error, match="feature 'x'"):
        create(tmp_path / "set", {"x": entry})
    assert not (tmp_path / "set").exists()


DEPTH = "observation.images.front_depth"


def depth_features(dtype: str) -> dict[str, Any]:
    shape = {"dtype": dtype, "shape": (HEIGHT, WIDTH, 1), "names": ["height", "width", "channels"]}
    return {**FEATURES, DEPTH: {**shape, "info": {"is_depth_map": True}}}


def depth(number: int) -> np.ndarray:
    """Return millimetres from 0.3 m to 3.4 m."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return (300 + 20 * y + 18 * x + 10 * number).astype(np.uint16)[:, :, np.newaxis]


@pytest.mark.lerobot
@pytest.mark.parametrize("unit", ["mm", "m"])
@pytest.mark.parametrize("dtype", ["video", "image"])
def test_depths_come_back_and_lerobot_reads_them(tmp_path: Path, dtype: str, unit: str) -> None:
    root = tmp_path / "set"
    pictures = [depth(n) if unit == "mm" else (depth(n) / 1000).astype(np.float32) for n in range(7)]
    for episode in (pictures[:4], pictures[4:]):
        with create(root, depth_features(dtype)) if not root.exists() else DatasetWriter.resume(root) as writer:
            for number, picture in enumerate(episode):
                writer.add_frame({**frame(number), DEPTH: picture}, task="push")
            writer.save_episode()
    dataset = Dataset.open(root)
    found = [picture for episode in range(2) for picture in dataset.frames(episode, DEPTH)]
    for number, picture in enumerate(found):
        assert abs(picture - depth(number).astype(np.float32)).max() <= 1.5
    assert dataset.features[DEPTH].info["depth_unit"] == unit
    pooled = np.stack(pictures).astype(np.float64)
    stats = dataset.stats[DEPTH]
    assert stats.mean.shape == (1, 1, 1)
    np.testing.assert_allclose(stats.mean.item(), pooled.mean(), rtol=1e-6)
    np.testing.assert_allclose([stats.min.item(), stats.max.item()], [pooled.min(), pooled.max()], rtol=1e-6)
    judge(root)


def test_depths_of_another_unit_than_the_first_are_refused(tmp_path: Path) -> None:
    with create(tmp_path / "set", depth_features("video")) as writer:
        writer.add_frame({**frame(0), DEPTH: depth(0)}, task="push")
        with pytest.raises(IncompatibleDatasetError, match=r"expected uint16 depths in mm .*found float32"):
            writer.add_frame({**frame(1), DEPTH: depth(1).astype(np.float32)}, task="push")
        writer.save_episode()


def test_a_depth_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with create(tmp_path / "set", depth_features("video")) as writer:
        with pytest.raises(IncompatibleDatasetError, match="no number"):
            writer.add_frame({**frame(0), DEPTH: np.full((HEIGHT, WIDTH, 1), np.nan, np.float32)}, task="push")
        fill_with_depth = {**frame(0), DEPTH: depth(0)}
        writer.add_frame(fill_with_depth, task="push")
        writer.save_episode()


@pytest.mark.parametrize("size", [(63, 96), (64, 97)])
def test_odd_sizes_are_kept(tmp_path: Path, size: tuple[int, int]) -> None:
    height, width = size
    features = {FRONT: {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]}}
    with create(tmp_path / "set", features, encoder=EncoderSettings()) as writer:
        writer.add_frame({FRONT: numbered_picture(77, width, height)}, task="push")
        writer.save_episode()
    assert numbers_in(tmp_path / "set") == [77]
    (picture,) = Dataset.open(tmp_path / "set").frames(0, FRONT)
    assert picture.shape == (height, width, 3)


@pytest.mark.parametrize("size", [(63, 96), (64, 97)])
def test_odd_sizes_are_refused_at_once_by_an_encoder_that_does_not_take_them(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    height, width = size
    features = {FRONT: {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]}}
    h264 = EncoderSettings(vcodec="h264")
    with pytest.raises(MediaError, match=f"camera '{FRONT}': libx264 .*{width}x{height} .*must be even"):
        create(tmp_path / "set", features, encoder=h264)
    assert not (tmp_path / "set").exists()
    with create(tmp_path / "set", features, encoder=EncoderSettings()) as writer:
        writer.add_frame({FRONT: numbered_picture(77, width, height)}, task="push")
        writer.save_episode()
    with pytest.raises(MediaError, match="must be even"):
        DatasetWriter.resume(tmp_path / "set", encoder=h264)
    DatasetWriter.resume(tmp_path / "set", encoder=EncoderSettings()).finalize()


DTYPES = ["float32", "float64", "int64", "int32", "uint8", "bool"]
SHAPES = [(1,), (2,), (3, 2)]


@settings(max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_written_then_read_is_equal(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any features of numbers, texts and pictures in rows, any lengths."""
    kinds = data.draw(st.lists(st.tuples(st.sampled_from(DTYPES), st.sampled_from(SHAPES)), min_size=1, max_size=4))
    features = {f"f{i}": {"dtype": d, "shape": s, "names": None} for i, (d, s) in enumerate(kinds)}
    features["text"] = {"dtype": "string", "shape": (1,), "names": None}
    features["observation.images.still"] = {"dtype": "image", "shape": (8, 12, 3), "names": None}
    lengths = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    root = tmp_path_factory.mktemp("set") / "set"
    written: dict[str, list[Any]] = {name: [] for name in features}
    with create(root, features, batch=2) as writer:
        for length in lengths:
            for _ in range(length):
                values = {name: _random(feature, random) for name, feature in features.items()}
                for name, value in values.items():
                    written[name].append(value)
                writer.add_frame(values, task=f"task {random.integers(3)}")
            writer.save_episode()
    dataset = Dataset.open(root)
    assert [episode.length for episode in dataset.episodes] == lengths
    for name in [*(f"f{i}" for i in range(len(kinds)))]:
        found = dataset.numpy(name, 0, sum(lengths))
        expected = np.array(written[name])
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.reshape(expected.shape), expected)
    assert dataset.rows(columns=["text"])["text"].to_pylist() == written["text"]
    stills = [p for e in range(len(lengths)) for p in dataset.frames(e, "observation.images.still")]
    np.testing.assert_array_equal(np.array(stills), np.array(written["observation.images.still"]))


def _random(feature: dict[str, Any], random: np.random.Generator) -> Any:
    if feature["dtype"] == "string":
        return "".join(chr(c) for c in random.integers(32, 500, 5))
    if feature["dtype"] == "image":
        return random.integers(0, 256, feature["shape"], np.uint8)
    if feature["dtype"] == "bool":
        return random.integers(0, 2, feature["shape"]).astype(bool)
    return (random.random(feature["shape"]) * 100).astype(feature["dtype"])


@pytest.mark.lerobot
def test_lerobot_loads_what_was_written(tmp_path: Path) -> None:
    with create(tmp_path / "set", robot_type="so101", batch=2, encoder=EncoderSettings()) as writer:
        for start in (0, 50, 100):
            fill(writer, range(start, start + 20))
    judge(tmp_path / "set")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused_before_anything_is_written(tmp_path: Path, value: float) -> None:
    """Training normalises by the statistics; one NaN would spoil all of them."""
    with create(tmp_path / "set") as writer:
        fill(writer, range(2))
        bad = {**frame(2), "action": np.array([value, 0], np.float32)}
        with pytest.raises(IncompatibleDatasetError, match="feature 'action', frame 0 of the episode"):
            writer.add_frame(bad, task="push")
        assert writer.num_frames == 0
    assert numbers_in(tmp_path / "set") == [0, 1]
