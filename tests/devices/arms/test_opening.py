"""Opening an arm: how its motors are set, and what is wrong with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lerotool.devices.arms.calibration import calibration_path, save_calibration
from lerotool.devices.arms.follower import SoFollower
from lerotool.devices.arms.joints import JOINT_IDS, JOINTS, ArmType, Role
from lerotool.devices.arms.so_arm import SoArm, SoLeader
from lerotool.devices.servos import registers as table
from lerotool.errors import (
    CalibrationError,
    DeviceBusyError,
    DeviceError,
    DeviceNotFoundError,
    DeviceTimeoutError,
)
from lerotool.testing.servo_bus import EmulatedBus
from tests.devices.arms.conftest import BOTH, CALIBRATION, OFF, ON, OpenBus, torques

_COMMON = {
    table.RETURN_DELAY: 0,
    table.OPERATING_MODE: 0,
    table.MAX_ACCELERATION: 254,
    table.ACCELERATION: 254,
    table.LOCK: 1,
}


_FOLLOWER = {table.P_GAIN: 16, table.I_GAIN: 0, table.D_GAIN: 32}


_GRIPPER = {table.MAX_TORQUE: 500, table.PROTECTION_CURRENT: 250, table.OVERLOAD_TORQUE: 25}


def _written(bus: EmulatedBus) -> set[tuple[int, int]]:
    """Return address and size of all registers written since the last time."""
    return {(address, len(data)) for _, address, data in bus.writes(forget=True)}


def test_a_follower_holds_where_it_stands_whatever_its_goal_was(bus: EmulatedBus) -> None:
    for servo in JOINT_IDS:
        bus.servo(servo).set(table.GOAL_POSITION, 3000)
    follower = SoFollower(bus.port, "bench")
    follower.open()
    assert torques(bus) == ON
    assert [bus.servo(servo).angle for servo in JOINT_IDS] == [2048] * 5 + [2700], "nothing moved"
    follower.close()
    assert torques(bus) == OFF


def test_a_follower_is_set_as_lerobot_sets_it(bus: EmulatedBus) -> None:
    SoFollower(bus.port, "bench").open()
    for joint in JOINTS:
        servo, entry = bus.servo(joint.id), CALIBRATION[joint.name]
        expected = {**_COMMON, **_FOLLOWER, **(_GRIPPER if joint.name == "gripper" else {})}
        expected[table.MIN_POSITION] = entry.range_min
        expected[table.MAX_POSITION] = entry.range_max
        expected[table.HOMING_OFFSET] = entry.homing_offset
        assert {register: servo.read(register) for register in expected} == expected


def test_a_leader_keeps_its_gains_and_has_no_torque(bus: EmulatedBus) -> None:
    bus.servo(2).set(table.TORQUE_ENABLE, 1)
    SoLeader(bus.port, "bench").open()
    assert torques(bus) == OFF
    for servo in JOINT_IDS:
        assert {r: bus.servo(servo).read(r) for r in _COMMON} == _COMMON
        assert bus.servo(servo).read(table.P_GAIN) == 32
        assert bus.servo(servo).read(table.PROTECTION_CURRENT) == 500


@BOTH
def test_an_arm_that_is_set_is_not_written_again(bus: EmulatedBus, kind: type[SoArm]) -> None:
    arm = kind(bus.port, "bench")
    arm.open()
    arm.close()
    assert (table.HOMING_OFFSET.address, 2) in _written(bus)
    arm.open()
    arm.close()
    assert _written(bus) == {(table.TORQUE_ENABLE.address, 1)}
    assert arm.notes == ()
    bus.power_cycle()
    arm.open()
    assert _written(bus) == {(table.TORQUE_ENABLE.address, 1), (table.ACCELERATION.address, 1)}, "the rest was kept"


@BOTH
def test_an_arm_that_is_set_is_opened_with_few_requests(bus: EmulatedBus, kind: type[SoArm]) -> None:
    arm = kind(bus.port, "bench")
    arm.open()
    arm.close()
    before = bus.counts()["requests"]
    arm.open()
    assert bus.counts()["requests"] - before <= 20, "LeRobot needs 93 for a follower, 60 for a leader"


def test_another_calibration_in_the_motors_is_replaced_and_told(bus: EmulatedBus) -> None:
    follower = SoFollower(bus.port, "bench")
    follower.open()
    follower.close()
    bus.servo(3).set(table.HOMING_OFFSET, 17)
    bus.servo(6).set(table.MAX_POSITION, 4000)
    follower.open()
    path = calibration_path(Role.FOLLOWER, "bench")
    assert follower.notes == (
        f"'bench': the calibration in the motors was not that of {path}, which was written to elbow_flex, gripper",
    )
    assert bus.servo(3).read(table.HOMING_OFFSET) == CALIBRATION["elbow_flex"].homing_offset
    assert bus.servo(6).read(table.MAX_POSITION) == CALIBRATION["gripper"].range_max


def test_positions_that_go_beyond_a_turn_are_turned_off_and_no_other_bit_touched(bus: EmulatedBus) -> None:
    bus.servo(4).set(table.PHASE, 0xFC)
    SoLeader(bus.port, "bench").open()
    assert bus.servo(4).read(table.PHASE) == 0xEC
    assert bus.servo(5).read(table.PHASE) == 12


def test_an_unlocked_motor_is_locked_again(bus: EmulatedBus) -> None:
    leader = SoLeader(bus.port, "bench")
    leader.open()
    leader.close()
    bus.servo(1).set(table.LOCK, 0)  # as LeRobot leaves it
    leader.open()
    assert bus.servo(1).read(table.LOCK) == 1


def test_different_firmware_is_told(bus: EmulatedBus) -> None:
    bus.servo(2).set(table.FIRMWARE_MINOR, 9)
    leader = SoLeader(bus.port, "bench")
    leader.open()
    assert any("different firmware: shoulder_pan 3.10, shoulder_lift 3.9, " in note for note in leader.notes)


@BOTH
@pytest.mark.parametrize(
    ("missing", "who", "where"),
    [
        ((4, 5, 6), "motors 4, 5, 6 do not answer", r"cable between motor 3 \(elbow_flex\) and motor 4 \(wrist_flex\)"),
        ((6,), r"motor 6 \(gripper\) does not answer", r"cable between motor 5 \(wrist_roll\) and motor 6 \(gripper\)"),
        ((1, 2, 3, 4, 5, 6), "motors 1, 2, 3, 4, 5, 6 do not answer", "power supply and the cable between the adapter"),
        ((2,), r"motor 2 \(shoulder_lift\) does not answer", r"motor 2 \(shoulder_lift\) has the right id"),
        ((2, 4), "motors 2, 4 do not answer", "they have the right id"),
    ],
)
def test_missing_motors_say_where_to_look(
    bus: EmulatedBus, kind: type[SoArm], missing: tuple[int, ...], who: str, where: str
) -> None:
    for servo in missing:
        bus.kill(servo)
    arm = kind(bus.port, "bench")
    with pytest.raises(DeviceTimeoutError, match=f"{arm.role} 'bench': {who}") as caught:
        arm.open()
    assert caught.value.hint is not None
    assert re.search(where, caught.value.hint)


def test_another_servo_is_refused(bus: EmulatedBus) -> None:
    bus.servo(3).set(table.MODEL_NUMBER, 1284)
    with pytest.raises(DeviceError, match=r"motor 3 \(elbow_flex\) is model 1284.*expected model 777"):
        SoFollower(bus.port, "bench").open()


def test_an_arm_without_calibration_is_not_touched() -> None:
    with pytest.raises(CalibrationError, match="follower 'other' has no calibration") as caught:
        SoFollower("/dev/absent", "other").open()
    assert str(caught.value.hint) == "calibrate it: lerotool setup"
    with pytest.raises(DeviceNotFoundError, match="follower 'bench': no serial port /dev/absent"):
        SoFollower("/dev/absent", "bench").open()


def test_an_older_calibration_file_is_used(bus: EmulatedBus, tmp_path: Path) -> None:
    save_calibration(tmp_path / "calibration" / "teleoperators" / "so100_leader" / "old.json", CALIBRATION)
    leader = SoLeader(bus.port, "old", arm_type=ArmType.SO100)
    leader.open()
    assert leader.read().stale == 0


def test_a_port_in_use_is_told_and_its_user_undisturbed(bus: EmulatedBus) -> None:
    first, second = SoFollower(bus.port, "bench"), SoFollower(bus.port, "bench")
    first.open()
    with pytest.raises(DeviceBusyError, match=r"follower 'bench': .* is in use by"):
        second.open()
    second.close()
    assert torques(bus) == ON
    assert first.read().stale == 0


def test_an_open_arm_is_not_opened_again(bus: EmulatedBus) -> None:
    follower = SoFollower(bus.port, "bench")
    follower.open()
    with pytest.raises(DeviceError, match="the follower 'bench' is open already"):
        follower.open()
    assert torques(bus) == ON


def test_a_follower_far_outside_its_range_does_not_jump_into_it(bus: EmulatedBus) -> None:
    for servo in JOINT_IDS:
        bus.servo(servo).set(table.TORQUE_ENABLE, 1)
        bus.servo(servo).set(table.GOAL_POSITION, 2048)
    bus.servo(1).set(table.TORQUE_ENABLE, 0)
    bus.servo(1).change(angle=3500)
    follower = SoFollower(bus.port, "bench")
    with pytest.raises(CalibrationError, match=r"shoulder_pan at step 3500, range 800 to 3300; .* was written to "):
        follower.open()
    assert torques(bus) == OFF
    assert bus.servo(1).angle == 3500
    bus.servo(1).change(angle=3310)
    follower.open()


@BOTH
@pytest.mark.parametrize("seed", range(4))
def test_an_arm_is_opened_on_a_bad_line(open_bus: OpenBus, kind: type[SoArm], seed: int) -> None:
    bus = open_bus(seed=seed, lost=0.04, corrupt=0.04, cut=0.02)
    bus.servo(6).change(angle=2700)
    arm = kind(bus.port, "bench")
    arm.open()
    assert torques(bus) == (ON if kind is SoFollower else OFF)
    assert [bus.servo(servo).angle for servo in JOINT_IDS] == [2048] * 5 + [2700]
    assert bus.servo(3).read(table.HOMING_OFFSET) == CALIBRATION["elbow_flex"].homing_offset
    arm.close()
    assert torques(bus) == OFF
