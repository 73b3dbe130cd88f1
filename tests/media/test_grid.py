"""Rates and time bases of the frame grid."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.media.grid import exact_rate, frame_ticks, grid_time_base


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (30, Fraction(30)),
        (30.0, Fraction(30)),
        (29.97, Fraction(30000, 1001)),
        (29.97002997, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (12.5, Fraction(25, 2)),
        (0.5, Fraction(1, 2)),
        (Fraction(25, 3), Fraction(25, 3)),
    ],
)
def test_a_rate_is_what_its_number_means(fps, rate):
    assert exact_rate(fps) == rate


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(fps):
    with pytest.raises(ValueError, match="not possible"):
        exact_rate(fps)


@pytest.mark.parametrize(("fps", "ticks"), [(10, 10240), (30, 15360), (60, 15360), (50, 12800), (29.97, 30000)])
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
