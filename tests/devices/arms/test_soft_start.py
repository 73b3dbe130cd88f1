"""The soft start: never faster than told until it has caught up once, and again after a pause."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lerotool.devices.robot import PAUSE_NS, SoftStart

_TICK_NS = 33_000_000
_values = st.floats(-180, 180)


def test_the_first_goal_is_where_the_arm_stands() -> None:
    start = SoftStart(60, [10.0, 20.0])
    assert start.limit([50.0, 0.0], 7) == [10.0, 20.0]
    assert not start.is_aligned


def test_it_approaches_at_its_speed_and_then_follows_at_once() -> None:
    start = SoftStart(60, [0.0, 0.0])
    sent = [start.limit([5.0, -2.0], tick * 50_000_000) for tick in range(4)]
    assert sent == [[0.0, 0.0], [3.0, -2.0], [5.0, -2.0], [5.0, -2.0]]
    assert start.is_aligned
    assert start.limit([90.0, -90.0], 3 * 50_000_000 + _TICK_NS) == [90.0, -90.0]


@given(
    st.lists(_values, min_size=2, max_size=2),
    st.lists(st.tuples(_values, _values, st.integers(0, 10**9)), min_size=1, max_size=30),
    st.floats(1, 500),
)
def test_it_is_never_faster_before_it_has_caught_up(
    pose: list[float], goals: list[tuple[float, float, int]], speed: float
) -> None:
    start, now_ns, before = SoftStart(speed, pose), 0, pose
    for *goal, wait_ns in goals:
        now_ns += wait_ns
        was_aligned = start.is_aligned
        sent = start.limit(goal, now_ns)
        if was_aligned:
            assert sent == goal
        else:
            assert all(abs(b - a) <= speed * 0.1 + 1e-9 for a, b in zip(before, sent, strict=True))
            assert start.is_aligned is (sent == goal)
        before = sent


@given(_values, _values, st.floats(10, 200))
def test_it_catches_up_with_a_leader_at_rest(pose: float, goal: float, speed: float) -> None:
    start = SoftStart(speed, [pose])
    ticks = int(abs(goal - pose) / speed / 0.033) + 3
    path = [start.limit([goal], tick * _TICK_NS)[0] for tick in range(ticks)]
    assert path[-1] == goal
    assert start.is_aligned
    assert all(abs(b - goal) <= abs(a - goal) for a, b in pairwise(path)), "it never turns back"


def test_after_a_pause_it_starts_softly_again_where_it_was_sent_last() -> None:
    start = SoftStart(60, [0.0])
    assert start.limit([0.0], 0) == [0.0]
    assert start.limit([30.0], PAUSE_NS) == [30.0], "a hitch is no pause"
    now_ns = 2 * PAUSE_NS + 1
    assert start.limit([90.0], now_ns) == [30.0]
    assert not start.is_aligned
    assert start.limit([90.0], now_ns + 50_000_000) == [33.0]
