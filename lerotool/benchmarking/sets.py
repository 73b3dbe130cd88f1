"""v2.1 datasets to merge: two arms of different width, tiny real videos, statistics of every episode."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.benchmarking.clips import make_clips, spool_episode
from lerotool.benchmarking.effort import Rig
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.formats import FormatVersion, Totals
from lerotool.dataset.info import new_info
from lerotool.dataset.layout import EPISODE_LINES, EPISODE_STATS_LINES
from lerotool.dataset.writing.episode_writers import LineWriter
from lerotool.dataset.writing.metadata_files import write_info
from lerotool.dataset.writing.tables import data_schema, default_columns
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.features import ACTION, CAMERA_PREFIX, STATE, Feature, vector, with_defaults
from lerotool.media.format import EncoderSettings
from lerotool.moments import FeatureStats, numeric_stats

FPS = 30
ROWS = 150
"""Of an episode."""
CAMERA = f"{CAMERA_PREFIX}front"
WIDTHS = (6, 7)
"""Of the two arms; the wider one's first joints are those of the other."""
_TASKS = ("pick the cube", "place the cube")
_CLIP = Rig(cameras=1, width=64, height=64, fps=FPS, take_s=ROWS / FPS)


def make_clip(folder: Path) -> tuple[Path, Feature]:
    """Encode one small video of `ROWS` frames; return it and the feature of its camera."""
    root = folder / "clip"
    spool_episode(root, _CLIP, make_clips(_CLIP), 0, ROWS, EncoderSettings())
    encode_pending(root, EncodeOptions(jobs=1))
    dataset = Dataset.open(root)
    camera = next(iter(dataset.cameras))
    return dataset.episodes[0].videos[camera].path, dataset.features[camera]


def make_set(root: Path, episodes: int, width: int, clip: Path, camera: Feature) -> None:
    """Make a dataset, quickly and as LeRobot lays it out."""
    joints = vector([f"joint_{n}.pos" for n in range(width)])
    features = with_defaults({ACTION: joints, STATE: joints, CAMERA: camera})
    rng = np.random.default_rng(width)
    schema = data_schema(features, sequence_type="Sequence")
    data, videos = root / "data/chunk-000", root / "videos/chunk-000" / CAMERA
    data.mkdir(parents=True)
    videos.mkdir(parents=True)
    with LineWriter(root / EPISODE_LINES) as lines, LineWriter(root / EPISODE_STATS_LINES) as stats:
        for episode in range(episodes):
            table, measured = _episode(schema, rng, episode, width)
            pq.write_table(table, data / f"episode_{episode:06d}.parquet")
            shutil.copyfile(clip, videos / f"episode_{episode:06d}.mp4")
            lines.add([{"episode_index": episode, "tasks": [_TASKS[episode % 2]], "length": ROWS}])
            stats.add([{"episode_index": episode, "stats": measured | {CAMERA: _picture_stats(rng)}}])
    FormatVersion.V21.write_tasks(root, _TASKS)
    totals = Totals(episodes, episodes * ROWS, len(_TASKS))
    write_info(root, new_info(FormatVersion.V21, FPS, features, "so_follower", totals))


def _episode(schema: pa.Schema, rng: np.random.Generator, episode: int, width: int) -> tuple[pa.Table, dict[str, Any]]:
    defaults = default_columns(ROWS, FPS, episode, episode * ROWS, [episode % 2] * ROWS)
    arrays, stats = [], {}
    for field in schema:
        if field.name in defaults:
            values = defaults[field.name]
            arrays.append(pa.array(values, field.type))
        else:
            values = rng.normal(0, 1, (ROWS, width)).astype(np.float32).cumsum(axis=0)
            arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), width))
        stats[field.name] = _plain(numeric_stats(values))
    return pa.Table.from_arrays(arrays, schema=schema), stats


def _picture_stats(rng: np.random.Generator) -> dict[str, Any]:
    mean, std = rng.uniform(0.3, 0.6, (3, 1, 1)), rng.uniform(0.1, 0.2, (3, 1, 1))
    return _plain(FeatureStats(np.zeros((3, 1, 1)), np.ones((3, 1, 1)), mean, std, 100))


def _plain(stats: FeatureStats) -> dict[str, Any]:
    """Return what v2.1 keeps: no quantiles."""
    entry = stats.to_json()
    return {name: entry[name] for name in ("min", "max", "mean", "std", "count")}
