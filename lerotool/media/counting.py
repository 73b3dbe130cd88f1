"""Which picture of a video is which frame: the frame grid with its exact rates, and files that are off it.

By time where the times fit, else by count where the numbers fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lerotool.media.mp4 import Mp4Header
from lerotool.wording import counted

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


def is_exact(header: Mp4Header, rate: Fraction) -> bool:
    """Whether picture k of a file is shown at exactly k/rate."""
    ticks = frame_ticks(rate, header.time_base)
    return header.frames > 0 and ticks is not None and np.array_equal(header.shown(), np.arange(header.frames) * ticks)


def nearest_frame(ticks: int, time_base: Fraction, rate: Fraction) -> int:
    """Return the number of the frame whose time k/rate is nearest to a time in ticks."""
    frames = time_base * rate
    return (2 * ticks * frames.numerator + frames.denominator) // (2 * frames.denominator)


Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
TOLERANCE_S = 1e-4
"""How far from the time of its row LeRobot allows a picture to be."""
NEAR = 0.25
"""Frames that a picture may be off its time and still be plainly the one of that time."""


class Counting(StrEnum):
    """How frames are numbered in a video file."""

    BY_TIME = "by time"
    """Frame k is the picture shown nearest to k/fps, and near it."""
    BY_COUNT = "by count"
    """Frame k is the picture that is shown as number k, whenever that is."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How the pictures of a video file fit the rows of its episodes."""

    counting: Counting
    stop: int  # one past the last frame that is there
    off_s: float  # by how much a picture of a row is off its time at worst, seconds
    is_dense: bool


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Episodes in a video file: first frame and number of rows of each, int64, (episodes, 2)."""

    wanted: Ints
    every: Ints


def fit_rows(header: Mp4Header, rate: Fraction, spans: Callable[[], Spans]) -> Fit | None:
    """Find out how the pictures of a file belong to rows.

    `rate`: frames per second of the dataset. Returns none where neither times nor numbers fit: some row has no picture.
    """
    shown = header.shown()
    if not len(shown):
        return None
    is_whole = len(shown) == header.frames
    places: Floats = shown.astype(np.float64) * float(header.time_base * rate)
    numbers = np.rint(places).astype(np.int64)
    is_near = np.abs(places - numbers) <= NEAR
    if is_whole and is_near.all() and np.array_equal(numbers, np.arange(len(numbers))):
        return Fit(Counting.BY_TIME, len(numbers), _worst(places, numbers, rate), is_dense=True)
    episodes = spans()
    wanted = _frames(episodes.wanted)
    if np.isin(wanted, numbers[is_near]).all():
        used = is_near & np.isin(numbers, wanted)
        stop = int(numbers[is_near].max()) + 1
        return Fit(Counting.BY_TIME, stop, _worst(places[used], numbers[used], rate), is_dense=False)
    if np.array_equal(np.sort(_frames(episodes.every)), np.arange(len(shown))):
        return Fit(Counting.BY_COUNT, len(shown), _worst(places, np.arange(len(shown)), rate), is_dense=is_whole)
    return None


def misfit_text(path: Path, header: Mp4Header, spans: Spans) -> str:
    """Say why a file's pictures do not belong to rows."""
    rows = int(spans.every[:, 1].sum())
    return (
        f"{str(path)!r}: neither times nor numbers fit: {len(header.shown())} pictures for {rows} rows, and some rows "
        "have no picture within a quarter of a frame of their time"
    )


def has_every_frame(header: Mp4Header, rate: Fraction, stop: int) -> bool:
    """Whether there is a picture near the time of each of the frames 0 to ``stop - 1``."""
    places: Floats = header.shown().astype(np.float64) * float(header.time_base * rate)
    numbers = np.rint(places)
    return bool(np.isin(np.arange(stop), numbers[np.abs(places - numbers) <= NEAR]).all())


_RULES = {
    Counting.BY_TIME: "each row gets the picture nearest to it, on its exact time",
    Counting.BY_COUNT: "there is one picture for each row, so they are taken in order",
}


def uneven_notes(place: str, videos: Sequence[tuple[Path, Fit]]) -> Iterator[str]:
    """Tell of pictures that LeRobot does not find at the times of their rows, and by what rule they are taken."""
    for counting, rule in _RULES.items():
        uneven = [(path, fit.off_s) for path, fit in videos if fit.counting is counting and fit.off_s >= TOLERANCE_S]
        if uneven:
            worst = max(off_s for _, off_s in uneven)
            yield (
                f"{place}: in {len(uneven)} of {counted(len(videos), 'video')} pictures are up to {worst:.3g} s off "
                f"the times of their rows, the first is {uneven[0][0]}; {rule}"
            )


def _frames(spans: Ints) -> Ints:
    starts, counts = spans[:, 0], spans[:, 1]
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    frames: Ints = np.repeat(starts, counts) + within
    return frames


def _worst(places: Floats, numbers: Ints, rate: Fraction) -> float:
    return float(np.abs(places - numbers).max(initial=0.0) / rate)
