"""Statistics of pictures: LeRobot's sampling rule, and exact counts of pixel values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.errors import MetadataError
from lerotool.moments.feature_stats import QUANTILES, FeatureStats, Floats
from lerotool.moments.numbers import Moments, numeric_stats, weighted_neighbours, weighted_stats

_LEVELS = 256
_DEPTH_LEVELS = 1 << 16


def sampled_frames(n: int) -> npt.NDArray[np.int64]:
    """Return which frames of an episode of ``n`` frames LeRobot's picture statistics are taken from, ascending."""
    samples = n if n < 100 else max(100, min(int(n**0.75), 10_000))
    return np.round(np.linspace(0, n - 1, samples)).astype(np.int64)


def shrink_step(height: int, width: int) -> int:
    """Return f where LeRobot's picture statistics use every f-th row and column."""
    if max(height, width) < 300:
        return 1
    return int(width / 150) if width > height else int(height / 150)


def picture_stats(pictures: Sequence[npt.NDArray[Any]]) -> FeatureStats:
    """Return the statistics of pictures as LeRobot takes them: every few rows and columns, all pictures pooled.

    `pictures`: (height, width, channels) of one size, at least one: uint8 colours, or depths. Returns shape
    (channels, 1, 1): colours in 0..1, depths as they are; ``count`` is the number of pictures.
    """
    step = shrink_step(*pictures[0].shape[:2])
    pooled = numeric_stats(np.concatenate([p[::step, ::step].reshape(-1, p.shape[2]) for p in pictures]))
    scale = 255 if pictures[0].dtype == np.uint8 else 1
    return pooled.mapped(lambda values: values.reshape(-1, 1, 1) / scale, len(pictures))


class PictureHistogram:
    """Counts of every pixel value by channel: exact picture statistics in little space.

    Quantiles are those of all pixels added, pooled by channel: ``np.quantile(pixels, q, method="linear") / 255``.
    """

    def __init__(self, channels: int = 3) -> None:
        self.frames = 0
        self.counts = np.zeros((channels, _LEVELS), dtype=np.int64)  # how often each of the 256 values occurs

    def add(self, picture: npt.NDArray[np.uint8]) -> None:
        """Count one picture, (height, width, channels) uint8; slices such as ``picture[::4, ::4]`` are fine."""
        channels = len(self.counts)
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != channels:
            raise ValueError(f"expected (H, W, {channels}) uint8, found {picture.shape} {picture.dtype}")
        for channel in range(channels):
            self.counts[channel] += np.bincount(picture[:, :, channel].ravel(), minlength=_LEVELS)
        self.frames += 1

    def merge(self, other: PictureHistogram) -> None:
        """Add all that another histogram has counted."""
        if self.counts.shape != other.counts.shape:
            raise ValueError(f"histograms of {len(self.counts)} and {len(other.counts)} channels do not merge")
        self.counts += other.counts
        self.frames += other.frames

    def stats(self) -> FeatureStats:
        """Return the statistics, (channels, 1, 1) in 0..1; ``count`` is the number of pictures."""
        if not self.counts.any():
            raise ValueError("no pictures were added")
        channels = [weighted_stats(*_levels(counts)) for counts in self.counts]
        scaled = {name: np.array([c[name] for c in channels]).reshape(-1, 1, 1) / 255 for name in channels[0]}
        return FeatureStats.of_values(scaled, self.frames)

    def gaps(self) -> dict[str, Floats]:
        """Return how far the two pixel values lie apart between which each quantile is interpolated; as `stats`."""
        levels = [_levels(counts) for counts in self.counts]
        pairs = {name: [weighted_neighbours(*own, fraction) for own in levels] for name, fraction in QUANTILES.items()}
        return {n: np.array([high - low for low, high, _ in p]).reshape(-1, 1, 1) / 255 for n, p in pairs.items()}

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for files."""
        return {"frames": self.frames, "counts": self.counts.tolist()}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> PictureHistogram:
        """Build from what ``to_json`` returned."""
        try:
            counts = np.array(entry["counts"], dtype=np.int64)
            frames = int(entry["frames"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise MetadataError("not a picture histogram") from None
        if counts.ndim != 2 or counts.shape[1] != _LEVELS or counts.min(initial=0) < 0 or frames < 0:
            raise MetadataError(f"not a picture histogram: counts of shape {counts.shape}, {frames} frames")
        histogram = cls(len(counts))
        histogram.counts, histogram.frames = counts, frames
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
        """Return the statistics, (1, 1, 1); ``count`` is the number of pictures."""
        if not self._counts.any():
            raise ValueError("no pictures were added")
        unit = 1 if self._metres is None else 1000
        found = {name: value.reshape(1, 1, 1) / unit for name, value in weighted_stats(*_levels(self._counts)).items()}
        if (exact := self._metres) is not None:
            moments = {"min": exact.min, "max": exact.max, "mean": exact.mean, "std": exact.std}
            found |= {name: value.reshape(1, 1, 1) for name, value in moments.items()}
        return FeatureStats.of_values(found, self.frames)


def _levels(counts: npt.NDArray[np.int64]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return the values that occur in one channel, whole numbers from 0, and how often each does."""
    seen = np.flatnonzero(counts)
    return seen.astype(np.float64), counts[seen]
