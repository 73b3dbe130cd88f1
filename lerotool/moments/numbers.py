"""Statistics of numbers: moments that merge exactly, and numpy's quantiles, of one column or of many episodes at once.

Rows of many episodes lie end to end and are cut into segments, without a call an episode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.moments.feature_stats import QUANTILES, VALUES, FeatureStats, Floats

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Count, mean and spread of rows of d values, mergeable without loss."""

    count: int  # rows
    mean: Floats  # (d,)
    m2: Floats  # (d,), the sum of squared deviations from the mean
    min: Floats  # (d,), +inf without rows
    max: Floats  # (d,), -inf without rows

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Moments:
        """Take the moments of (n, d) values of any numeric dtype; n may be 0.

        Two passes, with the correction for the rounded mean (Chan, Golub, LeVeque 1983, "corrected two-pass").
        """
        array = np.asarray(values)
        if array.ndim != 2:
            raise ValueError(f"expected (n, d) values, found shape {array.shape}")
        # One contiguous line per dimension: numpy then sums pairwise, and no wide type is needed to stay exact.
        lines = np.ascontiguousarray(array.T, dtype=np.float64)
        d, n = lines.shape
        if n == 0:
            return cls(0, np.zeros(d), np.zeros(d), np.full(d, np.inf), np.full(d, -np.inf))
        with np.errstate(invalid="ignore", over="ignore"):
            mean = lines.mean(axis=1)
            deviations = lines - mean[:, None]
            slip = deviations.sum(axis=1)
            deviations *= deviations
            m2 = np.maximum(deviations.sum(axis=1) - slip * slip / n, 0.0)
            return cls(n, mean + slip / n, m2, lines.min(axis=1), lines.max(axis=1))

    @property
    def std(self) -> Floats:
        """The population standard deviation (d,); NaN without rows."""
        if self.count == 0:
            return np.full_like(self.mean, np.nan)
        deviation: Floats = np.sqrt(self.m2 / self.count)
        return deviation

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets of rows together (Chan's formula)."""
        if self.mean.shape != other.mean.shape:
            raise ValueError(f"moments of {self.mean.shape} and {other.mean.shape} dimensions do not merge")
        if self.count == 0 or other.count == 0:
            return other if self.count == 0 else self
        count = self.count + other.count
        with np.errstate(invalid="ignore", over="ignore"):
            delta = other.mean - self.mean
            share = other.count / count
            return Moments(
                count,
                self.mean + delta * share,
                self.m2 + other.m2 + delta * delta * (self.count * share),
                np.minimum(self.min, other.min),
                np.maximum(self.max, other.max),
            )


def quantile_ranks(fraction: float | Floats, count: Any) -> tuple[Any, Any, Any]:
    """Return the ranks between which numpy interpolates a quantile of ``count`` sorted values, and where between."""
    last = np.asarray(count, np.int64) - 1
    position = fraction * last.astype(np.float64)
    below = position.astype(np.int64)
    return below, np.minimum(below + 1, last), position - below


def interpolate(low: Floats, high: Floats, share: float | Floats) -> Floats:
    """Return the values a share of the way from ``low`` to ``high``, to the bit as ``numpy.quantile`` does."""
    # The same order of operations as numpy, so that equal data give equal bits.
    with np.errstate(invalid="ignore", over="ignore"):
        step = high - low
        value = np.where(np.asarray(share) >= 0.5, high - step * (1 - share), low + step * share)
    return np.where(low == high, low, value)


def gap_name(quantile: str) -> str:
    """Return what the gap of a quantile is called in `SEGMENT_COLUMNS`."""
    return f"gap of {quantile}"


GAPS = tuple(gap_name(quantile) for quantile in QUANTILES)
"""How far the two values lie apart between which a quantile is interpolated: other definitions differ by as much."""
SEGMENT_COLUMNS = (*VALUES, *GAPS)


def segment_table(lines: npt.NDArray[Any], starts: Ints) -> tuple[Floats, Moments]:
    """Measure every segment of a block.

    `lines`: (d, n) contiguous numbers, one line for each dimension. `starts`: (E + 1,) ascending, where segments start,
    and n at the end. Returns the table (E, statistics, d) by `SEGMENT_COLUMNS`, NaN for segments of length 0, and the
    moments of the whole block.
    """
    lengths = np.diff(starts)
    table = np.full((len(lengths), len(SEGMENT_COLUMNS), len(lines)), np.nan)
    used = np.flatnonzero(lengths)
    if not len(used):
        return table, Moments.of(np.empty((0, len(lines))))
    firsts, sizes = starts[:-1][used], lengths[used]
    with np.errstate(invalid="ignore", over="ignore"):
        mean, m2 = _spread(lines, firsts, sizes)
        low, high = np.minimum.reduceat(lines, firsts, axis=1), np.maximum.reduceat(lines, firsts, axis=1)
        for place, values in enumerate((low, high, mean, np.sqrt(m2 / sizes))):
            table[used, place] = values.T
        for place, values in enumerate(_quantiles(lines, firsts, sizes), start=VALUES.index("std") + 1):
            table[used, place] = values.T
        return table, _whole(mean, m2, sizes, low, high)


def _spread(lines: npt.NDArray[Any], firsts: Ints, sizes: Ints) -> tuple[Floats, Floats]:
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


def _whole(mean: Floats, m2: Floats, sizes: Ints, low: npt.NDArray[Any], high: npt.NDArray[Any]) -> Moments:
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


def _quantiles(lines: npt.NDArray[Any], firsts: Ints, sizes: Ints) -> list[Floats]:
    """Return the quantiles (d, E) in their order, then their gaps."""
    ordered = lines.copy()
    for first, size in zip(firsts.tolist(), sizes.tolist(), strict=True):
        ordered[:, first : first + size].sort(axis=1)  # in the narrow type: rounding to float64 keeps the order
    last = ordered[:, firsts + sizes - 1].astype(np.float64)
    found, gaps = [], []
    for fraction in QUANTILES.values():
        below, above, share = quantile_ranks(fraction, sizes)
        low, high = (ordered[:, firsts + rank].astype(np.float64) for rank in (below, above))
        value = interpolate(low, high, share)
        found.append(np.where(np.isnan(last), np.nan, value))  # NaN sorts last
        gaps.append(np.where(low == high, 0.0, high - low))
    return [*found, *gaps]


def segment_stats(values: npt.NDArray[np.generic], lengths: Ints) -> dict[str, Floats]:
    """Return the statistics of each episode by the names of `VALUES`, (E, d) each.

    `values`: (rows, d) numbers or bools, the rows of all episodes one after another. `lengths`: rows of each episode,
    at least one: (E,).
    """
    numbers = values.astype(np.uint8) if values.dtype == np.bool_ else values
    table, _ = segment_table(np.ascontiguousarray(numbers.T), np.concatenate([[0], np.cumsum(lengths)]))
    return {name: np.ascontiguousarray(table[:, place]) for place, name in enumerate(VALUES)}


def numeric_stats(values: npt.ArrayLike) -> FeatureStats:
    """Compute the statistics of one column.

    `values`: (N, ...) numbers or bools, N at least 1. As in LeRobot only the last axis is kept: (N,) gives statistics
    of shape (1,), (N, d) of shape (d,), (N, a, b) of shape (b,).
    """
    array = np.asarray(values)
    if array.size == 0 or array.dtype.kind not in "biuf":
        raise ValueError(f"expected numbers, found shape {array.shape} of {array.dtype}")
    rows = array.reshape(-1, array.shape[-1] if array.ndim > 1 else 1)
    stats = segment_stats(rows, np.array([len(rows)]))
    return FeatureStats.of_values({name: value[0] for name, value in stats.items()}, array.shape[0])


def counting_stats(first: Ints, lengths: Ints, scale: float = 1.0) -> dict[str, Floats]:
    """Return the statistics of columns that count up by one, such as ``index``, divided by ``scale``.

    `first`: where each episode begins to count: (episodes,). `lengths`: of the episodes: (episodes,). `scale`: frames
    per second where the column is a time.
    """
    last = (lengths - 1).astype(np.float64)
    begin = first.astype(np.float64)
    stats = {
        "min": begin,
        "max": begin + last,
        "mean": begin + last / 2,
        "std": np.sqrt((lengths.astype(np.float64) ** 2 - 1) / 12),
        **{name: begin + fraction * last for name, fraction in QUANTILES.items()},
    }
    return {name: (value / scale)[:, np.newaxis] for name, value in stats.items()}


def weighted_stats(values: Floats, counts: Ints) -> dict[str, Floats]:
    """Return the statistics of numbers that occur many times each, as arrays of one.

    `values`: different numbers, ascending: (k,). `counts`: how often each occurs, at least once: (k,).
    """
    total = counts.sum()
    mean = (values * counts).sum() / total
    variance = (counts * (values - mean) ** 2).sum() / total
    stats = {"min": values[0], "max": values[-1], "mean": mean, "std": np.sqrt(variance)}
    for name, fraction in QUANTILES.items():
        stats[name] = interpolate(*weighted_neighbours(values, counts, fraction))
    return {name: np.array([value], np.float64) for name, value in stats.items()}


def weighted_neighbours(values: Floats, counts: Ints, fraction: float) -> tuple[Floats, Floats, Floats]:
    """Return the two numbers around a quantile of `weighted_stats`, and where between them it lies."""
    below, above, share = quantile_ranks(fraction, counts.sum())
    low, high = values[np.searchsorted(np.cumsum(counts), [below, above], side="right")]
    return low, high, share


@dataclass(slots=True)
class Pool:
    """Moments of d dimensions, each with its own count; episodes are added by their statistics (Chan's formula)."""

    width: int  # d
    _count: Floats = field(init=False)
    _mean: Floats = field(init=False)
    _m2: Floats = field(init=False)
    _min: Floats = field(init=False)
    _max: Floats = field(init=False)

    def __post_init__(self) -> None:
        self._count, self._mean, self._m2 = (np.zeros(self.width) for _ in range(3))
        self._min, self._max = np.full(self.width, np.inf), np.full(self.width, -np.inf)

    def add(self, stats: Floats, counts: npt.NDArray[np.int64], present: npt.NDArray[np.bool_]) -> None:
        """Add episodes.

        `stats`: (statistics, episodes, d), the first four of which are min, max, mean and std. `present`: which
        dimensions exist in which episode: (episodes, d).
        """
        low, high, mean, std = stats[:4]
        weights = np.where(present, counts[:, np.newaxis], 0).astype(np.float64)
        total = weights.sum(axis=0)
        middle = (mean * weights).sum(axis=0) / np.maximum(total, 1)
        spread = ((std**2 + (mean - middle) ** 2) * weights).sum(axis=0)
        both = self._count + total
        share = total / np.maximum(both, 1)
        delta = middle - self._mean
        self._m2 += spread + delta**2 * self._count * share
        self._mean += delta * share
        self._min = np.minimum(self._min, np.where(present, low, np.inf).min(axis=0))
        self._max = np.maximum(self._max, np.where(present, high, -np.inf).max(axis=0))
        self._count = both

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How many rows each dimension exists in, (d,)."""
        return self._count.astype(np.int64)

    @property
    def is_finite(self) -> npt.NDArray[np.bool_]:
        """Which dimensions have rows, and no NaN in them, (d,)."""
        return (self._count > 0) & ~np.isnan(self._min)

    def stats(self, frames: int, quantiles: Mapping[str, Floats]) -> FeatureStats:
        """Return the statistics; ``frames`` is what they are said to be taken from."""
        with np.errstate(invalid="ignore"):
            std = np.sqrt(self._m2 / self._count)
        return FeatureStats(self._min, self._max, self._mean, std, frames, quantiles)
