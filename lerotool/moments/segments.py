"""Statistics of many episodes at once: rows end to end, cut into episodes, without a call an episode.

The numbers are those of `numeric_stats` for each episode by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.moments.feature_stats import QUANTILES, VALUES, Floats
from lerotool.moments.numbers import Moments, interpolate

Ints = npt.NDArray[np.int64]


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
        position = fraction * (sizes - 1).astype(np.float64)
        below = position.astype(np.int64)
        above = np.minimum(below + 1, sizes - 1)
        low, high = (ordered[:, firsts + offset].astype(np.float64) for offset in (below, above))
        value = interpolate(low, high, position - below)
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
    total = int(counts.sum())
    shares = counts / total
    mean = float((values * shares).sum())
    variance = float((shares * (values - mean) ** 2).sum())
    stats = {"min": values[0], "max": values[-1], "mean": mean, "std": variance**0.5}
    cumulated_counts = np.cumsum(counts)
    for name, fraction in QUANTILES.items():
        position = fraction * (total - 1)
        below = int(position)
        ranks = [below, min(below + 1, total - 1)]
        low, high = values[np.searchsorted(cumulated_counts, ranks, side="right")]
        share = np.array(position - below)
        stats[name] = float(interpolate(np.array(low), np.array(high), share))
    return {name: np.array([value], np.float64) for name, value in stats.items()}
