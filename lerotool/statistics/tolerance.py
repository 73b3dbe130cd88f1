"""How far a stored statistic may lie from the exact one and still be right: it follows from how it was computed.

u = 2^-24 is the rounding of float32, n the rows summed, w the width of one of LeRobot's 5000 histogram bins.

- ``min``, ``max``: of float32 values, or rounded to float32 once: |x| u.
- ``mean``: summed in float32, one after another: n u max|x|.
- ``std``: the root of mean(x^2) - mean(x)^2, each in float32: the variance is off by up to (2n + 4) u max|x|^2.
- quantiles: LeRobot's value lies in the bin of one of the two values between which numpy interpolates, so it is off by
  their gap plus w, plus float32's rounding of the bin's edges.
- pictures of videos were measured before encoding: mean and std are off by what the encoder loses. Extremes and tails
  of the distribution hang on few pixels; nothing can be said about them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lerotool.moments import QUANTILES, Floats

ROUNDING = 2.0**-24
BINS = 5000
_MOST_SUMMED = 2**14
"""Rows beyond which the bound of a float32 sum says nothing; sums of more are not made naively."""
_SLACK = 1e-9
ENCODED = 0.02
"""What encoding may change of the mean and std of pictures in 0..1: five of 255 levels."""
SAMPLED = 0.02
"""What a choice of other frames may change of them."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What the tolerances of n rows of results depend on."""

    low: Floats  # (n, d), smallest values
    high: Floats  # (n, d), largest values
    std: Floats  # (n, d)
    summed: npt.NDArray[np.int64]  # (n, 1), rows that went into each

    @property
    def largest(self) -> Floats:
        """The largest magnitude, (n, d)."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def tolerance(self, statistic: str) -> Floats:
        """Return the tolerance (n, d) of min, max, mean or std."""
        rows = np.minimum(self.summed, _MOST_SUMMED)
        with np.errstate(invalid="ignore", over="ignore"):
            if statistic in ("min", "max"):
                return self.largest * (4 * ROUNDING) + _SLACK * 1e-3
            if statistic == "mean":
                return (rows + 4) * ROUNDING * self.largest + _SLACK * 1e-3
            error = (2 * rows + 4) * ROUNDING * self.largest**2
            upwards = np.sqrt(self.std**2 + error) - self.std
            downwards = self.std - np.sqrt(np.maximum(self.std**2 - error, 0.0))
            return np.maximum(upwards, downwards) + _SLACK

    def quantile_tolerance(self, gap: Floats) -> Floats:
        """Return the tolerance (n, d) of a quantile whose neighbours lie ``gap`` apart."""
        with np.errstate(invalid="ignore", over="ignore"):
            return gap + (self.high - self.low) / BINS + 8 * ROUNDING * self.largest + 1e-9


def picture_tolerance(statistic: str, *, is_encoded: bool, is_other_sample: bool) -> float | None:
    """Return the tolerance of a camera's statistic in 0..1, beyond that of its numbers; None: nothing can be said."""
    if not (is_encoded or is_other_sample):
        return 0.0
    if statistic in ("mean", "std"):
        return (ENCODED if is_encoded else 0.0) + (SAMPLED if is_other_sample else 0.0)
    return None if statistic in ("min", "max", *QUANTILES) else 0.0
