"""Statistics of the whole target: exact for numbers, padded dimensions counted only where they exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.merging.segments import weighted_stats
from lerotool.moments import QUANTILES, FeatureStats
from lerotool.quantiles import Answer, QuantileSearch, answer

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Present = npt.NDArray[np.bool_]
Batches = Callable[[], Iterable[tuple[npt.NDArray[np.generic], Present]]]
"""Starts anew on each call: (rows, d) values, and which dimensions exist in all of these rows."""


@dataclass(slots=True)
class Pool:
    """Moments of d dimensions, each with a count of its own; episodes are added by their statistics (Chan's formula).

    Attributes:
        width: d.
    """

    width: int
    _count: Floats = field(init=False)
    _mean: Floats = field(init=False)
    _m2: Floats = field(init=False)
    _min: Floats = field(init=False)
    _max: Floats = field(init=False)

    def __post_init__(self) -> None:
        self._count, self._mean, self._m2 = (np.zeros(self.width) for _ in range(3))
        self._min, self._max = np.full(self.width, np.inf), np.full(self.width, -np.inf)

    def add(self, stats: Floats, counts: Ints, present: Present) -> None:
        """Add episodes.

        Args:
            stats: (statistics, episodes, d), the first four of which are min, max, mean and std.
            counts: rows of each episode.
            present: which dimensions exist in which episode: (episodes, d).
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

    def stats(self, frames: int, quantiles: Mapping[str, Floats]) -> FeatureStats:
        """Return the statistics; ``frames`` is what they are said to be taken from."""
        std = np.sqrt(self._m2 / self._count)
        return FeatureStats(self._min, self._max, self._mean, std, frames, quantiles)


def exact_quantiles(batches: Batches, dtype: np.dtype[Any], width: int) -> dict[str, Floats]:
    """Return numpy's linear quantiles of any number of rows in little memory.

    Args:
        batches: the values, without NaN; each dimension must exist in one row at least.
        dtype: of the values.
        width: d.
    """
    searches = [QuantileSearch(1, dtype) for _ in range(width)]
    while any(search.question for search in searches):
        totals, counts = [Answer() for _ in searches], np.zeros(width, np.int64)
        for values, present in batches():
            for dimension in np.flatnonzero(present).tolist():
                counts[dimension] += len(values)
                if (question := searches[dimension].question) is not None:
                    totals[dimension].add(answer(question, values[np.newaxis, :, dimension]))
        for search, total, count in zip(searches, totals, counts.tolist(), strict=True):
            if search.question is not None:
                search.take(total, count)
    found = [search.quantiles() for search in searches]
    return {name: np.concatenate([quantiles[name] for quantiles in found]) for name in QUANTILES}


def default_totals(lengths: Ints, task_rows: Mapping[int, int], fps: float) -> dict[str, FeatureStats]:
    """Return the statistics of the five default columns, which follow from the lengths of the episodes."""
    frames = int(lengths.sum())
    longest = int(lengths.max())
    # Frame k is there in every episode that is longer than k.
    having = np.bincount(lengths, minlength=longest + 1)[::-1].cumsum()[::-1][1:]
    counted = weighted_stats(np.arange(longest, dtype=np.float64), having)
    tasks = sorted(task_rows.items())
    parts = {
        "timestamp": {name: value / fps for name, value in counted.items()},
        "frame_index": counted,
        "episode_index": weighted_stats(np.arange(len(lengths), dtype=np.float64), lengths),
        "index": _counting(frames),
        "task_index": weighted_stats(
            np.array([number for number, _ in tasks], np.float64), np.array([rows for _, rows in tasks], np.int64)
        ),
    }
    return {name: _feature_stats(stats, frames) for name, stats in parts.items()}


def _counting(count: int) -> dict[str, Floats]:
    last = count - 1
    stats = {"min": 0.0, "max": float(last), "mean": last / 2, "std": ((count**2 - 1) / 12) ** 0.5}
    stats |= {name: fraction * last for name, fraction in QUANTILES.items()}
    return {name: np.array([value]) for name, value in stats.items()}


def _feature_stats(stats: Mapping[str, Floats], frames: int) -> FeatureStats:
    quantiles = {name: stats[name] for name in QUANTILES}
    return FeatureStats(stats["min"], stats["max"], stats["mean"], stats["std"], frames, quantiles)
