"""Rates and time bases of the frame grid."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.media.counting import exact_rate, frame_ticks, grid_time_base, nearest_frame


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (30, Fraction(30)),
        (30.0, Fraction(30)),
        (29.97, Fraction(2997, 100)),
        (29.97002997, Fraction(30000, 1001)),
        (30000 / 1001, Fraction(30000, 1001)),
        (23.976, Fraction(2997, 125)),
        (59.94, Fraction(2997, 50)),
        (33.33, Fraction(3333, 100)),
        (100 / 3, Fraction(100, 3)),
        (0.0123, Fraction(123, 10_000)),
        (12.5, Fraction(25, 2)),
        (0.5, Fraction(1, 2)),
        (Fraction(25, 3), Fraction(25, 3)),
    ],
)
def test_a_rate_is_what_its_number_means(fps, rate):
    assert exact_rate(fps) == rate


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 1e-308])
def test_an_impossible_rate_is_refused(fps):
    with pytest.raises(ValueError, match="not possible"):
        exact_rate(fps)


@pytest.mark.parametrize(("fps", "ticks"), [(10, 10240), (30, 15360), (60, 15360), (50, 12800), (29.97, 11988)])
def test_the_time_base_is_libavformats(fps, ticks):
    assert grid_time_base(exact_rate(fps)) == Fraction(1, ticks)


@given(st.fractions(min_value=Fraction(1, 10), max_value=1000, max_denominator=1001))
def test_a_frame_is_a_whole_number_of_ticks(rate):
    time_base = grid_time_base(rate)
    ticks = frame_ticks(rate, time_base)
    assert ticks is not None
    assert ticks * time_base == 1 / rate
    assert 1 / time_base >= 10_000


def test_a_coarse_time_base_cannot_express_the_grid():
    assert frame_ticks(Fraction(30), Fraction(1, 1000)) is None
    assert frame_ticks(Fraction(10), Fraction(1, 1000)) == 100


USED_RATES = [
    *(float(fps) for fps in range(1, 121)),
    *(23.976, 23.98, 29.97, 47.952, 59.94, 119.88, 14.985, 9.99, 19.98),
    *(fps * 1000 / 1001 for fps in (15, 24, 30, 48, 60, 120)),
    *(12.5, 7.5, 2.5, 10.1, 33.33, 33.3333, 16.67, 16.666667, 8.33, 66.67, 0.5, 29.9701, 30.00003, 14.93, 24.39),
]
LEROBOTS_TOLERANCE_S = np.float32(1e-4)


def worst_distance(fps, lengths):
    """Return how far pictures are from their rows as LeRobot 0.6 computes it, and the longest video here lasts 900 s.

    The row's timestamp is float32, the sum with from_timestamp is made in double, times are compared in float32.
    """
    rate = exact_rate(fps)
    time_base = grid_time_base(rate)
    ticks = frame_ticks(rate, time_base)
    starts = np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
    numbers = np.arange(sum(lengths))
    rows = numbers - starts
    asked = starts / fps + (rows / fps).astype(np.float32).astype(np.float64)
    shown = numbers * ticks * float(time_base)
    return np.abs(shown.astype(np.float32) - asked.astype(np.float32)).max()


@pytest.mark.parametrize("fps", USED_RATES)
def test_every_row_of_a_900_second_video_finds_its_picture_at_every_rate_that_people_use(fps):
    frames = int(900 * fps)
    for length in (frames, max(1, int(7 * fps)), max(1, int(61.3 * fps))):
        lengths = [length] * (frames // length) + [frames % length or 1]
        assert worst_distance(fps, lengths) < LEROBOTS_TOLERANCE_S


@given(
    st.floats(min_value=0.5, max_value=240),
    st.lists(st.floats(min_value=0.001, max_value=1), min_size=1, max_size=40),
)
def test_every_row_of_a_900_second_video_finds_its_picture_at_any_rate(fps, shares):
    lengths = [max(1, int(share / sum(shares) * 900 * fps)) for share in shares]
    assert worst_distance(fps, lengths) < LEROBOTS_TOLERANCE_S


@given(
    st.fractions(min_value=Fraction(1, 10), max_value=1000, max_denominator=1001),
    st.sampled_from([Fraction(1, 1000), Fraction(1, 90_000), Fraction(1, 15_360), Fraction(1001, 30_000)]),
    st.integers(-1000, 1_000_000),
)
def test_the_nearest_frame_is_the_one_whose_time_is_nearest(rate, time_base, ticks):
    assert abs(ticks * time_base - nearest_frame(ticks, time_base, rate) / rate) <= 1 / rate / 2
