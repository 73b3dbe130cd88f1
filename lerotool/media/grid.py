"""The frame grid: exact rates, and time bases that can express every frame's time. Imports no codec library."""

from __future__ import annotations

from fractions import Fraction

_LEAST_TICKS_PER_SECOND = 10_000
_NTSC_TOLERANCE = 0.005


def exact_rate(fps: float | Fraction) -> Fraction:
    """Return the rate that a number in an ``info.json`` means: 30 is 30, 29.97 is 30000/1001, 12.5 is 25/2.

    Raises:
        ValueError: the rate is not positive and finite.
    """
    if not 0 < fps < float("inf"):
        raise ValueError(f"a rate of {fps} frames per second is not possible")
    if isinstance(fps, int | Fraction):
        return Fraction(fps)
    ntsc = Fraction(round(fps) * 1000, 1001)
    if round(fps) != fps and abs(fps - ntsc) < _NTSC_TOLERANCE:
        return ntsc
    return Fraction(fps).limit_denominator(1001)


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
