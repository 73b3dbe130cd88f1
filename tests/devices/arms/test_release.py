"""Whatever happens, the motors of an arm have no torque in the end."""

from __future__ import annotations

import pytest

from lerotool.devices.arms.follower import SoFollower
from lerotool.devices.arms.joints import JOINT_IDS, Joint
from lerotool.devices.arms.so_arm import SoLeader
from lerotool.devices.servos import registers as table
from lerotool.errors import (
    DeviceError,
    DeviceLostError,
    DeviceTimeoutError,
)
from lerotool.testing.servo_bus import EmulatedBus
from tests.devices.arms.conftest import OFF, ON, torques


def test_torque_is_off_when_opening_fails_half_way(bus: EmulatedBus) -> None:
    class CutOff(SoFollower):
        def _set_goal(self, goal: dict[int, int]) -> None:
            super()._set_goal(goal)
            bus.kill(5)

    with pytest.raises(DeviceTimeoutError, match=r"follower 'bench': .*servo 5 does not answer"):
        CutOff(bus.port, "bench").open()
    assert torques(bus) == OFF
    bus.revive(5)
    SoFollower(bus.port, "bench").open()


def test_every_motor_is_released_though_one_does_not_answer(bus: EmulatedBus) -> None:
    follower = SoFollower(bus.port, "bench")
    follower.open()
    bus.kill(3)
    with pytest.raises(DeviceError, match="follower 'bench': torque may still be on at elbow_flex: "):
        follower.close()
    assert torques(bus) == [False, False, True, False, False, False]
    follower.close()
    bus.revive(3)
    follower.open()
    follower.close()
    assert torques(bus) == OFF


def test_every_motor_is_released_though_the_person_is_impatient(bus: EmulatedBus) -> None:
    class Interrupted(SoFollower):
        interrupts = 1

        def _try_release(self, joints: tuple[Joint, ...]) -> dict[Joint, DeviceError]:
            if self.interrupts:
                self.interrupts -= 1
                super()._try_release(joints[:2])
                raise KeyboardInterrupt
            return super()._try_release(joints)

    follower = Interrupted(bus.port, "bench")
    follower.open()
    with pytest.raises(KeyboardInterrupt):
        follower.close()
    assert torques(bus) == OFF
    SoFollower(bus.port, "bench").open()


def test_release_gets_through_a_bad_line(bus: EmulatedBus) -> None:
    follower = SoFollower(bus.port, "bench")
    follower.open()
    bus.faults(lost=0.2, corrupt=0.1, cut=0.1)
    follower.close()
    assert torques(bus) == OFF


def test_an_arm_that_was_unplugged_is_released_when_it_is_back(bus: EmulatedBus) -> None:
    follower = SoFollower(bus.port, "bench")
    follower.open()
    bus.unplug()
    with pytest.raises(DeviceLostError, match=r"follower 'bench': .* has gone"):
        follower.read()
    bus.replug()
    assert torques(bus) == ON
    follower.close()
    assert torques(bus) == OFF
    follower.open()
    assert follower.read().stale == 0


def test_an_arm_that_stays_unplugged_says_that_it_may_hold(bus: EmulatedBus) -> None:
    follower = SoFollower(bus.port, "bench")
    follower.open()
    bus.unplug()
    with pytest.raises(DeviceError, match=r"torque may still be on at shoulder_pan, .*gripper: .* has gone"):
        follower.close()
    follower.close()
    bus.replug()
    follower.open()
    follower.close()
    assert torques(bus) == OFF


def test_a_leader_has_no_torque_that_could_not_be_released(bus: EmulatedBus) -> None:
    leader = SoLeader(bus.port, "bench")
    leader.open()
    bus.unplug()
    leader.close()
    bus.replug()
    assert torques(bus) == OFF


def test_torque_is_off_when_a_leader_cannot_be_opened(bus: EmulatedBus) -> None:
    for servo in JOINT_IDS:
        bus.servo(servo).set(table.TORQUE_ENABLE, 1)
    bus.servo(3).set(table.MODEL_NUMBER, 1)
    with pytest.raises(DeviceError, match="is model 1"):
        SoLeader(bus.port, "bench").open()
    assert torques(bus) == OFF
