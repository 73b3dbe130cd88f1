"""The grid of ticks."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from lerotool.recording.pacing import NANOSECONDS, Schedule, ticks_in

RATES = st.fractions(min_value=Fraction(1, 10), max_value=1000, max_denominator=1001)


@given(st.integers(0, 10**15), RATES, st.integers(0, 10**7))
def test_ticks_stand_on_an_exact_grid(start_ns: int, fps: Fraction, tick: int) -> None:
    due = Schedule(start_ns, fps).due_ns(tick) - start_ns
    assert due <= Fraction(tick * NANOSECONDS) / fps < due + 1


@given(st.integers(0, 10**15), RATES, st.integers(0, 10**7))
def test_a_tick_is_newest_from_its_due_time_until_the_next(start_ns: int, fps: Fraction, tick: int) -> None:
    schedule = Schedule(start_ns, fps)
    assert schedule.tick_at(schedule.due_ns(tick)) == tick
    assert schedule.tick_at(schedule.due_ns(tick + 1) - 1) == tick
    assert schedule.tick_at(start_ns - 1) == -1


def test_a_phase_has_the_ticks_of_its_length() -> None:
    assert ticks_in(3, Fraction(30)) == 90
    assert ticks_in(0.1, Fraction(30)) == 3
    assert ticks_in(10, Fraction(30_000, 1001)) == 300
    assert ticks_in(0.001, Fraction(1)) == 1
    assert ticks_in(0, Fraction(30)) == 0
