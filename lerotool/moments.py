"""Exact statistics that can be merged, in pure numpy: the only statistics maths of lerotool.

All arithmetic is float64, whatever the dtype of the values (int64 beyond 2**53 is rounded to float64 first). A NaN
among the values of a dimension makes every statistic of that dimension NaN, as in numpy, and no warning is raised;
infinities follow IEEE arithmetic the same way. Quantiles are numpy's (``method="linear"``) on all values, not LeRobot's
5000-bin estimates, which differ by up to a bin. Sampling rules and shapes are LeRobot 0.6.1's (``compute_stats.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.errors import MetadataError

QUANTILES: Mapping[str, float] = MappingProxyType({"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99})

Floats = npt.NDArray[np.float64]
_PLAIN = ("min", "max", "mean", "std")
_LEVELS = 256
_DEPTH_LEVELS = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Count, mean and spread of rows of d values, mergeable without loss.

    Attributes:
        count: rows.
        mean: (d,).
        m2: (d,), the sum of squared deviations from the mean.
        min: (d,), +inf while there are no rows.
        max: (d,), -inf while there are no rows.
    """

    count: int
    mean: Floats
    m2: Floats
    min: Floats
    max: Floats

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Moments:
        """Take the moments of (n, d) values of any numeric dtype; n may be 0.

        Two passes, with the correction for the rounded mean (Chan, Golub, LeVeque 1983, "corrected two-pass").

        Raises:
            ValueError: the values are not two-dimensional.
        """
        array = np.asarray(values)
        if array.ndim != 2:
            raise ValueError(f"expected (n, d) values, found shape {array.shape}")
        # One contiguous line per dimension: numpy then sums pairwise, and no wide type is needed to stay exact.
        return _moments(np.ascontiguousarray(array.T, dtype=np.float64))

    @property
    def std(self) -> Floats:
        """The population standard deviation (d,); NaN while there are no rows."""
        if self.count == 0:
            return np.full_like(self.mean, np.nan)
        deviation: Floats = np.sqrt(self.m2 / self.count)
        return deviation

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets of rows together (Chan's formula).

        Raises:
            ValueError: the numbers of dimensions differ.
        """
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


@dataclass(frozen=True, slots=True, eq=False)
class FeatureStats:
    """The statistics of one feature as datasets keep them.

    Attributes:
        min: (d,) for numbers, (C, 1, 1) in 0..1 for pictures; the others likewise.
        max: largest value.
        mean: arithmetic mean.
        std: population standard deviation.
        count: frames that they were taken from.
        quantiles: by the names in ``QUANTILES``; empty where a dataset has none.
    """

    min: Floats
    max: Floats
    mean: Floats
    std: Floats
    count: int
    quantiles: Mapping[str, Floats] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return LeRobot's layout: nested lists, ``count`` a list of one, quantiles last."""
        plain = {name: getattr(self, name).tolist() for name in _PLAIN}
        ordered = {name: self.quantiles[name].tolist() for name in QUANTILES if name in self.quantiles}
        return {**plain, "count": [self.count], **ordered}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any], count: int | None = None) -> FeatureStats:
        """Build from LeRobot's layout; unknown keys are ignored, quantiles may be missing.

        Args:
            entry: what ``to_json`` returns, or the same out of a parquet row.
            count: used where the entry has none (v2.0).

        Raises:
            MetadataError: a statistic is missing or not a rectangle of numbers, or shapes differ.
        """
        values = {name: _floats(entry, name) for name in _PLAIN}
        quantiles = {name: _floats(entry, name) for name in QUANTILES if entry.get(name) is not None}
        shapes = {name: array.shape for name, array in {**values, **quantiles}.items()}
        if len(set(shapes.values())) > 1:
            raise MetadataError(f"statistics of one feature have different shapes: {shapes}")
        return cls(**values, count=_count(entry, count), quantiles=quantiles)


def _floats(entry: Mapping[str, Any], name: str) -> Floats:
    if entry.get(name) is None:
        raise MetadataError(f"statistic {name!r} is missing")
    value = entry[name]
    try:
        return np.asarray(value.tolist() if isinstance(value, np.ndarray) else value, dtype=np.float64)
    except (TypeError, ValueError):
        raise MetadataError(f"statistic {name!r} is not a rectangle of numbers: {str(value)[:80]}") from None


