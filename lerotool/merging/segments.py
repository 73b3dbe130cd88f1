"""Statistics of many episodes at once: rows end to end, without a loop over episodes. Pure numpy.

The numbers are those of `lerotool.moments.numeric_stats` for each episode by itself: exact mean and spread (corrected
two-pass), numpy's linear quantiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.dataset.reading.datafiles import cumulated
from lerotool.moments import QUANTILES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
SegmentStats = Mapping[str, Floats]
"""By the names that LeRobot uses (``min max mean std`` and the quantiles): (episodes, d)."""


def segment_stats(values: npt.NDArray[np.generic], lengths: Ints) -> dict[str, Floats]:
    """Return the statistics of each episode.

    Args:
        values: (rows, d) numbers or bools, the rows of all episodes one after another; none is NaN.
        lengths: rows of each episode, at least one: (episodes,).
    """
    lines = np.array(values.T, dtype=np.float64, order="C")  # a copy: it is sorted below
    starts = cumulated(lengths)[:-1]
    count = lengths.astype(np.float64)
    mean = np.add.reduceat(lines, starts, axis=1) / count
    deviations = lines - np.repeat(mean, lengths, axis=1)
    slip = np.add.reduceat(deviations, starts, axis=1)
    squares = np.add.reduceat(deviations * deviations, starts, axis=1)
    spread = np.maximum(squares - slip * slip / count, 0.0)
    stats = {
        "min": np.minimum.reduceat(lines, starts, axis=1),
        "max": np.maximum.reduceat(lines, starts, axis=1),
        "mean": mean + slip / count,
        "std": np.sqrt(spread / count),
    }
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        lines[:, start : start + length].sort(axis=1)
    for name, fraction in QUANTILES.items():
        position = fraction * (lengths - 1)
        below = position.astype(np.int64)
        above = np.minimum(below + 1, lengths - 1)
        stats[name] = _between(lines[:, starts + below], lines[:, starts + above], position - below)
    return {name: np.ascontiguousarray(value.T) for name, value in stats.items()}


def _between(low: Floats, high: Floats, share: npt.NDArray[Any]) -> Floats:
    # The same order of operations as numpy, so that equal data give equal bits.
    step = high - low
    value = np.where(share >= 0.5, high - step * (1 - share), low + step * share)
    return np.where(low == high, low, value)


def counting_stats(first: Ints, lengths: Ints, scale: float = 1.0) -> dict[str, Floats]:
    """Return the statistics of columns that count up by one, such as ``index``, divided by ``scale``.

    Args:
        first: where each episode begins to count: (episodes,).
        lengths: of the episodes: (episodes,).
        scale: frames per second where the column is a time.
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

    Args:
        values: different numbers, ascending: (k,).
        counts: how often each occurs, at least once: (k,).
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
        stats[name] = float(_between(np.array(low), np.array(high), share))
    return {name: np.array([value], np.float64) for name, value in stats.items()}
