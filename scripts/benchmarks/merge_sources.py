"""Datasets for the benchmark of merging: small to make, and as large and as many as it needs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.episode_table import EpisodeRow, EpisodeTable
from lerotool.dataset.formats import FormatVersion, Sizes, Totals
from lerotool.dataset.info import new_info, write_info
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.writing.episode_writers import LineWriter
from lerotool.dataset.writing.tables import data_schema
from lerotool.features import Feature, camera, vector, with_defaults
from lerotool.media.encode import VideoEncoder
from lerotool.media.format import EncoderSettings
from lerotool.media.probe import feature_info
from lerotool.moments import FeatureStats, numeric_stats

FPS = 30
CAMERA = "observation.images.{}"
_TASKS = ("pick the cube", "place the cube")


def joints(width: int) -> Feature:
    """Return a vector feature whose dimensions are called joint_0, joint_1 and so on."""
    return vector([f"joint_{n}.pos" for n in range(width)])


def encode_noise(path: Path, frames: int, height: int, width: int, strength: int) -> None:
    """Encode pictures that compress badly, so that few of them make a large file."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, strength, (height * 2, width * 2, 3)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoEncoder(path, width, height, FPS, EncoderSettings(), threads=0) as encoder:
        for _ in range(frames):
            top, left = rng.integers(0, height), rng.integers(0, width)
            picture = np.ascontiguousarray(noise[top : top + height, left : left + width])
            encoder.write(av.VideoFrame.from_ndarray(picture, format="rgb24"))


def _rows(features: dict[str, Feature], episode: int, first: int, length: int, rng: np.random.Generator) -> pa.Table:
    frames = np.arange(length)
    columns: dict[str, Any] = {}
    for field in data_schema(features).remove_metadata():
        feature = features[field.name]
        if field.name == "timestamp":
            columns[field.name] = pa.array((frames / FPS).astype(np.float32))
        elif field.name == "task_index":
            columns[field.name] = pa.array(np.full(length, episode % len(_TASKS)))
        elif feature.is_scalar:
            start = {"index": first, "episode_index": episode, "frame_index": 0}[field.name]
            columns[field.name] = pa.array(np.full(length, start) if field.name == "episode_index" else start + frames)
        else:
            values = rng.normal(0, 30, (length, feature.shape[0])).astype(np.float32).cumsum(axis=0)
            columns[field.name] = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), feature.shape[0])
    return pa.table(columns, schema=data_schema(features).remove_metadata())


