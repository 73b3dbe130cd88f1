"""Statistics of numbers: moments that merge exactly, and numpy's quantiles, of one column at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.moments.feature_stats import QUANTILES, FeatureStats, Floats


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
        return _moments(np.ascontiguousarray(array.T, dtype=np.float64))

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


def _moments(lines: Floats) -> Moments:
    """Take the moments of d contiguous lines of n values."""
    d, n = lines.shape
    if n == 0:
        return Moments(0, np.zeros(d), np.zeros(d), np.full(d, np.inf), np.full(d, -np.inf))
    with np.errstate(invalid="ignore", over="ignore"):
        mean = lines.mean(axis=1)
        deviations = lines - mean[:, None]
        slip = deviations.sum(axis=1)
        deviations *= deviations
        m2 = np.maximum(deviations.sum(axis=1) - slip * slip / n, 0.0)
        return Moments(n, mean + slip / n, m2, lines.min(axis=1), lines.max(axis=1))


def numeric_stats(values: npt.ArrayLike) -> FeatureStats:
    """Compute the statistics of one column.

    `values`: (N, ...) numbers or bools, N at least 1. As in LeRobot only the last axis is kept: (N,) gives statistics
    of shape (1,), (N, d) of shape (d,), (N, a, b) of shape (b,).
    """
    array = np.asarray(values)
    if array.size == 0 or array.dtype.kind not in "biuf":
        raise ValueError(f"expected numbers, found shape {array.shape} of {array.dtype}")
    frames = array.shape[0]
    rows = array.reshape(-1, array.shape[-1] if array.ndim > 1 else 1)
    lines = rows.T.astype(np.uint8 if array.dtype.kind == "b" else array.dtype, order="C")
    moments = _moments(np.ascontiguousarray(lines, dtype=np.float64))
    lines.sort(axis=1)  # in the narrow type: half the time, and rounding to float64 keeps the order
    quantiles = {name: _pick(lines, fraction) for name, fraction in QUANTILES.items()}
    return FeatureStats(moments.min, moments.max, moments.mean, moments.std, frames, quantiles)


def _pick(lines: npt.NDArray[Any], fraction: float) -> Floats:
    """Return numpy's linear quantile of sorted lines; NaN sorts last and makes its line NaN."""
    position = fraction * (lines.shape[1] - 1)
    below = int(position)
    above = min(below + 1, lines.shape[1] - 1)
    picked = [lines[:, column].astype(np.float64) for column in (below, above, -1)]
    quantile = interpolate(picked[0], picked[1], position - below)
    return np.where(np.isnan(picked[2]), np.nan, quantile)


def interpolate(low: Floats, high: Floats, share: float | Floats) -> Floats:
    """Return the values a share of the way from ``low`` to ``high``, to the bit as ``numpy.quantile`` does."""
    # The same order of operations as numpy, so that equal data give equal bits.
    with np.errstate(invalid="ignore", over="ignore"):
        step = high - low
        value = np.where(np.asarray(share) >= 0.5, high - step * (1 - share), low + step * share)
    return np.where(low == high, low, value)


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
