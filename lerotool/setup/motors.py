"""Give each motor its id and the fast baud rate, one motor at a time.

A new servo has id 1, so the first six all answer at once: only a motor that is alone on the cable can be told apart,
and nothing is written while two are heard. Registers below 40 outlive the power only if the servo's lock is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from lerotool.devices.arms.joints import JOINTS, Joint
from lerotool.devices.servos.bus import ServoBus
from lerotool.devices.servos.registers import BAUD_CODES, BAUD_RATE, ID, LOCK, MODEL_STS3215, TORQUE_ENABLE
from lerotool.errors import DeviceError, DeviceTimeoutError
from lerotool.setup.arms import joint_of, motor_names
from lerotool.setup.listening import BAUDRATE, PATIENCE, Found

ORDER: tuple[Joint, ...] = tuple(reversed(JOINTS))
"""From the gripper to the shoulder, as LeRobot does it, so that motor 1, whose id is a new motor's, comes last."""


class Verdict(Enum):
    """What is to be done with what was heard."""

    SET = "set"
    """It is right already."""
    READY = "ready"
    """It can be set."""
    DOUBTFUL = "doubtful"
    """It can be set, but it has the id of another joint: it may be the wrong motor."""
    REFUSED = "refused"
    """Nothing can be set; the text says why."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What was heard when a motor was to be alone on the cable."""

    verdict: Verdict
    text: str = ""  # why, in words; empty where it is clear
    motor: Found | None = None


def judge(heard: Sequence[Found], joint: Joint) -> Hearing:
    """Return what to do, after a scan, to make the only motor on the cable the motor of a joint."""
    if not heard:
        return Hearing(
            Verdict.REFUSED,
            "no motor answers: check that the arm's power supply is on and the 3-pin cable sits in adapter and motor",
        )
    if len(heard) > 1 or heard[0].is_crowded:
        return Hearing(Verdict.REFUSED, f"{_describe_several(heard)}: leave only the {joint.name} motor on the cable")
    motor = heard[0]
    if motor.model != MODEL_STS3215:
        return Hearing(
            Verdict.REFUSED, f"this motor is of model {motor.model}, an arm needs STS3215 ({MODEL_STS3215})", motor
        )
    if motor.id == joint.id:
        return Hearing(Verdict.SET if motor.baudrate == BAUDRATE else Verdict.READY, "", motor)
    other = joint_of(motor.id)
    # A new motor has id 1, which says nothing about where it belongs.
    if other is not None and other is not JOINTS[0]:
        return Hearing(Verdict.DOUBTFUL, f"this motor has id {motor.id}, it was set as {other.name} before", motor)
    return Hearing(Verdict.READY, "", motor)


def _describe_several(heard: Sequence[Found]) -> str:
    crowded = [motor.id for motor in heard if motor.is_crowded]
    if crowded:
        return f"two motors or more answer to id {crowded[0]}"
    return f"{len(heard)} motors answer ({motor_names([motor.id for motor in heard])})"


def set_motor(port: str, motor: Found, joint: Joint) -> None:
    """Make a motor that is alone on the cable the motor of a joint, and check that it is, power cuts included.

    A motor that was set half before, by a run that was interrupted, is set to the end. A DeviceError says what the
    motor's id and baud rate are then, as far as they are known.
    """
    with ServoBus(port, baudrate=motor.baudrate) as bus:
        bus.write(motor.id, TORQUE_ENABLE, 0)
        bus.write(motor.id, LOCK, 0)
        if bus.read(motor.id, LOCK) != 0:
            raise DeviceError(
                f"the memory of motor {motor.id} stays locked: what is written would be lost when the power is cut",
                hint="switch its power off and on and try again",
            )
        if motor.id != joint.id:
            # Whether the acknowledgement comes with the old id or the new one differs; what counts is who answers then.
            with suppress(DeviceTimeoutError):
                bus.write(motor.id, ID, joint.id)
            if bus.ping(joint.id, PATIENCE) is None:
                raise DeviceError(
                    f"the motor did not take id {joint.id}; it had id {motor.id}",
                    hint="leave it plugged in and try again: its id will be looked for again",
                )
        if motor.baudrate != BAUDRATE:
            with suppress(DeviceTimeoutError):
                bus.write(joint.id, BAUD_RATE, BAUD_CODES[BAUDRATE])
    with ServoBus(port, baudrate=BAUDRATE) as bus:
        if bus.ping(joint.id, PATIENCE) is None:
            change = f"; it was to change from {motor.baudrate} to {BAUDRATE} baud"
            raise DeviceError(
                f"the motor has id {joint.id} now but does not answer{change if motor.baudrate != BAUDRATE else ''}",
                hint="leave it plugged in and try again: it is finished then",
            )
        _verify(bus, motor, joint)
        bus.write(joint.id, LOCK, 1)


def _verify(bus: ServoBus, motor: Found, joint: Joint) -> None:
    has = tuple(bus.read(joint.id, register) for register in (ID, BAUD_RATE, LOCK))
    if has != (joint.id, BAUD_CODES[BAUDRATE], 0):
        raise DeviceError(
            f"the motor answers as {joint.id}, but its memory has id {has[0]}, baud code {has[1]}, lock {has[2]}; "
            f"expected {joint.id}, {BAUD_CODES[BAUDRATE]}, 0",
            hint="switch its power off and on and try again",
        )
    if motor.id != joint.id and bus.ping(motor.id, PATIENCE) is not None:
        raise DeviceError(
            f"a motor still answers to id {motor.id}, so there are two on the cable",
            hint="leave only one motor on the cable and try again",
        )


def find_missing(heard: Sequence[Found]) -> tuple[Joint, ...]:
    """Return the joints whose motor is not on the bus as it should be, in the order in which they are set.

    A motor 1 that is alone is a new one, more likely than not: it does not count.
    """
    good = {motor.id for motor in heard if motor.baudrate == BAUDRATE and not motor.is_crowded}
    if good == {JOINTS[0].id}:
        return ORDER
    return tuple(joint for joint in ORDER if joint.id not in good)
