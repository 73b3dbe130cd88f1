"""Opening, reading and closing emulated arms: nothing moves, nothing wears out, nothing stays powered."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest

from lerotool.devices.arms.calibration import build_scales, calibration_path, save_calibration
from lerotool.devices.arms.follower import SoFollower
from lerotool.devices.arms.joints import JOINT_IDS, JOINT_NAMES, JOINTS, ArmType, Joint, Role
from lerotool.devices.arms.leader import SoLeader
from lerotool.devices.arms.so_arm import SoArm
from lerotool.devices.arms.units import Units, normalise
from lerotool.devices.servos import registers as table
from lerotool.devices.servos.status import Status
from lerotool.errors import (
    CalibrationError,
    DeviceBusyError,
    DeviceError,
    DeviceLostError,
    DeviceNotFoundError,
    DeviceTimeoutError,
)
from lerotool.testing.servo_bus import EmulatedBus
from tests.devices.arms.conftest import CALIBRATION, OpenBus, torques

_ON, _OFF = [True] * 6, [False] * 6
_BOTH = pytest.mark.parametrize("kind", [SoLeader, SoFollower])
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


def _until_lost(arm: SoArm) -> DeviceLostError:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            arm.read()
        except DeviceLostError as error:
            return error
    raise AssertionError("the arm is not lost")


def test_a_follower_holds_where_it_stands_whatever_its_goal_was(bus: EmulatedBus) -> None:
    for servo in JOINT_IDS:
        bus.servo(servo).set(table.GOAL_POSITION, 3000)
    follower = SoFollower(bus.port, "bench")
    follower.open()
    assert torques(bus) == _ON
    assert [bus.servo(servo).angle for servo in JOINT_IDS] == [2048] * 5 + [2700], "nothing moved"
    follower.close()
    assert torques(bus) == _OFF


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
    assert torques(bus) == _OFF
    for servo in JOINT_IDS:
        assert {r: bus.servo(servo).read(r) for r in _COMMON} == _COMMON
        assert bus.servo(servo).read(table.P_GAIN) == 32
        assert bus.servo(servo).read(table.PROTECTION_CURRENT) == 500


@_BOTH
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


@_BOTH
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


@_BOTH
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
    assert "lerotool setup calibrate NAME" in str(caught.value.hint)
    with pytest.raises(DeviceNotFoundError, match="follower 'bench': there is no serial port /dev/absent"):
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
    assert torques(bus) == _ON
    assert first.read().stale == 0


def test_an_open_arm_is_not_opened_again(bus: EmulatedBus) -> None:
    follower = SoFollower(bus.port, "bench")
    follower.open()
    with pytest.raises(DeviceError, match="the follower 'bench' is open already"):
        follower.open()
    assert torques(bus) == _ON


def test_a_follower_far_outside_its_range_does_not_jump_into_it(bus: EmulatedBus) -> None:
    for servo in JOINT_IDS:
        bus.servo(servo).set(table.TORQUE_ENABLE, 1)
        bus.servo(servo).set(table.GOAL_POSITION, 2048)
    bus.servo(1).set(table.TORQUE_ENABLE, 0)
    bus.servo(1).change(angle=3500)
    follower = SoFollower(bus.port, "bench")
    with pytest.raises(CalibrationError, match=r"shoulder_pan at step 3500, range 800 to 3300; .* was written to "):
        follower.open()
    assert torques(bus) == _OFF
    assert bus.servo(1).angle == 3500
    bus.servo(1).change(angle=3310)
    follower.open()


def test_torque_is_off_when_opening_fails_half_way(bus: EmulatedBus) -> None:
    class CutOff(SoFollower):
        def _set_goal(self, goal: dict[int, int]) -> None:
            super()._set_goal(goal)
            bus.kill(5)

    with pytest.raises(DeviceTimeoutError, match=r"follower 'bench': .*servo 5 does not answer"):
        CutOff(bus.port, "bench").open()
    assert torques(bus) == _OFF
    bus.revive(5)
    SoFollower(bus.port, "bench").open()


@_BOTH
@pytest.mark.parametrize("units", list(Units))
def test_positions_are_read_in_the_units_asked_for(bus: EmulatedBus, kind: type[SoArm], units: Units) -> None:
    arm = kind(bus.port, "bench", units=units)
    before = time.monotonic_ns()
    arm.open()
    reading = arm.read()
    steps = [bus.servo(servo).position for servo in JOINT_IDS]
    assert steps == [2048, 1928, 2348, 2043, 2049, 2700], "the encoder less the homing offset"
    expected = np.array(normalise(steps, build_scales(CALIBRATION, units)), np.float32)
    np.testing.assert_array_equal(reading.values, expected)
    assert reading.values[5] == 50
    assert (reading.values.dtype, reading.stale) == (np.float32, 0)
    assert before < reading.captured_ns < time.monotonic_ns()
    assert arm.joint_names == JOINT_NAMES


def test_a_reply_lost_once_is_asked_for_again(bus: EmulatedBus) -> None:
    leader = SoLeader(bus.port, "bench")
    leader.open()
    bus.order("lost", servo=3)
    bus.order("corrupt", servo=5)
    assert leader.read().stale == 0


def test_a_joint_that_does_not_answer_keeps_its_value_and_is_marked(bus: EmulatedBus) -> None:
    leader = SoLeader(bus.port, "bench")
    leader.open()
    first = leader.read()
    for servo in JOINT_IDS:
        bus.servo(servo).change(angle=2500)
    bus.order("lost", servo=3, count=2)
    second = leader.read()
    assert second.stale == 0b000100
    assert second.values[2] == first.values[2]
    assert (second.values[[0, 1, 3, 4, 5]] != first.values[[0, 1, 3, 4, 5]]).all()
    third = leader.read()
    assert third.stale == 0
    assert third.values[2] != first.values[2]


def test_a_joint_silent_for_too_long_loses_the_arm(bus: EmulatedBus) -> None:
    follower = SoFollower(bus.port, "bench", silence_s=0.2)
    follower.open()
    bus.kill(6)
    bus.kill(5)
    assert follower.read().stale == 0b110000
    error = _until_lost(follower)
    assert error.message.startswith("follower 'bench': motors 5, 6 do not answer for ")
    assert error.hint == "check the cable between motor 4 (wrist_flex) and motor 5 (wrist_roll)"
    with pytest.raises(DeviceError, match="torque may still be on at wrist_roll, gripper") as caught:
        follower.close()
    assert "switch off the arm's power supply" in str(caught.value.hint)
    assert torques(bus)[:4] == [False] * 4


def test_a_joint_that_comes_back_in_time_is_forgiven(bus: EmulatedBus) -> None:
    leader = SoLeader(bus.port, "bench", silence_s=30)
    leader.open()
    bus.kill(2)
    assert [leader.read().stale for _ in range(20)] == [0b10] * 20
    bus.revive(2)
    deadline = time.monotonic() + 20
    while leader.read().stale:
        assert time.monotonic() < deadline


def test_a_pause_without_reading_is_no_silence(bus: EmulatedBus) -> None:
    now_ns = 0
    leader = SoLeader(bus.port, "bench", clock=lambda: now_ns)
    leader.open()
    for _ in range(3):
        assert leader.read().stale == 0
        now_ns += 3_600_000_000_000
        bus.kill(3)
        assert leader.read().stale == 0b000100, "the first request that is not answered"
        now_ns += 900_000_000
        assert leader.read().stale == 0b000100
        bus.revive(3)
    assert leader.read().stale == 0
    bus.kill(3)
    leader.read()
    now_ns += 1_000_000_001
    with pytest.raises(DeviceLostError, match=r"motor 3 \(elbow_flex\) does not answer for 1\.0 s"):
        leader.read()


def test_no_position_read_before_a_stall_passes_for_a_new_one(bus: EmulatedBus) -> None:
    leader = SoLeader(bus.port, "bench", silence_s=60)
    leader.open()
    # The whole turn of wrist_roll is its range: its position tells when it was read.
    origin, rate = time.monotonic(), 400.0
    bus.servo(5).ramp(origin=origin, rate=rate)
    fresh = stale = 0
    while fresh < 20 or stale < 20:
        assert time.monotonic() < origin + 30
        reading = leader.read()
        elapsed_s = time.monotonic() - reading.captured_ns / 1e9
        if reading.stale:
            stale += 1
            continue
        step = (reading.values[4] * 4095 / 360 + 2047.5 + CALIBRATION["wrist_roll"].homing_offset) % 4096
        behind = ((time.monotonic() - origin) * rate - step + 3) % 4096 - 3
        assert behind <= elapsed_s * rate + 3
        fresh += 1
        if fresh % 2:
            bus.stall(0.012 + 0.004 * fresh)


def test_complaints_of_motors_are_told_and_stop_nothing(bus: EmulatedBus) -> None:
    follower = SoFollower(bus.port, "bench")
    follower.open()
    assert follower.alarms == ()
    bus.servo(6).change(status=int(Status.OVERLOAD))
    bus.servo(2).change(status=int(Status.VOLTAGE | Status.OVERHEAT))
    assert follower.read().stale == 0
    assert follower.alarms == (
        "shoulder_lift: supply voltage out of range",
        "shoulder_lift: too hot",
        "gripper: overloaded",
    )
    follower.close()
    assert torques(bus) == _OFF


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
    assert torques(bus) == _OFF


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
    assert torques(bus) == _OFF
    SoFollower(bus.port, "bench").open()


def test_release_gets_through_a_bad_line(bus: EmulatedBus) -> None:
    follower = SoFollower(bus.port, "bench")
    follower.open()
    bus.faults(lost=0.2, corrupt=0.1, cut=0.1)
    follower.close()
    assert torques(bus) == _OFF


def test_an_arm_that_was_unplugged_is_released_when_it_is_back(bus: EmulatedBus) -> None:
    follower = SoFollower(bus.port, "bench")
    follower.open()
    bus.unplug()
    with pytest.raises(DeviceLostError, match=r"follower 'bench': .* has gone"):
        follower.read()
    bus.replug()
    assert torques(bus) == _ON
    follower.close()
    assert torques(bus) == _OFF
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
    assert torques(bus) == _OFF


def test_a_leader_has_no_torque_that_could_not_be_released(bus: EmulatedBus) -> None:
    leader = SoLeader(bus.port, "bench")
    leader.open()
    bus.unplug()
    leader.close()
    bus.replug()
    assert torques(bus) == _OFF


def test_torque_is_off_when_a_leader_cannot_be_opened(bus: EmulatedBus) -> None:
    for servo in JOINT_IDS:
        bus.servo(servo).set(table.TORQUE_ENABLE, 1)
    bus.servo(3).set(table.MODEL_NUMBER, 1)
    with pytest.raises(DeviceError, match="is model 1"):
        SoLeader(bus.port, "bench").open()
    assert torques(bus) == _OFF


@_BOTH
@pytest.mark.parametrize("seed", range(4))
def test_an_arm_is_opened_on_a_bad_line(open_bus: OpenBus, kind: type[SoArm], seed: int) -> None:
    bus = open_bus(seed=seed, lost=0.04, corrupt=0.04, cut=0.02)
    bus.servo(6).change(angle=2700)
    arm = kind(bus.port, "bench")
    arm.open()
    assert torques(bus) == (_ON if kind is SoFollower else _OFF)
    assert [bus.servo(servo).angle for servo in JOINT_IDS] == [2048] * 5 + [2700]
    assert bus.servo(3).read(table.HOMING_OFFSET) == CALIBRATION["elbow_flex"].homing_offset
    arm.close()
    assert torques(bus) == _OFF


def test_what_is_counted_on_the_bus_is_handed_out(bus: EmulatedBus) -> None:
    leader = SoLeader(bus.port, "bench")
    leader.open()
    before = leader.buses["leader"].servos[3].damaged
    bus.order("corrupt", servo=3)
    leader.read()
    assert leader.buses["leader"].servos[3].damaged == before + 1


@_BOTH
def test_a_closed_arm_says_so(bus: EmulatedBus, kind: type[SoArm]) -> None:
    arm = kind(bus.port, "bench")
    for _ in range(2):
        with pytest.raises(DeviceError, match=f"the {arm.role} 'bench' is not open"):
            arm.read()
        arm.open()
        arm.close()
        arm.close()
