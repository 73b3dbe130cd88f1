"""The frame grid: exact rates, and time bases that can express every frame's time. Imports no codec library."""

from __future__ import annotations

from fractions import Fraction

_LEAST_TICKS_PER_SECOND = 10_000
_DENOMINATORS = (1001, 10_000, 100_000, 1_000_000)
_PRECISION = 1e-9
"""Of a rate: pictures drift from the times of their rows by less than a microsecond in a quarter of an hour."""


def exact_rate(fps: float | Fraction) -> Fraction:
    """Return a rate as a fraction: 30 is 30, 12.5 is 25/2, 29.97 is 2997/100, 29.97002997002997 is 30000/1001.

    It is the number itself, not an NTSC rate near it: the rows of a dataset lie at frame / fps, so pictures must too.
    """
    if not 0 < fps < float("inf"):
        raise ValueError(f"a rate of {fps} frames per second is not possible")
    if isinstance(fps, int | Fraction):
        return Fraction(fps)
    exact = Fraction(fps)
    candidates = (exact.limit_denominator(most) for most in _DENOMINATORS)
    rate = next((rate for rate in candidates if abs(rate - exact) <= exact * Fraction(_PRECISION)), None)
    if rate is None:
        raise ValueError(f"a rate of {fps} frames per second is not possible")
    return rate


def grid_time_base(rate: Fraction) -> Fraction:
    """Return libavformat's time base for mp4: 1/(numerator·2^k), the first with at least 10000 ticks per second.

    One frame is a whole number of its ticks, so times on the grid are exact.
    """
    ticks_per_second = rate.numerator
    while ticks_per_second < _LEAST_TICKS_PER_SECOND:
        ticks_per_second *= 2
    return Fraction(1, ticks_per_second)


def frame_ticks(rate: Fraction, time_base: Fraction) -> int | None:
    """Return how many ticks one frame lasts, or None if it is not a whole number."""
    ticks = 1 / (rate * time_base)
    return ticks.numerator if ticks.denominator == 1 else None


def nearest_frame(ticks: int, time_base: Fraction, rate: Fraction) -> int:
    """Return the number of the frame whose time k/rate is nearest to a time in ticks."""
    frames = time_base * rate
    return (2 * ticks * frames.numerator + frames.denominator) // (2 * frames.denominator)
