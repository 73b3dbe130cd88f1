"""Statistics of episodes whose own are lost or have become others: columns exactly, pictures by LeRobot's rule.

Pictures are only in a video any more: they are measured behind the encoder, and so differ a little from what LeRobot
took before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pyarrow as pa

from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.reading.columns import to_numpy
from lerotool.dataset.writing.measures import image_stats
from lerotool.dataset.writing.tables import default_columns
from lerotool.errors import MetadataError
from lerotool.features import DEFAULT_FEATURES, Feature, Kind, picture_size
from lerotool.mending.data_rewrite import NewFile
from lerotool.mending.true_episodes import TrueEpisode
from lerotool.moments import FeatureStats, numeric_stats
from lerotool.rewriting.picture_statistics import measure_pictures

Stats = dict[str, FeatureStats]
Entry = Mapping[str, Any]
PictureCall = tuple[Path, int, int, float, Feature]
"""What `measure_pictures` is called with."""


def default_stats(info: DatasetInfo, file: NewFile, number: int, first: int, true: TrueEpisode) -> Stats:
    """Return the statistics of LeRobot's own columns."""
    tasks = file.source.tasks[true.span.start : true.span.start + true.span.length].tolist()
    values = default_columns(true.span.length, info.fps, number, first, tasks)
    return {name: numeric_stats(array) for name, array in values.items() if name in info.features}


def column_entries(features: Mapping[str, Feature], rows: pa.Table, names: Sequence[str]) -> dict[str, Entry]:
    """Return the statistics of some features that are columns, LeRobot's own left out."""
    stats: Stats = {}
    for name in names:
        feature = features[name]
        if feature.kind is Kind.NUMERIC and name not in DEFAULT_FEATURES:
            stats[name] = numeric_stats(to_numpy(rows[name], name, feature))
        elif feature.kind is Kind.IMAGE:
            stats[name] = image_stats(rows[name], picture_size(feature))
    return {name: entry.to_json() for name, entry in stats.items()}


def measure_all(calls: Sequence[PictureCall], executor: Executor | None) -> list[Entry]:
    """Return the statistics of pictures as ``stats.json`` has them."""
    if executor is None:
        return [measure_pictures(*call) for call in calls]
    return [future.result() for future in [executor.submit(measure_pictures, *call) for call in calls]]


def parsed(entries: Mapping[str, Any]) -> Stats:
    """Return statistics out of a row or line as far as they can be understood."""
    found: Stats = {}
    for name, entry in entries.items():
        try:
            found[name] = FeatureStats.from_json(entry)
        except (MetadataError, OverflowError, AttributeError):
            continue
    return found