def _count(entry: Mapping[str, Any], default: int | None) -> int:
    value = entry.get("count")
    if value is None and default is not None:
        return default
    try:
        found = np.asarray([] if value is None else value).ravel()
    except ValueError:  # nested lists of different lengths
        found = np.empty(0)
    if found.size != 1 or found.dtype.kind not in "iuf" or not found[0] >= 1:
        raise MetadataError(f"statistic 'count' is {value!r}, expected a list of one positive number")
    return int(found[0])


def numeric_stats(values: npt.ArrayLike) -> FeatureStats:
    """Compute the statistics of one column.

    Args:
        values: (N, ...) numbers or bools, N at least 1. As in LeRobot only the last axis is kept: (N,) gives statistics
            of shape (1,), (N, d) of shape (d,), (N, a, b) of shape (b,).

    Raises:
        ValueError: there are no values, or they are not numbers.
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


def merge_stats(parts: Sequence[FeatureStats]) -> FeatureStats:
    """Merge the statistics of episodes or datasets: mean and std exactly, weighted by count.

    Quantiles are the count-weighted average of the parts', as in LeRobot up to 0.6.1, and present only if all parts
    have them; the true ones need the data.

    Raises:
        ValueError: there are no parts.
        MetadataError: the shapes differ.
    """
    if not parts:
        raise ValueError("no statistics to merge")
    shapes = sorted({part.mean.shape for part in parts})
    if len(shapes) > 1:
        raise MetadataError(f"statistics of different shapes cannot be merged: {shapes}")
    total = sum(part.count for part in parts)
    weights = np.array([part.count / total for part in parts]).reshape(-1, *(1 for _ in shapes[0]))

    def average(values: list[Floats]) -> Floats:
        weighted: Floats = (np.stack(values) * weights).sum(axis=0)
        return weighted

    with np.errstate(invalid="ignore", over="ignore"):
        mean = average([part.mean for part in parts])
        variance = average([part.std**2 + (part.mean - mean) ** 2 for part in parts])
        common = [name for name in QUANTILES if all(name in part.quantiles for part in parts)]
        return FeatureStats(
            np.min([part.min for part in parts], axis=0),
            np.max([part.max for part in parts], axis=0),
            mean,
            np.sqrt(variance),
            total,
            {name: average([part.quantiles[name] for part in parts]) for name in common},
        )


def sampled_frames(n: int) -> npt.NDArray[np.int64]:
    """Return which frames of an episode of ``n`` frames LeRobot's picture statistics are taken from, ascending."""
    samples = n if n < 100 else max(100, min(int(n**0.75), 10_000))
    return np.round(np.linspace(0, n - 1, samples)).astype(np.int64)


def shrink_step(height: int, width: int) -> int:
    """Return f where LeRobot's picture statistics use every f-th row and column."""
    if max(height, width) < 300:
        return 1
    return int(width / 150) if width > height else int(height / 150)


