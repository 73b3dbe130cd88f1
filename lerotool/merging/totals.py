"""Statistics of the whole target: exact for numbers, padded dimensions counted only where they exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lerotool.merging.segments import weighted_stats
from lerotool.moments import QUANTILES, FeatureStats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Present = npt.NDArray[np.bool_]
_DIGIT_BITS = 16
_BINS = 1 << _DIGIT_BITS
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


def exact_quantiles(batches: Batches, width: int) -> dict[str, Floats]:
    """Return numpy's linear quantiles of any number of rows in little memory.

    Numbers are turned into whole numbers of the same order, and the ones wanted are found digit by digit (16 bits) from
    counts: two readings of float32, four of float64 and int64.

    Args:
        batches: the values; each dimension must exist in one row at least.
        width: d.
    """
    found = [_Search() for _ in range(width)]
    while True:
        bits = 0
        for values, present in batches():
            lines = _ordered_bits(values)
            bits = lines.dtype.itemsize * 8
            for dimension in np.flatnonzero(present).tolist():
                found[dimension].count(lines[dimension], values.dtype)
        for search in found:
            search.narrow()
        if all(search.is_done(bits) for search in found):
            break
    columns = [search.quantiles() for search in found]
    return {name: np.array([column[name] for column in columns]) for name in QUANTILES}


class _Search:
    """Looks for some order statistics of one dimension."""

    def __init__(self) -> None:
        self._prefixes = np.zeros(1, np.uint64)
        self._counts = np.zeros((1, _BINS), np.int64)
        self._digits = 0
        self._total = 0
        self._dtype: np.dtype[np.generic] = np.dtype(np.float64)
        self._ranks: dict[int, tuple[int, int]] = {}
        """By rank among all: the prefix found so far, and the rank among the values that share it."""

    def count(self, keys: npt.NDArray[np.unsignedinteger], dtype: np.dtype[np.generic]) -> None:
        bits = keys.dtype.itemsize * 8
        self._dtype = dtype
        shift = max(0, bits - _DIGIT_BITS * (self._digits + 1))
        wide = keys.astype(np.uint64)
        digits = (wide >> np.uint64(shift)) & np.uint64(_BINS - 1)
        if self._digits == 0:
            self._counts[0] += np.bincount(digits.astype(np.int64), minlength=_BINS)
            self._total += len(keys)
            return
        prefixes = wide >> np.uint64(shift + _DIGIT_BITS)
        places = np.minimum(np.searchsorted(self._prefixes, prefixes), len(self._prefixes) - 1)
        is_wanted = self._prefixes[places] == prefixes
        combined = places[is_wanted] * _BINS + digits[is_wanted].astype(np.int64)
        self._counts += np.bincount(combined, minlength=self._counts.size).reshape(self._counts.shape)

    def narrow(self) -> None:
        """Find the next digit of each value that is looked for."""
        if self._digits == 0:
            self._ranks = {rank: (0, rank) for rank in _wanted_ranks(self._total)}
        cumulated = np.cumsum(self._counts, axis=1)
        narrowed = {}
        for rank, (prefix, inner) in self._ranks.items():
            line = cumulated[int(np.searchsorted(self._prefixes, np.uint64(prefix)))]
            digit = int(np.searchsorted(line, inner, side="right"))
            before = int(line[digit - 1]) if digit else 0
            narrowed[rank] = (prefix << _DIGIT_BITS | digit, inner - before)
        self._ranks = narrowed
        self._digits += 1
        self._prefixes = np.unique(np.array([prefix for prefix, _ in narrowed.values()], np.uint64))
        self._counts = np.zeros((len(self._prefixes), _BINS), np.int64)

    def is_done(self, bits: int) -> bool:
        return self._digits * _DIGIT_BITS >= bits

    def quantiles(self) -> dict[str, float]:
        values = {rank: _value_of(prefix, self._dtype) for rank, (prefix, _) in self._ranks.items()}
        ranks = sorted(values)
        # A value that stands for several ranks counts once for each; only those that are needed are there.
        found = {}
        for name, fraction in QUANTILES.items():
            position = fraction * (self._total - 1)
            below = int(position)
            low, high = values[below], values[min(below + 1, ranks[-1])]
            found[name] = _between(low, high, position - below)
        return found


def _between(low: float, high: float, share: float) -> float:
    # The same order of operations as numpy, so that equal data give equal bits.
    step = high - low
    return low if low == high else high - step * (1 - share) if share >= 0.5 else low + step * share


def _wanted_ranks(total: int) -> set[int]:
    ranks = set()
    for fraction in QUANTILES.values():
        below = int(fraction * (total - 1))
        ranks |= {below, min(below + 1, total - 1)}
    return ranks


def _ordered_bits(values: npt.NDArray[np.generic]) -> npt.NDArray[np.unsignedinteger]:
    """Return (d, rows) whole numbers that are in the same order as the values."""
    lines = np.ascontiguousarray(values.T)
    if lines.dtype.kind == "b":
        lines = lines.astype(np.uint8)
    if lines.dtype == np.float16:
        lines = lines.astype(np.float32)
    if lines.dtype.kind == "f":
        lines = lines + lines.dtype.type(0)  # there is one zero only
    bits = lines.dtype.itemsize * 8
    raw = lines.view(f"u{lines.dtype.itemsize}")
    top = raw.dtype.type(1 << (bits - 1))
    if lines.dtype.kind == "f":
        raw = np.where(raw & top, ~raw, raw | top)
    elif lines.dtype.kind == "i":
        raw = raw ^ top
    return raw.astype(np.uint16) if bits < _DIGIT_BITS else raw


def _value_of(key: int, dtype: np.dtype[np.generic]) -> float:
    if dtype.kind == "b":
        return float(key)
    if dtype == np.float16:
        dtype = np.dtype(np.float32)
    bits = dtype.itemsize * 8
    top = 1 << (bits - 1)
    if dtype.kind == "f":
        key = key & (top - 1) if key & top else ~key & ((1 << bits) - 1)
    elif dtype.kind == "i":
        key ^= top
    return float(np.array([key], f"u{dtype.itemsize}").view(dtype)[0])


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
