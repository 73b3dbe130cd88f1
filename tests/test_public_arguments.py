"""The public functions answer every wrong argument in words of their own, before anything is written."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lerotool import Dataset, DatasetWriter, EncoderSettings, merge
from lerotool.errors import IncompatibleDatasetError, LerotoolError, MetadataError, UsageError
from lerotool.spool.pending import State, list_pending

FEATURES: dict[str, Any] = {"action": {"dtype": "float32", "shape": (2,), "names": ["a", "b"]}}
ROW = np.zeros(2, np.float32)


def create(root: Path, **changes: Any) -> DatasetWriter:
    return DatasetWriter.create(root, **{"fps": 30, "features": FEATURES, **changes})


def record(root: Path, **changes: Any) -> Path:
    with create(root, **changes) as writer:
        writer.add_frame({"action": ROW}, task="push")
        writer.save_episode()
    return root


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *(("fps", value) for value in ("30", 0, -1, 1e-308, math.nan, math.inf, None, True, 1e9, [30])),
        *(("features", value) for value in (None, [], 5, "x", {5: {"dtype": "float32", "shape": (1,)}})),
        *(("robot_type", value) for value in (5, b"so101", ["so101"])),
        *(("batch", value) for value in (-1, "2", 1.5, None, True)),
        *(("jobs", value) for value in (0, -1, "2", 1.5, True)),
        *(("encoder", value) for value in (5, "h264", {"vcodec": "h264"})),
        *(
            ("encoder", EncoderSettings(**{name: value}))
            for name, value in {
                "vcodec": 5, "pix_fmt": 3, "g": 0, "crf": "x", "preset": 1.5, "fast_decode": "a", "extra_options": 5,
            }.items()
        ),
    ],
)  # fmt: skip
def test_a_wrong_argument_of_create_is_named(tmp_path: Path, argument: str, value: Any) -> None:
    with pytest.raises(UsageError, match="expected") as caught:
        create(tmp_path / "set", **{argument: value})
    assert "pydantic" not in str(caught.value)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("root", [5, None, b"x", ["a"]])
def test_a_root_that_is_no_path_is_named(root: Any) -> None:
    for make in create, DatasetWriter.resume:
        with pytest.raises(UsageError, match=r"root is .* expected a path"):
            make(root)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"dtype": "video", "shape": (64, 64, 3), "names": []}, IncompatibleDatasetError),
        ({"dtype": "video", "shape": (64, 64, 3), "names": ["height"]}, IncompatibleDatasetError),
        ({"dtype": "float32", "shape": (2,), "info": object()}, MetadataError),
        ({"dtype": "float32", "shape": 2}, MetadataError),
    ],
)
def test_a_wrong_feature_is_named(tmp_path: Path, entry: Any, error: type[LerotoolError]) -> None:
    with pytest.raises(error, match=r"'observation\.x'"):
        create(tmp_path / "set", features={**FEATURES, "observation.x": entry})
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("fps", [30, 30.0, np.int64(30), np.float32(30)])
def test_numbers_of_numpy_are_numbers(tmp_path: Path, fps: Any) -> None:
    assert Dataset.open(record(tmp_path / "set", fps=fps, batch=np.int64(2))).fps == 30


@pytest.mark.parametrize("options", [{"batch": "2"}, {"batch": -1}, {"jobs": 0}, {"jobs": "a"}, {"encoder": "h264"}])
def test_a_wrong_argument_of_resume_is_named(tmp_path: Path, options: dict[str, Any]) -> None:
    root = record(tmp_path / "set")
    with pytest.raises(UsageError, match="expected"):
        DatasetWriter.resume(root, **options)
    DatasetWriter.resume(root).close()


@pytest.mark.parametrize(
    "frame", [None, 5, {"action": ROW, "timestamp": "x"}, {"action": ROW, "timestamp": [1, 2]}, {5: ROW}]
)
def test_a_wrong_frame_is_named_and_not_added(tmp_path: Path, frame: Any) -> None:
    with create(tmp_path / "set") as writer:
        with pytest.raises((UsageError, IncompatibleDatasetError)):
            writer.add_frame(frame, task="push")
        assert writer.num_frames == 0


def test_a_batch_of_0_leaves_all_episodes_pending_also_at_the_end(tmp_path: Path) -> None:
    root = record(tmp_path / "set", batch=0)
    assert not (root / "meta").exists()
    assert [episode.state for episode in list_pending(root)] == [State.SAVED]
    with DatasetWriter.resume(root, batch=0) as writer:
        writer.add_frame({"action": ROW}, task="push")
        writer.save_episode()
    assert len(list_pending(root)) == 2
    DatasetWriter.resume(root).finalize()
    assert len(Dataset.open(root).episodes) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"to": "v9"}, {"to": 5}, {"files": "x"}, {"rename": 5}, {"rename": "a=b"}, {"drop": 5}, {"drop": "action"},
        {"fill_camera": 5}, {"robot_type": 5}, {"fps": "30"}, {"fps": 0}, {"units": 5}, {"source_units": 5},
        {"source_units": "ticks"}, {"calibration": 5}, {"on_event": 5}, {"on_event": None}, {"place": 5},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_argument_of_merge_is_named(tmp_path: Path, options: dict[str, Any]) -> None:
    source, target = record(tmp_path / "set"), tmp_path / "merged"
    with pytest.raises(UsageError):
        merge([source], target, **options)
    assert not target.exists()


@pytest.mark.parametrize("sources", [None, 5, "set", [5], [None], []])
def test_sources_of_merge_that_are_no_list_of_paths_are_named(tmp_path: Path, sources: Any) -> None:
    with pytest.raises(UsageError):
        merge(sources, tmp_path / "merged")


@pytest.mark.parametrize("target", [None, 5])
def test_a_target_of_merge_that_is_no_path_is_named(tmp_path: Path, target: Any) -> None:
    with pytest.raises(UsageError, match=r"target is .* expected a path"):
        merge([record(tmp_path / "set")], target)