class PictureHistogram:
    """Counts of every pixel value by channel: exact picture statistics in little space.

    Quantiles are those of all pixels added, pooled by channel: ``np.quantile(pixels, q, method="linear") / 255``.

    Args:
        channels: of the pictures.
    """

    def __init__(self, channels: int = 3) -> None:
        self.frames = 0
        self._counts = np.zeros((channels, _LEVELS), dtype=np.int64)

    def add(self, picture: npt.NDArray[np.uint8]) -> None:
        """Count one picture, (height, width, channels) uint8; slices such as ``picture[::4, ::4]`` are fine.

        Raises:
            ValueError: dtype or shape are others.
        """
        channels = len(self._counts)
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != channels:
            raise ValueError(f"expected (H, W, {channels}) uint8, found {picture.shape} {picture.dtype}")
        for channel in range(channels):
            self._counts[channel] += np.bincount(picture[:, :, channel].ravel(), minlength=_LEVELS)
        self.frames += 1

    def merge(self, other: PictureHistogram) -> None:
        """Add all that another histogram has counted.

        Raises:
            ValueError: the numbers of channels differ.
        """
        if self._counts.shape != other._counts.shape:
            raise ValueError(f"histograms of {len(self._counts)} and {len(other._counts)} channels do not merge")
        self._counts += other._counts
        self.frames += other.frames

    def stats(self) -> FeatureStats:
        """Return the statistics, (channels, 1, 1) in 0..1; ``count`` is the number of pictures.

        Raises:
            ValueError: nothing was added.
        """
        if not self._counts.any():
            raise ValueError("no pictures were added")
        channels = [_level_stats(counts) for counts in self._counts]
        scaled = {name: np.array([c[name] for c in channels]).reshape(-1, 1, 1) / 255 for name in channels[0]}
        quantiles = {name: scaled.pop(name) for name in QUANTILES}
        return FeatureStats(**scaled, count=self.frames, quantiles=quantiles)

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How often each of the 256 values occurs, (channels, 256)."""
        return self._counts.copy()

    def gaps(self) -> dict[str, Floats]:
        """Return how far the two pixel values lie apart between which each quantile is interpolated; as `stats`."""
        channels = [[_neighbours(counts, fraction) for counts in self._counts] for fraction in QUANTILES.values()]
        return {
            name: np.array([high - low for low, high, _ in found]).reshape(-1, 1, 1) / 255
            for name, found in zip(QUANTILES, channels, strict=True)
        }

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for files."""
        return {"frames": self.frames, "counts": self._counts.tolist()}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> PictureHistogram:
        """Build from what ``to_json`` returned.

        Raises:
            MetadataError: it is something else.
        """
        try:
            counts = np.array(entry["counts"], dtype=np.int64)
            frames = int(entry["frames"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise MetadataError("not a picture histogram") from None
        if counts.ndim != 2 or counts.shape[1] != _LEVELS or counts.min(initial=0) < 0 or frames < 0:
            raise MetadataError(f"not a picture histogram: counts of shape {counts.shape}, {frames} frames")
        histogram = cls(len(counts))
        histogram._counts, histogram.frames = counts, frames
        return histogram


class DepthHistogram:
    """Counts of depths by the millimetre: statistics of depth pictures in little space, in the unit that they are in.

    For uint16 millimetres all statistics are exact. For float32 metres the moments are, and quantiles are those of the
    depths rounded to millimetres, up to 65.535 m.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._counts = np.zeros(_DEPTH_LEVELS, dtype=np.int64)
        self._metres: Moments | None = None

    def add(self, picture: npt.NDArray[np.uint16] | npt.NDArray[np.float32]) -> None:
        """Count one picture of any shape: uint16 millimetres, or float32 metres; all pictures of one kind."""
        millimetres: npt.NDArray[Any] = picture.ravel()
        if picture.dtype.kind == "f":
            moments = Moments.of(millimetres.reshape(-1, 1))
            self._metres = moments if self._metres is None else self._metres.merge(moments)
            millimetres = np.rint(millimetres * 1000).clip(0, _DEPTH_LEVELS - 1).astype(np.uint16)
        self._counts += np.bincount(millimetres, minlength=_DEPTH_LEVELS)
        self.frames += 1

    def stats(self) -> FeatureStats:
        """Return the statistics, (1, 1, 1); ``count`` is the number of pictures.

        Raises:
            ValueError: nothing was added.
        """
        if not self._counts.any():
            raise ValueError("no pictures were added")
        unit = 1 if self._metres is None else 1000
        found = {name: np.full((1, 1, 1), value / unit) for name, value in _level_stats(self._counts).items()}
        if (exact := self._metres) is not None:
            moments = {"min": exact.min, "max": exact.max, "mean": exact.mean, "std": exact.std}
            found |= {name: value.reshape(1, 1, 1) for name, value in moments.items()}
        quantiles = {name: found.pop(name) for name in QUANTILES}
        return FeatureStats(**found, count=self.frames, quantiles=quantiles)


def _level_stats(counts: npt.NDArray[np.int64]) -> dict[str, float]:
    """Return the statistics of one channel's pixel values, whole numbers from 0."""
    levels = np.arange(len(counts))
    # Python's integers: the variance of whole numbers is exact before the one division.
    pixels, total, squares = (int((counts * levels**power).sum()) for power in (0, 1, 2))
    seen = np.flatnonzero(counts)
    stats = {
        "min": float(seen[0]),
        "max": float(seen[-1]),
        "mean": total / pixels,
        "std": ((pixels * squares - total * total) / pixels**2) ** 0.5,
    }
    for name, fraction in QUANTILES.items():
        low, high, share = _neighbours(counts, fraction)
        stats[name] = float(interpolate(np.array(low), np.array(high), share))
    return stats


def _neighbours(counts: npt.NDArray[np.int64], fraction: float) -> tuple[float, float, float]:
    """Return the two pixel values around a quantile, and where between them it lies."""
    cumulated = np.cumsum(counts)
    position = fraction * int(cumulated[-1] - 1)
    below = int(position)
    low, high = np.searchsorted(cumulated, [below, min(below + 1, int(cumulated[-1]) - 1)], side="right").tolist()
    return float(low), float(high), position - below
