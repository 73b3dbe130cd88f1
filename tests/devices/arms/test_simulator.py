"""The simulated SO-101 pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.devices import robots
from lerotool.devices.arms.arm import ArmPair
from lerotool.devices.arms.simulator import (
    CYCLE_S,
    HOME,
    JOINTS,
    LAG_S,
    SimulatedFollower,
    SimulatedLeader,
    approach,
    build_robot,
    leader_pose,
)
from lerotool.errors import DeviceError, UsageError
from lerotool.features import Feature

_LOWEST = np.array([joint.to_value(joint.range_min) for joint in JOINTS])
_HIGHEST = np.array([joint.to_value(joint.range_max) for joint in JOINTS])
_STEPS = np.array([joint.unit for joint in JOINTS])
_NAMES = [f"{n}.pos" for n in ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")]


class ManualClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 5_000_000_000

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)


def _record(seed: int, seconds: float, hertz: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Return the actions and states of a teleoperated robot."""
    clock = ManualClock()
    actions, states = [], []
    with build_robot(seed, clock) as robot:
        for _ in range(round(seconds * hertz)):
            states.append(robot.follower.read().values)
            actions.append(robot.follower.send(robot.leader.read().values))
            clock.advance(1 / hertz)
    return np.array(actions), np.array(states)


def test_the_features_have_lerobots_names() -> None:
    with build_robot() as robot:
        expected = Feature("float32", (6,), _NAMES)
        assert robot.robot_type == "so101_sim"
        assert robot.features() == {"action": expected, "observation.state": expected}
        reading = robot.follower.read()
        assert (reading.values.dtype, reading.values.shape, reading.stale) == (np.float32, (6,), 0)


def test_an_unknown_robot_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="unknown robot 'so1000'") as caught:
        robots.build_robot("so1000")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("known robots: sim")


@given(st.integers(0, 2**32), st.floats(0, 3600))
def test_the_leader_stays_in_range_and_never_jumps(seed: int, time_s: float) -> None:
    here, there = np.array(leader_pose(seed, time_s)), np.array(leader_pose(seed, time_s + 0.001))
    assert (here > _LOWEST).all()
    assert (here < _HIGHEST).all()
    assert (np.abs(there - here) < 0.4).all(), "faster than 400 degrees a second"


@pytest.mark.parametrize("cycle", [1, 2, 3])
def test_the_leader_does_not_jump_from_cycle_to_cycle(cycle: int) -> None:
    before, after = (np.array(leader_pose(3, cycle * CYCLE_S + delta)) for delta in (-1e-6, 1e-6))
    np.testing.assert_allclose(before, after, atol=1e-3)


def test_the_leader_grasps_and_travels() -> None:
    actions, _ = _record(0, 3 * CYCLE_S)
    travelled = np.ptp(actions, axis=0)
    assert (travelled[[0, 1, 2, 5]] > 30).all()
    assert not np.array_equal(actions[: int(CYCLE_S * 30)], actions[int(CYCLE_S * 30) : int(CYCLE_S * 60)])


def test_a_recording_is_the_same_for_the_same_seed_only() -> None:
    first, again, other = _record(7, 5), _record(7, 5), _record(8, 5)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_values_are_whole_servo_steps_within_the_range() -> None:
    for values in _record(1, 12):
        steps = (values - _LOWEST) / _STEPS
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
        assert (values >= _LOWEST.astype(np.float32)).all()
        assert (values <= _HIGHEST.astype(np.float32)).all()


def test_the_follower_lags_behind_the_leader_but_keeps_up() -> None:
    actions, states = _record(0, 20)
    lags = [np.abs(states[k:, 0] - actions[: len(actions) - k, 0]).mean() for k in range(8)]
    assert int(np.argmin(lags)) in (2, 3, 4), "some 70 to 130 ms"
    assert np.abs(states[:, :5] - actions[:, :5]).max() < 25


def test_the_follower_measures_with_noise_at_rest() -> None:
    clock = ManualClock()
    follower = SimulatedFollower(0, clock)
    follower.open()
    values = np.array([follower.read().values for _ in range(200)])
    assert (np.ptp(values, axis=0) > 0).all()
    assert (np.abs(values - np.array(HOME)) < 3 * _STEPS).all()


@given(st.floats(-180, 180), st.floats(-180, 180), st.lists(st.floats(0, 1), max_size=6))
def test_the_path_does_not_depend_on_how_often_it_is_looked_at(start: float, goal: float, waits: list[float]) -> None:
    position = start
    for wait in waits:
        position = approach(position, goal, wait, 180.0)
    assert position == pytest.approx(approach(start, goal, sum(waits), 180.0), abs=1e-6)
    assert min(start, goal) - 1e-9 <= position <= max(start, goal) + 1e-9


def test_the_follower_is_never_faster_than_its_servo() -> None:
    assert approach(0.0, 180.0, 0.1, 180.0) == pytest.approx(18.0)
    assert approach(0.0, 1.0, LAG_S, 180.0) == pytest.approx(1 - np.exp(-1))


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=6, max_size=6))
def test_what_is_sent_is_within_the_range_and_sending_it_again_changes_nothing(goal: list[float]) -> None:
    follower = SimulatedFollower()
    follower.open()
    sent = follower.send(np.array(goal, np.float32))
    wanted = np.clip(goal, _LOWEST, _HIGHEST)
    assert (np.abs(sent - wanted) <= _STEPS / 2 + 1e-4).all()
    np.testing.assert_array_equal(follower.send(sent), sent)


@pytest.mark.parametrize("goal", [[0.0] * 5, [0.0] * 5 + [float("nan")], [float("inf")] * 6, [[0.0] * 6]])
def test_a_goal_that_is_none_is_refused(goal: list[float]) -> None:
    follower = SimulatedFollower()
    follower.open()
    with pytest.raises(DeviceError, match="expected 6 finite numbers"):
        follower.send(np.array(goal, np.float32))


def test_a_closed_arm_says_so() -> None:
    robot = build_robot()
    for read in (robot.leader.read, robot.follower.read):
        with pytest.raises(DeviceError, match="is not open"):
            read()
    robot.open()
    robot.open()
    assert robot.is_open
    robot.close()
    robot.close()
    with pytest.raises(DeviceError, match="is not open"):
        robot.leader.read()


def test_no_arm_stays_open_when_the_other_cannot_be_opened() -> None:
    class Absent(SimulatedLeader):
        def open(self) -> None:
            raise DeviceError("no answer from joints 1 to 6")

    follower = SimulatedFollower()
    robot = ArmPair("test", Absent(), follower)
    with pytest.raises(DeviceError, match="no answer"):
        robot.open()
    assert not robot.is_open
    with pytest.raises(DeviceError, match="is not open"):
        follower.read()
