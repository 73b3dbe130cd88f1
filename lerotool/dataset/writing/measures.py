"""The statistics that go into a dataset: of one episode, of all episodes together, and recomputed from data files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from lerotool.dataset.parquet import read_whole
from lerotool.dataset.writing.tables import Values, column_values
from lerotool.errors import CorruptDatasetError, IncompatibleDatasetError
from lerotool.features import Feature, Kind, picture_size
from lerotool.media.pictures import decode_image
from lerotool.moments import FeatureStats, merge_stats, numeric_stats, picture_stats, sampled_frames
from lerotool.storage import json_bytes

MOST_VALUES = 50_000_000
"""Numbers in a dataset up to which quantiles are recomputed from all the data; about five seconds of one core."""

Stats = dict[str, FeatureStats]


def measured(features: Mapping[str, Feature]) -> list[str]:
    """Return the names of the features that have statistics, in order."""
    return [name for name, feature in features.items() if feature.kind in (Kind.NUMERIC, Kind.IMAGE, Kind.VIDEO)]


def numeric(features: Mapping[str, Feature]) -> dict[str, Feature]:
    """Return the features whose values are numbers."""
    return {name: feature for name, feature in features.items() if feature.kind is Kind.NUMERIC}


def episode_stats(
    features: Mapping[str, Feature],
    rows: pa.Table,
    defaults: Mapping[str, Values],
    pictures: Mapping[str, FeatureStats],
) -> Stats:
    """Return the statistics of one episode.

    `defaults`: the five default columns, ``timestamp`` before its rounding to float32.
    """
    stats: Stats = {}
    for name in measured(features):
        feature = features[name]
        if name in defaults:
            stats[name] = numeric_stats(defaults[name])
        elif feature.kind is Kind.NUMERIC:
            stats[name] = numeric_stats(column_values(rows.column(name), feature))
        elif name in pictures:
            stats[name] = pictures[name]
        else:
            stats[name] = image_stats(rows.column(name), picture_size(feature))
    return stats


def image_stats(column: pa.ChunkedArray, size: tuple[int, int, int]) -> FeatureStats:
    """Return the statistics of a column of PNG, JPEG or TIFF pictures, by LeRobot's sampling rule.

    Colours are in 0..1, depths as they are; shape (C, 1, 1), ``count`` is the number of pictures used. `size`: (height,
    width, channels) of each picture.
    """
    frames = sampled_frames(len(column))
    pictures = [decode_image(column[int(frame)]["bytes"].as_py()) for frame in frames]
    if other := {picture.shape for picture in pictures} - {size}:
        raise IncompatibleDatasetError(f"pictures of (height, width, channels) {sorted(other)}, expected {size}")
    return picture_stats(pictures)


def merged(old: Mapping[str, FeatureStats], episodes: Sequence[Mapping[str, FeatureStats]]) -> Stats:
    """Return the statistics of a dataset and new episodes together; features without old ones have those of the new."""
    return {
        name: merge_stats([*([old[name]] if name in old else []), *(episode[name] for episode in episodes)])
        for name in episodes[0]
    }


def stats_text(stats: Mapping[str, FeatureStats], others: Mapping[str, Any] = MappingProxyType({})) -> bytes:
    """Return what ``meta/stats.json`` says, in the order given; ``others`` come last, where they are of something else.

    NaN as LeRobot writes it: a dataset with such numbers has such statistics.
    """
    document: dict[str, Any] = {name: entry.to_json() for name, entry in stats.items()}
    return json_bytes({**document, **{n: entry for n, entry in others.items() if n not in document}}, allow_nan=True)


def column_stats(files: Iterable[Path], name: str, feature: Feature, fps: float) -> FeatureStats:
    """Return the exact statistics of one numeric column over all data files.

    Timestamps on the grid are measured as frame_index / fps, before their rounding to float32, as in every episode.
    """
    parts = [_read_column(path, name, feature, fps) for path in files]
    return numeric_stats(np.concatenate(parts))


def _read_column(path: Path, name: str, feature: Feature, fps: float) -> Values:
    wanted = [name, "frame_index"] if name == "timestamp" else [name]
    try:
        table = read_whole(path, wanted)
        values = column_values(table.column(name), feature)
    except (pa.ArrowInvalid, KeyError, ValueError) as error:
        raise CorruptDatasetError(f"{path}: column {name!r} cannot be read: {error}") from error
    if name == "timestamp":
        exact = table.column("frame_index").to_numpy() / fps
        if np.array_equal(exact.astype(np.float32), values):
            return np.asarray(exact)
    return values
