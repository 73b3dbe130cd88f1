"""Statistics of episodes whose own are lost or have become others: columns exactly, pictures by LeRobot's rule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lerotool.checking.repair.data import NewFile
from lerotool.checking.repair.episodes import TrueEpisode
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import Layout
from lerotool.dataset.reading.columns import to_numpy
from lerotool.dataset.reading.episodes import VideoSpan
from lerotool.dataset.reading.pictures import iter_video
from lerotool.dataset.writing.measures import image_stats, measured, picture_size
from lerotool.dataset.writing.tables import default_columns
from lerotool.features import DEFAULT_FEATURES, Feature, Kind
from lerotool.moments import FeatureStats, numeric_stats, sampled_frames, shrink_step

Stats = dict[str, FeatureStats]


def default_stats(info: DatasetInfo, file: NewFile, number: int, first: int, true: TrueEpisode) -> Stats:
    """Return the statistics of LeRobot's own columns."""
    tasks = file.source.tasks[true.span.start : true.span.start + true.span.length].tolist()
    values = default_columns(true.span.length, info.fps, number, first, tasks)
    return {name: numeric_stats(array) for name, array in values.items() if name in info.features}


def all_stats(info: DatasetInfo, layout: Layout, true: TrueEpisode, table: pa.Table) -> Stats:
    """Return the statistics of all other features of an episode.

    Args:
        info: of the dataset.
        layout: where its videos are.
        true: the episode.
        table: all rows of the file.

    Raises:
        CorruptDatasetError: a column cannot be read.
        MediaError: pictures cannot be decoded.
    """
    rows = table.slice(true.span.start, true.span.length)
    stats: Stats = {}
    for name in measured(info.features):
        feature = info.features[name]
        if name in DEFAULT_FEATURES:
            continue
        if feature.kind is Kind.NUMERIC:
            stats[name] = numeric_stats(to_numpy(rows[name], name, feature))
        elif feature.kind is Kind.IMAGE:
            stats[name] = image_stats(rows[name], picture_size(feature))
        else:
            number, start = true.videos[name]
            path = layout.video_path(name, number.chunk, number.file)
            stats[name] = _video_stats(path, start, true.span.length, info.fps, feature)
    return stats


def _video_stats(path: Path, start: int, length: int, fps: float, feature: Feature) -> FeatureStats:
    span = VideoSpan(path, start, length, start / fps, (start + length) / fps, 0, 0)
    wanted = set(sampled_frames(length).tolist())
    pooled = []
    for number, picture in enumerate(iter_video(span, 0, length, fps, feature)):
        if number in wanted:
            step = shrink_step(*picture.shape[:2])
            pooled.append(picture[::step, ::step].reshape(-1, picture.shape[2]))
    stats = numeric_stats(np.concatenate(pooled))
    scale = 1 if feature.is_depth else 255

    def shaped(values: Any) -> Any:
        return values.reshape(-1, 1, 1) / scale

    return FeatureStats(
        shaped(stats.min),
        shaped(stats.max),
        shaped(stats.mean),
        shaped(stats.std),
        len(wanted),
        {name: shaped(values) for name, values in stats.quantiles.items()},
    )


def parsed(entries: Mapping[str, Any]) -> Stats:
    """Return statistics out of a row or line as far as they can be understood."""
    from lerotool.errors import MetadataError

    found: Stats = {}
    for name, entry in entries.items():
        try:
            found[name] = FeatureStats.from_json(entry)
        except (MetadataError, OverflowError, AttributeError):
            continue
    return found
