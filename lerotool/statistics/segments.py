"""What `stats` measures of a feature: of the whole dataset, and of each of its episodes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.dataset.formats import FormatVersion
from lerotool.features import Feature, Kind
from lerotool.moments import SEGMENT_COLUMNS, VALUES, FeatureStats, Floats, Moments, segment_table

OVERFLOWN_STD = "overflown std"
"""What LeRobot 0.4.0 to 0.5.1 would give for a camera: they squared pixels in 8 bits. NaN for numbers and depth."""
BARS = 60
COLUMNS = (*SEGMENT_COLUMNS, OVERFLOWN_STD)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What has been measured of a feature in the whole dataset."""

    stats: FeatureStats  # of all values together
    # By quantile, how far the two values lie apart between which it is interpolated; as ``stats``.
    gaps: Mapping[str, Floats]
    # (d, `BARS`), values in equal parts of the range from min to max, for looking at; None for depth.
    bars: npt.NDArray[np.int64] | None = None
    # (d,), rows in which each dimension is real; None where that is every row.
    counts: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The statistics of E episodes."""

    table: Floats  # (E, columns, d), by `COLUMNS`
    counts: npt.NDArray[np.int64]  # (E,), frames they were taken from; 0 where there are none, with NaN in the table

    def __len__(self) -> int:
        return len(self.counts)

    def statistic(self, name: str) -> Floats:
        """Return one of `COLUMNS` of all episodes, (E, d)."""
        values: Floats = self.table[:, COLUMNS.index(name)]
        return values

    def stats(self, episode: int, shape: tuple[int, ...]) -> FeatureStats:
        """Return one episode's statistics in a dataset's shape."""
        values = {name: self.table[episode, place].reshape(shape) for place, name in enumerate(VALUES)}
        return FeatureStats.of_values(values, int(self.counts[episode]))


def meant_lengths(lengths: npt.NDArray[np.int64], episodes: frozenset[int] | None) -> npt.NDArray[np.int64]:
    """Return the frames (E,) of each episode that are meant: all, or none where an episode is not; None means all."""
    if episodes is None:
        return lengths
    meant = np.zeros(len(lengths), np.bool_)
    meant[sorted(episodes)] = True
    return np.where(meant, lengths, 0)


def measured_table(lines: npt.NDArray[Any], starts: npt.NDArray[np.int64]) -> tuple[Floats, Moments]:
    """Like `segment_table`, with all of `COLUMNS`."""
    table, moments = segment_table(lines, starts)
    nothing = np.full((len(table), len(COLUMNS) - table.shape[1], len(lines)), np.nan)
    return np.concatenate([table, nothing], axis=1), moments


LEROBOT_COLUMNS = ("timestamp", "frame_index", "episode_index", "index", "task_index")
"""The columns that LeRobot adds to every dataset: they number and time frames, and no policy normalises them."""


def dimensions(feature: Feature, version: FormatVersion) -> int:
    """Return how many values each statistic of a feature has."""
    return math.prod(version.statistics_shape(feature))


def values_pooled(feature: Feature, version: FormatVersion) -> int:
    """Return how many values of one frame of a column go into each dimension."""
    return math.prod(feature.shape) // dimensions(feature, version)


def dimension_labels(feature: Feature, version: FormatVersion) -> tuple[str, ...]:
    """Return what the dimensions are called: joint names, colours, or numbers, also where a name is empty."""
    count = dimensions(feature, version)
    if feature.kind is not Kind.NUMERIC:
        return ("r", "g", "b") if count == 3 else ("depth",) if count == 1 else tuple(map(str, range(count)))
    names = feature.dimension_names
    if names is not None and len(names) == count:
        return tuple(name or str(place) for place, name in enumerate(names))
    return ("",) if count == 1 else tuple(map(str, range(count)))
