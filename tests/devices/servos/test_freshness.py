"""Lengths of answers: a model of a line that delivers in order, late, or not at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lerotool.devices.servos.freshness import LENGTHS, MEMORY_NS, AnswerLengths

MS = 1_000_000


def test_while_all_answer_nothing_more_than_needed_is_asked_for() -> None:
    lengths = AnswerLengths()
    for tick in range(1, 100):
        extra = lengths.choose(tick * 10 * MS)
        assert extra == 0
        lengths.hear(extra, is_complete=True)


@given(st.lists(st.tuples(st.integers(1, 100), st.sampled_from(["all", "some", "none"])), max_size=200))
def test_no_two_requests_whose_answers_may_come_ask_for_the_same(events: list[tuple[int, str]]) -> None:
    lengths, now = AnswerLengths(), MS
    may_come: list[tuple[int, int]] = []  # when asked, extra
    for pause, outcome in events:
        now += pause * MS
        extra = lengths.choose(now)
        may_come = [(asked, e) for asked, e in may_come if now - asked <= MEMORY_NS]
        if extra is None:
            assert len(may_come) >= LENGTHS
            continue
        assert extra not in [e for _, e in may_come]
        may_come.append((now, extra))
        if outcome != "none":
            lengths.hear(extra, is_complete=outcome == "all")
            may_come = [] if outcome == "all" else [(now, extra)]  # bytes come in order


def test_a_bus_that_has_been_silent_is_asked_again_when_no_answer_is_expected() -> None:
    lengths = AnswerLengths()
    now = MS
    while lengths.choose(now) is not None:
        now += MS
    assert lengths.choose(now) is None
    assert lengths.choose(now + MEMORY_NS) is not None


def test_a_servo_that_never_answers_does_not_silence_the_others() -> None:
    lengths = AnswerLengths()
    for tick in range(1, 10 * LENGTHS):
        extra = lengths.choose(tick * MS)
        assert extra is not None
        lengths.hear(extra, is_complete=False)
