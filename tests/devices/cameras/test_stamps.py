"""Capture times out of drivers' time stamps."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.devices.cameras.reader import Stamper

_MICROSECONDS = Fraction(1, 1_000_000)
_NOW_NS = 5_000_000_000_000


@given(st.lists(st.integers(0, 1_900_000), min_size=1))
def test_stamps_on_our_clock_are_the_capture_times(ages_us: list[int]) -> None:
    stamper = Stamper()
    for number, age_us in enumerate(ages_us):
        arrived_ns = _NOW_NS + number * 33_000_000
        pts = arrived_ns // 1000 - age_us
        assert stamper.stamp(pts, _MICROSECONDS, arrived_ns) == pts * 1000


@pytest.mark.parametrize("first", [0, 40_000, _NOW_NS // 1000 + 3_600_000_000, _NOW_NS // 1000 - 3_000_000])
def test_stamps_on_another_clock_give_way_to_the_arrival_for_the_whole_stream(first: int) -> None:
    stamper = Stamper()
    assert stamper.stamp(first, _MICROSECONDS, _NOW_NS) == _NOW_NS
    assert stamper.stamp(_NOW_NS // 1000, _MICROSECONDS, _NOW_NS + 7_000_000) == _NOW_NS + 7_000_000


@pytest.mark.parametrize(("pts", "time_base"), [(None, _MICROSECONDS), (5, None), (None, None)])
def test_packets_without_a_stamp_have_their_arrival(pts: int | None, time_base: Fraction | None) -> None:
    assert Stamper().stamp(pts, time_base, _NOW_NS) == _NOW_NS


@given(st.integers(-(2**62), 2**62), st.integers(0, 2**62))
def test_no_picture_is_taken_after_it_has_arrived(pts: int, arrived_ns: int) -> None:
    stamper = Stamper()
    stamper.stamp(arrived_ns // 1000, _MICROSECONDS, arrived_ns)
    assert stamper.stamp(pts, _MICROSECONDS, arrived_ns) <= arrived_ns


def test_a_reader_that_was_held_up_keeps_the_true_times_and_a_nonsense_stamp_does_not_count() -> None:
    stamper = Stamper()
    stamper.stamp(_NOW_NS // 1000, _MICROSECONDS, _NOW_NS)
    held_up = _NOW_NS + 10_000_000_000
    assert stamper.stamp((_NOW_NS + 33_000_000) // 1000, _MICROSECONDS, held_up) == _NOW_NS + 33_000_000
    assert stamper.stamp(0, _MICROSECONDS, held_up) == held_up
