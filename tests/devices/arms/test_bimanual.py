"""Two pairs of arms as one: left joints first, both made safe whatever happens to one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lerotool.devices.arms.arm import ArmPair, JointReading, PairedFollower, PairedLeader
from lerotool.devices.arms.joints import JOINT_NAMES
from lerotool.devices.arms.simulator import SimulatedFollower, SimulatedLeader
from lerotool.errors import DeviceError, DeviceLostError


class _Arm:
    """Notes what it is told, and fails where it should."""

    joint_names = ("a", "b")
    notes = ("'x': calibrated",)
    buses: Mapping[str, Any] = MappingProxyType({"leader": 1})

    def __init__(self, value: float, stale: int = 0, captured_ns: int = 5) -> None:
        self.reading = JointReading(np.array([value, value + 1], np.float32), captured_ns, stale)
        self.is_open = False
        self.is_aligned = False
        self.alarms: tuple[str, ...] = ()
        self.sent: list[list[float]] = []
        self.open_error: DeviceError | None = None
        self.close_error: DeviceError | None = None

    def open(self) -> None:
        if self.open_error is not None:
            raise self.open_error
        self.is_open = True

    def read(self) -> JointReading:
        return self.reading

    def send(self, goal: NDArray[np.float32]) -> NDArray[np.float32]:
        self.sent.append(goal.tolist())
        return np.minimum(goal, np.float32(10))

    def close(self) -> None:
        self.is_open = False
        if self.close_error is not None:
            raise self.close_error


@pytest.fixture
def arms() -> tuple[_Arm, _Arm]:
    return _Arm(1, stale=0b10, captured_ns=7), _Arm(3, stale=0b01, captured_ns=9)


def test_joints_are_called_as_in_lerobots_bi_so_follower() -> None:
    leader = PairedLeader(SimulatedLeader(), SimulatedLeader())
    robot = ArmPair("bi_so_follower", leader, PairedFollower(SimulatedFollower(), SimulatedFollower()))
    names = [f"{side}_{name}.pos" for side in ("left", "right") for name in JOINT_NAMES]
    assert {name: feature.names for name, feature in robot.features().items()} == {
        "action": names,
        "observation.state": names,
    }


def test_readings_are_joined_and_marked(arms: tuple[_Arm, _Arm]) -> None:
    reading = PairedLeader(*arms).read()
    assert reading.values.tolist() == [1, 2, 3, 4]
    assert reading.values.dtype == np.float32
    assert reading.captured_ns == 7
    assert reading.stale == 0b0110


def test_each_arm_gets_its_half_and_what_was_sent_is_joined(arms: tuple[_Arm, _Arm]) -> None:
    sent = PairedFollower(*arms).send(np.array([1, 20, 30, 4], np.float32))
    assert [arm.sent for arm in arms] == [[[1, 20]], [[30, 4]]]
    assert sent.tolist() == [1, 10, 10, 4]


@pytest.mark.parametrize("goal", [[1.0] * 3, [1.0, 2.0, float("nan"), 4.0], [1.0, 2.0, 3.0, float("inf")]])
def test_neither_arm_moves_for_a_goal_that_is_none(arms: tuple[_Arm, _Arm], goal: list[float]) -> None:
    with pytest.raises(DeviceError, match="expected 4 finite numbers"):
        PairedFollower(*arms).send(np.array(goal, np.float32))
    assert [arm.sent for arm in arms] == [[], []]


def test_both_must_be_aligned(arms: tuple[_Arm, _Arm]) -> None:
    pair = PairedFollower(*arms)
    arms[0].is_aligned = True
    assert not pair.is_aligned
    arms[1].is_aligned = True
    assert pair.is_aligned


def test_complaints_and_notes_say_which_arm(arms: tuple[_Arm, _Arm]) -> None:
    arms[1].alarms = ("b: overloaded",)
    robot = ArmPair("test", PairedLeader(*arms), PairedFollower(*arms))
    assert robot.alarms == ("leader right_b: overloaded", "follower right_b: overloaded")
    assert robot.notes[0] == "leader left 'x': calibrated"
    assert len(robot.notes) == 4
    assert list(robot.buses) == ["left leader", "right leader"]


def test_no_arm_stays_open_when_the_other_cannot_be_opened(arms: tuple[_Arm, _Arm]) -> None:
    pair = PairedLeader(*arms)
    arms[1].open_error = DeviceError("no answer")
    with pytest.raises(DeviceError, match="no answer"):
        pair.open()
    assert not arms[0].is_open
    arms[1].open_error = None
    pair.open()
    assert [arm.is_open for arm in arms] == [True, True]


def test_both_are_closed_and_both_failures_told(arms: tuple[_Arm, _Arm]) -> None:
    pair = PairedFollower(*arms)
    pair.open()
    arms[0].close_error = DeviceLostError("left holds", hint="pull the plug")
    arms[1].close_error = DeviceError("right holds")
    with pytest.raises(DeviceLostError, match=r"^left holds; right holds$") as caught:
        pair.close()
    assert caught.value.hint == "pull the plug"
    assert [arm.is_open for arm in arms] == [False, False]
    arms[0].close_error = arms[1].close_error = None
    pair.close()
