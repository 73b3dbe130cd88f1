"""The statistics that go into a dataset: of one episode, of all episodes together, and anew from the data files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from lerotool.dataset.parquet import open_parquet, read_groups
from lerotool.dataset.writing.tables import Values, column_values
from lerotool.errors import CorruptDatasetError, IncompatibleDatasetError
from lerotool.features import Feature, Kind
from lerotool.media.decode import decode_image
from lerotool.moments import FeatureStats, merge_stats, numeric_stats, sampled_frames, shrink_step

MOST_VALUES = 50_000_000
"""Numbers in a dataset up to which quantiles are taken from all the data anew; about five seconds of one core."""

_CHANNELS = (1, 3, 4)
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

    Args:
        features: of the dataset.
        rows: the recorded columns.
        defaults: the five default columns, ``timestamp`` before its rounding to float32.
        pictures: statistics of the cameras; those of image features are computed here where they are missing.
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


def picture_size(feature: Feature) -> tuple[int, int, int]:
    """Return (height, width, channels) of a camera, whichever order its shape is in."""
    first, second, third = (*feature.shape, 1, 1, 1)[:3]
    names = feature.names if isinstance(feature.names, list) else []
    # Without names the small number is that of the channels.
    looks_so = not names and first in _CHANNELS and third not in _CHANNELS
    is_channel_first = looks_so or (bool(names) and str(names[0]).startswith("channel"))
    return (second, third, first) if is_channel_first else (first, second, third)


def image_stats(column: pa.ChunkedArray, size: tuple[int, int, int]) -> FeatureStats:
    """Return the statistics of a column of PNG, JPEG or TIFF pictures, by LeRobot's sampling rule.

    Colours are in 0..1, depths as they are; shape (C, 1, 1), ``count`` is the number of pictures used.

    Args:
        column: of an image feature.
        size: (height, width, channels) of each picture.

    Raises:
        MediaError: a picture cannot be decoded.
        IncompatibleDatasetError: one has another size.
    """
    frames = sampled_frames(len(column))
    pictures = [decode_image(column[int(frame)]["bytes"].as_py()) for frame in frames]
    if other := {picture.shape for picture in pictures} - {size}:
        raise IncompatibleDatasetError(f"pictures of (height, width, channels) {sorted(other)}, expected {size}")
    height, width, channels = size
    step = shrink_step(height, width)
    pooled = numeric_stats(np.concatenate([p[::step, ::step].reshape(-1, channels) for p in pictures]))
    scale = 255 if pictures[0].dtype == np.uint8 else 1

    def shaped(values: Values) -> Values:
        return values.reshape(-1, 1, 1) / scale

    return FeatureStats(
        shaped(pooled.min),
        shaped(pooled.max),
        shaped(pooled.mean),
        shaped(pooled.std),
        len(frames),
        {name: shaped(values) for name, values in pooled.quantiles.items()},
    )


def merged(old: Mapping[str, FeatureStats], episodes: Sequence[Mapping[str, FeatureStats]]) -> Stats:
    """Return the statistics of a dataset and new episodes together; features without old ones have those of the new."""
    return {
        name: merge_stats([*([old[name]] if name in old else []), *(episode[name] for episode in episodes)])
        for name in episodes[0]
    }


def column_stats(files: Iterable[Path], name: str, feature: Feature, fps: float) -> FeatureStats:
    """Return the exact statistics of one numeric column over all data files.

    Timestamps on the grid are measured as frame_index / fps, before their rounding to float32, as in every episode.

    Raises:
        CorruptDatasetError: a file cannot be read, or its column is not what ``info.json`` says.
    """
    parts = [_read_column(path, name, feature, fps) for path in files]
    return numeric_stats(np.concatenate(parts))


def _read_column(path: Path, name: str, feature: Feature, fps: float) -> Values:
    wanted = [name, "frame_index"] if name == "timestamp" else [name]
    try:
        with open_parquet(path) as file:
            table = read_groups(file, path, range(file.num_row_groups), wanted)
        values = column_values(table.column(name), feature)
    except (pa.ArrowInvalid, KeyError, ValueError) as error:
        raise CorruptDatasetError(f"{path}: column {name!r} cannot be read: {error}") from error
    if name == "timestamp":
        exact = table.column("frame_index").to_numpy() / fps
        if np.array_equal(exact.astype(np.float32), values):
            return np.asarray(exact)
    return values
