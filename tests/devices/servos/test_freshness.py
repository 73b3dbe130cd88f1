"""Lengths of answers: a model of a line that delivers in order, late, or not at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lerotool.devices.servos.exchange import LENGTHS, MEMORY_NS, AnswerLengths

MS = 1_000_000


def test_while_all_answer_nothing_more_than_needed_is_asked_for() -> None:
    lengths = AnswerLengths()
    for tick in range(1, 100):
        assert lengths.choose([1, 2], tick * 10 * MS) == 0
        lengths.hear([1, 2])


@given(
    st.lists(
        st.tuples(
            st.integers(1, 100),
            st.sets(st.integers(1, 3), min_size=1),
            st.sets(st.integers(1, 3)),
        ),
        max_size=200,
    )
)
def test_no_answer_that_may_come_looks_like_the_one_waited_for(events: list[tuple[int, set[int], set[int]]]) -> None:
    lengths, now = AnswerLengths(), MS
    may_come: list[tuple[int, int, int]] = []  # when asked, who, extra
    for pause, asked, able in events:
        now += pause * MS
        may_come = [open_ for open_ in may_come if now - open_[0] <= MEMORY_NS]
        extra = lengths.choose(asked, now)
        if extra is None:
            assert len(may_come) >= LENGTHS
            continue
        assert not [who for _, who, e in may_come if e == extra and who in asked]
        if answered := asked & able:
            lengths.hear(answered)
            may_come = []  # bytes come in order
        may_come += [(now, who, extra) for who in asked - able]


def test_a_bus_that_has_been_silent_is_asked_again_when_no_answer_is_expected() -> None:
    lengths = AnswerLengths()
    now = MS
    while lengths.choose([1], now) is not None:
        now += MS
    assert lengths.choose([1], now) is None
    assert lengths.choose([1], now + MEMORY_NS) is not None


def test_a_servo_that_never_answers_does_not_silence_the_others() -> None:
    lengths = AnswerLengths()
    for tick in range(1, 10 * LENGTHS):
        assert lengths.choose([1, 2], tick * MS) is not None
        lengths.hear([2])


def test_ids_that_nobody_has_can_be_asked_one_after_the_other() -> None:
    lengths = AnswerLengths()
    assert [lengths.choose([servo], MS + servo) for servo in range(254)] == [0] * 254