def make_v30(root: Path, episodes: int, length: int, width: int = 6, *, files: int = 1) -> None:
    """Make a v3.0 dataset without pictures; the episode table has no statistics."""
    features = with_defaults({"action": joints(width), "observation.state": joints(width)})
    rng = np.random.default_rng(1)
    schema = data_schema(features)
    per_file = -(-episodes // files)
    with FormatVersion.V30.write_episodes(root, Sizes()) as table:
        for number in range(files):
            path = root / f"data/chunk-000/file-{number:03d}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            chosen = range(number * per_file, min(episodes, (number + 1) * per_file))
            with pq.ParquetWriter(path, schema) as writer:
                for episode in chosen:
                    rows = _rows(features, episode, episode * length, length, rng)
                    writer.write_table(rows.replace_schema_metadata(schema.metadata), row_group_size=length)
            table.add(_episode_table(chosen, length, number))
    _finish(root, FormatVersion.V30, features, episodes, length)


def make_v30_with_videos(
    root: Path, episodes: int, length: int, clips: dict[str, Path], height: int, width: int
) -> None:
    """Make a v3.0 dataset whose cameras have one file each, of ``episodes * length`` frames."""
    cameras = {CAMERA.format(name): camera(height, width) for name in clips}
    for (key, feature), clip in zip(cameras.items(), clips.values(), strict=True):
        info = feature_info(clip, EncoderSettings())
        cameras[key] = Feature(feature.dtype, feature.shape, feature.names, {"info": info})
        target = root / f"videos/{key}/chunk-000/file-000.mp4"
        target.parent.mkdir(parents=True)
        shutil.copyfile(clip, target)
    features = with_defaults({"action": joints(6), "observation.state": joints(6), **cameras})
    rng = np.random.default_rng(2)
    schema = data_schema(features)
    path = root / "data/chunk-000/file-000.parquet"
    path.parent.mkdir(parents=True)
    stats: dict[str, list[FeatureStats]] = {}
    with pq.ParquetWriter(path, schema) as writer:
        for episode in range(episodes):
            rows = _rows(features, episode, episode * length, length, rng)
            writer.write_table(rows.replace_schema_metadata(schema.metadata), row_group_size=length)
            for name in schema.names:
                column = rows[name].combine_chunks()
                flat = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
                values = flat.to_numpy().reshape(length, -1)
                stats.setdefault(name, []).append(numeric_stats(values))
            for key in cameras:
                one = np.full((3, 1, 1), 0.5)
                picture = FeatureStats(one, one, one, one, 100, dict.fromkeys(("q01", "q10", "q50", "q90", "q99"), one))
                stats.setdefault(key, []).append(picture)
    with FormatVersion.V30.write_episodes(root, Sizes()) as table:
        table.add(_episode_table(range(episodes), length, 0, list(cameras), stats))
    whole = {name: parts[0].to_json() for name, parts in stats.items()}
    (root / "meta/stats.json").write_text(json.dumps(whole, indent=4))
    _finish(root, FormatVersion.V30, features, episodes, length)


def _episode_table(
    episodes: range,
    length: int,
    data_file: int,
    videos: Sequence[str] = (),
    stats: Mapping[str, Sequence[FeatureStats]] = MappingProxyType({}),
) -> EpisodeTable:
    first = FileNumber(0, 0)
    rows = [
        EpisodeRow(
            episode,
            episode * length,
            length,
            (_TASKS[episode % len(_TASKS)],),
            FileNumber(0, data_file),
            dict.fromkeys(videos, (first, episode * length)),
            {name: parts[episode] for name, parts in stats.items()},
        )
        for episode in episodes
    ]
    return EpisodeTable.of(rows, FPS)


def make_v21(root: Path, episodes: int, length: int, width: int, clip: Path, height: int, clip_width: int) -> None:
    """Make a v2.1 dataset with one camera; every episode's video is a copy of one clip of ``length`` frames."""
    key = CAMERA.format("front")
    entry = Feature(**{**_camera_entry(height, clip_width), "extra": {"info": feature_info(clip, None)}})
    features = with_defaults({"action": joints(width), "observation.state": joints(width), key: entry})
    rng = np.random.default_rng(width)
    schema = data_schema(features, sequence_type="Sequence")
    data, videos = root / "data/chunk-000", root / "videos/chunk-000" / key
    data.mkdir(parents=True)
    videos.mkdir(parents=True)
    one = [[[0.5]]] * 3
    with LineWriter(root / "meta/episodes.jsonl") as lines, LineWriter(root / "meta/episodes_stats.jsonl") as stats:
        for episode in range(episodes):
            rows = _rows(features, episode, episode * length, length, rng)
            pq.write_table(rows.replace_schema_metadata(schema.metadata), data / f"episode_{episode:06d}.parquet")
            shutil.copyfile(clip, videos / f"episode_{episode:06d}.mp4")
            lines.add([{"episode_index": episode, "tasks": [_TASKS[episode % 2]], "length": length}])
            picture = {**dict.fromkeys(("min", "max", "mean", "std"), one), "count": [100]}
            stats.add([{"episode_index": episode, "stats": {key: picture}}])
    _finish(root, FormatVersion.V21, features, episodes, length)


def _camera_entry(height: int, width: int) -> dict[str, Any]:
    plain = camera(height, width)
    return {"dtype": plain.dtype, "shape": plain.shape, "names": plain.names}


def _finish(root: Path, version: FormatVersion, features: dict[str, Feature], episodes: int, length: int) -> None:
    version.write_tasks(root, _TASKS)
    totals = Totals(episodes, episodes * length, len(_TASKS))
    write_info(root, new_info(version, FPS, features, "so_follower", totals))
