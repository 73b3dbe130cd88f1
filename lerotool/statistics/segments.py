"""Statistics of many episodes at once: a block of rows, cut into episodes, one row of results for each.

The same numbers as `lerotool.moments.numeric_stats` gives for each episode alone, without a dozen calls an episode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.moments import QUANTILES, FeatureStats, Floats, Moments, interpolate

STATISTICS = ("min", "max", "mean", "std", *QUANTILES)
"""What datasets keep of an episode, in this order; the count is kept beside it."""


def gap_name(quantile: str) -> str:
    """Return what the gap of a quantile is called in `COLUMNS`."""
    return f"gap of {quantile}"


GAPS = tuple(gap_name(quantile) for quantile in QUANTILES)
"""How far the two values lie apart between which a quantile is interpolated: other definitions differ by as much."""
OVERFLOWN_STD = "overflown std"
"""What LeRobot 0.4.0 to 0.5.1 would give for a camera: they squared pixels in 8 bits. NaN for numbers and depth."""
BARS = 60
COLUMNS = (*STATISTICS, *GAPS, OVERFLOWN_STD)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What has been measured of a feature in the whole dataset.

    Attributes:
        stats: of all values together.
        gaps: by quantile, how far the two values lie apart between which it is interpolated; as ``stats``.
        bars: (d, `BARS`), values in equal parts of the range from min to max, for looking at; None for depth.
    """

    stats: FeatureStats
    gaps: Mapping[str, Floats]
    bars: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The statistics of E episodes.

    Attributes:
        table: (E, 15, d), by `COLUMNS`.
        counts: (E,), frames they were taken from; 0 where there are none, with NaN in the table.
    """

    table: Floats
    counts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.counts)

    def statistic(self, name: str) -> Floats:
        """Return one of `COLUMNS` of all episodes, (E, d)."""
        values: Floats = self.table[:, COLUMNS.index(name)]
        return values

    def stats(self, episode: int, shape: tuple[int, ...]) -> FeatureStats:
        """Return one episode's statistics in a dataset's shape."""
        values = {name: self.table[episode, place].reshape(shape) for place, name in enumerate(STATISTICS)}
        quantiles = {name: values.pop(name) for name in QUANTILES}
        return FeatureStats(**values, count=int(self.counts[episode]), quantiles=quantiles)


def segment_table(lines: npt.NDArray[Any], starts: npt.NDArray[np.int64]) -> tuple[Floats, Moments]:
    """Measure every segment of a block.

    Args:
        lines: (d, n) contiguous numbers, one line for each dimension.
        starts: (E + 1,) ascending, where segments start, and n at the end.

    Returns:
        The table (E, 15, d) by `COLUMNS`, NaN for segments of length 0, and the moments of the whole block.
    """
    lengths = np.diff(starts)
    table = np.full((len(lengths), len(COLUMNS), len(lines)), np.nan)
    used = np.flatnonzero(lengths)
    if not len(used):
        return table, Moments.of(np.empty((0, len(lines))))
    firsts, sizes = starts[:-1][used], lengths[used]
    with np.errstate(invalid="ignore", over="ignore"):
        mean, m2 = _spread(lines, firsts, sizes)
        low, high = np.minimum.reduceat(lines, firsts, axis=1), np.maximum.reduceat(lines, firsts, axis=1)
        for place, values in enumerate((low, high, mean, np.sqrt(m2 / sizes))):
            table[used, place] = values.T
        for place, values in enumerate(_quantiles(lines, firsts, sizes), start=4):
            table[used, place] = values.T
        return table, _whole(mean, m2, sizes, low, high)


def _spread(
    lines: npt.NDArray[Any], firsts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return mean and sum of squared deviations of each segment, (d, E): the corrected two-pass of `Moments.of`."""
    means = np.empty((len(lines), len(firsts)))
    m2 = np.empty_like(means)
    for dimension, line in enumerate(lines):  # one after another: a line fits into the processor's cache
        wide = line.astype(np.float64)
        mean = np.add.reduceat(wide, firsts) / sizes
        wide -= np.repeat(mean, sizes)
        slip = np.add.reduceat(wide, firsts)
        wide *= wide
        m2[dimension] = np.maximum(np.add.reduceat(wide, firsts) - slip * slip / sizes, 0.0)
        means[dimension] = mean + slip / sizes
    return means, m2


def _whole(
    mean: Floats, m2: Floats, sizes: npt.NDArray[np.int64], low: npt.NDArray[Any], high: npt.NDArray[Any]
) -> Moments:
    count = int(sizes.sum())
    total = (mean * (sizes / count)).sum(axis=1)
    deviation = mean - total[:, None]
    slip = (deviation * sizes).sum(axis=1)
    spread = m2.sum(axis=1) + (deviation * deviation * sizes).sum(axis=1) - slip * slip / count
    return Moments(
        count,
        total + slip / count,
        np.maximum(spread, 0.0),
        low.min(axis=1).astype(np.float64),
        high.max(axis=1).astype(np.float64),
    )


def _quantiles(lines: npt.NDArray[Any], firsts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> list[Floats]:
    """Return the quantiles (d, E) in their order, then their gaps."""
    ordered = lines.copy()
    for first, size in zip(firsts.tolist(), sizes.tolist(), strict=True):
        ordered[:, first : first + size].sort(axis=1)  # in the narrow type: rounding to float64 keeps the order
    last = ordered[:, firsts + sizes - 1].astype(np.float64)
    found, gaps = [], []
    for fraction in QUANTILES.values():
        position = fraction * (sizes - 1).astype(np.float64)
        below = position.astype(np.int64)
        above = np.minimum(below + 1, sizes - 1)
        low, high = (ordered[:, firsts + offset].astype(np.float64) for offset in (below, above))
        value = interpolate(low, high, position - below)
        found.append(np.where(np.isnan(last), np.nan, value))  # NaN sorts last
        gaps.append(np.where(low == high, 0.0, high - low))
    return [*found, *gaps]
