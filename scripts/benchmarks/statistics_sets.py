"""Datasets of many rows for the benchmark of statistics, written quickly and as LeRobot lays them out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.info import new_info
from lerotool.dataset.layout import EPISODES_PATH
from lerotool.dataset.numbering import FileNumber
from lerotool.features import DEFAULT_FEATURES, Feature
from lerotool.storage import write_json

FPS = 30
ROWS_OF_FILE = 1_000_000
_TASK = "benchmark"


def write_joints(root: Path, rows: int, joints: int, episode: int) -> None:
    """Write a v3.0 dataset of joint values and LeRobot's own columns, with a row group per episode."""
    features = {name: Feature("float32", (joints,), None) for name in ("action", "observation.state")}
    rng = np.random.default_rng(0)
    schema = pa.schema(
        [pa.field(name, pa.list_(pa.float32(), joints)) for name in features]
        + [pa.field("timestamp", pa.float32())]
        + [pa.field(name, pa.int64()) for name in DEFAULT_FEATURES if name != "timestamp"]
    )
    for file, first in enumerate(range(0, rows, ROWS_OF_FILE)):
        path = root / FormatVersion.V30.data_file(FileNumber(0, file))
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(path, schema, compression="snappy") as writer:
            for start in range(first, min(first + ROWS_OF_FILE, rows), episode):
                frames = np.arange(min(episode, rows - start))
                values = [_wander(rng, len(frames), joints) for _ in features]
                lists = [pa.FixedSizeListArray.from_arrays(pa.array(v.ravel()), joints) for v in values]
                index = np.full(len(frames), start // episode)
                plain = [(frames / FPS).astype(np.float32), frames, index, start + frames, np.zeros_like(frames)]
                writer.write_table(pa.Table.from_arrays([*lists, *map(pa.array, plain)], schema=schema))
    _write_metadata(root, features | dict(DEFAULT_FEATURES), rows, episode)


def write_repeated(root: Path, rows: int, episode: int) -> None:
    """Write a v3.0 dataset of any size whose data files are one file, linked: two columns of two values, no others."""
    features = {"action": Feature("float32", (2,), None), "observation.state": Feature("float64", (2,), None)}
    rng = np.random.default_rng(0)
    first = root / FormatVersion.V30.data_file(FileNumber(0, 0))
    first.parent.mkdir(parents=True)
    columns = []
    for feature in features.values():
        values = rng.normal(0, 30, (min(rows, ROWS_OF_FILE), 2)).astype(feature.dtype)
        columns.append(pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 2))
    pq.write_table(pa.table(dict(zip(features, columns, strict=True))), first, row_group_size=50 * episode)
    for file in range(1, rows // ROWS_OF_FILE):
        os.link(first, root / FormatVersion.V30.data_file(FileNumber(0, file)))
    _write_metadata(root, features, rows, episode)


def _wander(rng: np.random.Generator, length: int, joints: int) -> np.ndarray:
    """Return joint values that move as an arm does: from pose to pose, with sensor noise."""
    poses = rng.uniform(-90, 90, (8, joints))
    places = np.linspace(0, 7, length)
    path = np.stack([np.interp(places, np.arange(8), pose) for pose in poses.T], axis=1)
    return (path + rng.normal(0, 0.1, path.shape)).astype(np.float32)


def _write_metadata(root: Path, features: dict[str, Feature], rows: int, episode: int) -> None:
    starts = np.arange(0, rows, episode)
    stops = np.minimum(starts + episode, rows)
    table = {
        "episode_index": np.arange(len(starts)),
        "tasks": pa.array([[_TASK]] * len(starts), pa.list_(pa.string())),
        "length": stops - starts,
        "data/chunk_index": np.zeros_like(starts),
        "data/file_index": starts // ROWS_OF_FILE,
        "dataset_from_index": starts,
        "dataset_to_index": stops,
        "meta/episodes/chunk_index": np.zeros_like(starts),
        "meta/episodes/file_index": np.zeros_like(starts),
    }
    path = root / EPISODES_PATH.format(chunk_index=0, file_index=0)
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(table), path)
    pd.DataFrame({"task_index": [0]}, index=pd.Index([_TASK], name="task")).to_parquet(root / "meta/tasks.parquet")
    info = new_info(FormatVersion.V30, FPS, {}, "benchmark").to_json()
    info["features"] = {name: feature.to_json() for name, feature in features.items()}
    totals = {"total_episodes": len(starts), "total_frames": rows, "total_tasks": 1}
    write_json(root / "meta/info.json", info | totals | {"splits": {"train": f"0:{len(starts)}"}})
