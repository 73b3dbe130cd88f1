"""Reading the joints of an arm, on good lines and bad."""

from __future__ import annotations

import time

import numpy as np
import pytest

from lerotool.choices import Units
from lerotool.devices.arms.calibration import build_scales
from lerotool.devices.arms.follower import SoFollower
from lerotool.devices.arms.joints import JOINT_IDS, JOINT_NAMES, normalise
from lerotool.devices.arms.so_arm import SoArm, SoLeader
from lerotool.devices.servos.answers import Status
from lerotool.errors import (
    DeviceError,
    DeviceLostError,
)
from lerotool.testing.servo_bus import EmulatedBus
from tests.devices.arms.conftest import BOTH, CALIBRATION, OFF, torques
from tests.patience import PATIENCE_S


def _until_lost(arm: SoArm) -> DeviceLostError:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            arm.read()
        except DeviceLostError as error:
            return error
    raise AssertionError("the arm is not lost")


@BOTH
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
    deadline = time.monotonic() + PATIENCE_S
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
        assert time.monotonic() < origin + PATIENCE_S
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
    assert torques(bus) == OFF


def test_what_is_counted_on_the_bus_is_handed_out(bus: EmulatedBus) -> None:
    leader = SoLeader(bus.port, "bench")
    leader.open()
    before = leader.buses["leader"].servos[3].damaged
    bus.order("corrupt", servo=3)
    leader.read()
    assert leader.buses["leader"].servos[3].damaged == before + 1


@BOTH
def test_a_closed_arm_says_so(bus: EmulatedBus, kind: type[SoArm]) -> None:
    arm = kind(bus.port, "bench")
    for _ in range(2):
        with pytest.raises(DeviceError, match=f"the {arm.role} 'bench' is not open"):
            arm.read()
        arm.open()
        arm.close()
        arm.close()
