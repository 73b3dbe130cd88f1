"""Episodes for the tests of writing: small, seeded, with real videos."""

from __future__ import annotations

import functools
import hashlib
import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import av
import numpy as np
import pyarrow as pa

from lerotool.arrow_types import arrow_field
from lerotool.dataset.writing.appender import DatasetAppender, NewEpisode, StagedVideo
from lerotool.features import Feature, Kind, camera, picture_size, recorded_features, vector
from lerotool.media.encode import VideoEncoder, encode_png
from lerotool.media.format import EncoderSettings
from lerotool.media.probe import feature_info
from lerotool.moments import FeatureStats, PictureHistogram

FPS = 10
JOINTS = ["pan.pos", "lift.pos"]
FRONT = "observation.images.front"
WRIST = "observation.images.wrist"
FEATURES = {
    "action": vector(JOINTS),
    "observation.state": vector(JOINTS),
    FRONT: camera(48, 64),
    WRIST: camera(32, 64),
}
STATE_ONLY = {"action": vector(JOINTS), "observation.state": vector(JOINTS)}
SETTINGS = EncoderSettings()


def pictures(height: int, width: int, length: int, seed: int) -> list[np.ndarray]:
    """Flat pictures whose grey level rises with the frame number."""
    return [np.full((height, width, 3), (seed * 40 + 5 * i) % 250, np.uint8) for i in range(length)]


@functools.cache
def _encoded(height: int, width: int, length: int, seed: int, fps: int) -> tuple[Path, FeatureStats]:
    folder = Path(tempfile.gettempdir()) / "lerotool-test-videos"
    folder.mkdir(exist_ok=True)
    path = folder / f"{height}x{width}-{length}-{seed}-{fps}-{uuid.uuid4().hex}.mp4"
    histogram = PictureHistogram()
    with VideoEncoder(path, width, height, fps, SETTINGS) as encoder:
        for picture in pictures(height, width, length, seed):
            encoder.write(av.VideoFrame.from_ndarray(picture, format="rgb24"))
            histogram.add(picture)
    return path, histogram.stats()


def video(path: Path, feature: Feature, length: int, seed: int, fps: int = FPS) -> tuple[StagedVideo, FeatureStats]:
    """Put a video of the feature's size at ``path``."""
    height, width, _ = picture_size(feature)
    source, stats = _encoded(height, width, length, seed, fps)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, path)
    return StagedVideo(path, length, feature_info(path, SETTINGS)), stats


def values(feature: Feature, length: int, rng: np.random.Generator) -> list[object]:
    """Random values of a feature, one per row, as Python objects."""
    if feature.kind is Kind.IMAGE:
        height, width, _ = picture_size(feature)
        shades = rng.integers(0, 255, length)
        return [
            {"bytes": encode_png(np.full((height, width, 3), s, np.uint8)), "path": f"frame-{i:06d}.png"}
            for i, s in enumerate(shades)
        ]
    shape = (length,) if feature.is_scalar else (length, *feature.shape)
    if feature.kind is Kind.STRING:
        return np.array([f"tekst é {n}" for n in rng.integers(0, 99, np.prod(shape))]).reshape(shape).tolist()
    dtype = np.dtype(feature.dtype)
    if dtype.kind == "b":
        return (rng.random(shape) < 0.5).tolist()
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype=dtype).tolist()
    return rng.normal(0, 30, shape).astype(dtype).tolist()


def rows(features: Mapping[str, Feature], tasks: Sequence[str], seed: int) -> pa.Table:
    """The rows of an episode, a task for each."""
    rng = np.random.default_rng(seed)
    recorded = {n: f for n, f in recorded_features(features).items() if f.kind not in (Kind.VIDEO, Kind.LANGUAGE)}
    fields = [arrow_field(name, feature) for name, feature in recorded.items()]
    arrays = [pa.array(values(f, len(tasks), rng), arrow_field(n, f).type) for n, f in recorded.items()]
    schema = pa.schema([*fields, pa.field("task", pa.string())])
    return pa.Table.from_arrays([*arrays, pa.array(list(tasks), pa.string())], schema=schema)


def timing(length: int, cameras: Sequence[str]) -> pa.Table:
    """Measured times of an episode."""
    ticks = pa.array([1_000 + 100 * i for i in range(length)], pa.int64())
    fresh = pa.array([0] * length, pa.uint64())
    columns = {"tick_ns": ticks, "observed_ns": ticks, "acted_ns": ticks, "stale": fresh, "stale_action": fresh}
    for key in cameras:
        columns[f"picture/{key}"] = pa.array(range(length), pa.int32())
        columns[f"picture_age_ns/{key}"] = pa.array([7] * length, pa.int64())
    return pa.table(columns)


def episode(
    folder: Path,
    features: Mapping[str, Feature],
    tasks: Sequence[str],
    seed: int,
    *,
    fps: int = FPS,
    pending: bool = False,
) -> NewEpisode:
    """An encoded episode whose videos lie in ``folder``; with ``pending`` the folder is a pending episode."""
    keys = [name for name, feature in features.items() if feature.kind is Kind.VIDEO]
    videos, stats = {}, {}
    for key in keys:
        name = hashlib.sha256(key.encode()).hexdigest()[:8]
        videos[key], stats[key] = video(folder / "encoded" / f"{name}.mp4", features[key], len(tasks), seed % 5, fps)
    if pending:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "saved.json").write_text("{}")
    return NewEpisode(
        rows(features, tasks, seed),
        videos,
        stats,
        timing(len(tasks), keys),
        {"recording_id": uuid.UUID(int=seed).hex, "report": {"ticks": len(tasks)}},
        folder if pending else None,
    )


def make(root: Path, features: dict[str, Feature], batches: list[list[list[str]]], fps: int = FPS) -> list[NewEpisode]:
    """Write a dataset: batches of episodes, each a list of the tasks of its rows."""
    written: list[NewEpisode] = []
    with DatasetAppender.create(root, fps, features, "sim") as appender:
        for batch in batches:
            new = [
                episode(root.parent / f"{root.name}-e{len(written) + i}", features, tasks, len(written) + i, fps=fps)
                for i, tasks in enumerate(batch)
            ]
            assert appender.append(new) == range(len(written), len(written) + len(new))
            written += new
    return written
