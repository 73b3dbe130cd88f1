"""What is wrong with one servo, from what it says of itself. Computes only."""

from __future__ import annotations

from collections.abc import Iterator

from lerotool.devices.arms.calibration import JointCalibration
from lerotool.devices.servos.registers import MODEL_STS3215, MULTI_TURN
from lerotool.devices.servos.status_packets import Status
from lerotool.findings import Code, Finding, bus_finding
from lerotool.setup.arm_names import motor_name
from lerotool.setup.facts import ServoFacts

HOT_C = 60
LOW_VOLTAGE_SERVO_V = 9.0
"""A servo whose upper limit is below is of the 7.4 V kind; those for 12 V have 12 V and more."""


def find_in_servo(servo: ServoFacts) -> Iterator[Finding]:
    """Yield what is wrong with a servo by itself."""
    yield from _find_voltage(servo)
    yield from _find_heat(servo)
    yield from _find_errors(servo)
    yield from _find_settings(servo)


def find_calibration_difference(servo: ServoFacts, calibration: JointCalibration) -> Iterator[Finding]:
    """Yield how a servo's registers differ from its calibration file."""
    pairs = {
        "homing offset": (servo.homing_offset, calibration.homing_offset),
        "lower limit": (servo.range_min, calibration.range_min),
        "upper limit": (servo.range_max, calibration.range_max),
    }
    differing = [
        f"{name} {has} in the motor, {wanted} in the file" for name, (has, wanted) in pairs.items() if has != wanted
    ]
    if differing:
        yield bus_finding(
            Code.CALIBRATION_DIFFERS,
            f"{motor_name(servo.id)}: {', '.join(differing)}",
            "lerotool writes the file's values to the motor when it connects; if the arm was taken apart or calibrated "
            'elsewhere since, calibrate it again: "lerotool setup calibrate"',
            servo.id,
        )


def _find_voltage(servo: ServoFacts) -> Iterator[Finding]:
    name, volts = motor_name(servo.id), servo.voltage_v
    if volts > servo.max_voltage_v:
        if servo.max_voltage_v < LOW_VOLTAGE_SERVO_V < volts:
            yield bus_finding(
                Code.WRONG_SUPPLY,
                f"{name} is a 7.4 V servo on a {volts:.1f} V supply (its limit is {servo.max_voltage_v:.1f} V)",
                "unplug the power now, it destroys the motor; a 7.4 V servo takes a supply of 5 to 7.4 V",
                servo.id,
            )
        else:
            yield bus_finding(
                Code.VOLTAGE_HIGH,
                f"{name} has {volts:.1f} V, its limit is {servo.max_voltage_v:.1f} V",
                "use the supply that the motor is made for",
                servo.id,
            )
    elif volts < servo.min_voltage_v:
        yield bus_finding(
            Code.VOLTAGE_LOW,
            f"{name} has {volts:.1f} V, it needs at least {servo.min_voltage_v:.1f} V",
            "check that the supply is plugged in, strong enough (4 A and more) and made for these motors",
            servo.id,
        )
    elif servo.status & Status.VOLTAGE:
        yield bus_finding(
            Code.VOLTAGE_ERROR,
            f"{name} reports a voltage error; it has {volts:.1f} V now",
            "the supply is the wrong one or breaks down when the arm moves: check its voltage and its plugs",
            servo.id,
        )


def _find_heat(servo: ServoFacts) -> Iterator[Finding]:
    name, heat = motor_name(servo.id), servo.temperature_c
    if servo.status & Status.OVERHEAT or heat >= servo.max_temperature_c:
        yield bus_finding(
            Code.OVERHEATED,
            f"{name} is overheated: {heat} °C, its limit is {servo.max_temperature_c} °C",
            "switch the power off and let it cool; a motor that holds a heavy pose or rubs gets hot",
            servo.id,
        )
    elif heat >= HOT_C:
        yield bus_finding(
            Code.HOT,
            f"{name} is hot: {heat} °C, at {servo.max_temperature_c} °C it lets go",
            "let the arm rest; look for a joint that rubs or is blocked",
            servo.id,
        )


def _find_errors(servo: ServoFacts) -> Iterator[Finding]:
    name = motor_name(servo.id)
    if servo.status & Status.OVERLOAD:
        yield bus_finding(
            Code.OVERLOAD,
            f"{name} is overloaded: it was blocked and has cut its force",
            "free the joint, then switch the arm's power off and on",
            servo.id,
        )
    if servo.status & Status.OVERCURRENT:
        yield bus_finding(
            Code.OVERCURRENT,
            f"{name} draws too much current",
            "free the joint, then switch the arm's power off and on",
            servo.id,
        )
    if servo.status & Status.ANGLE:
        yield bus_finding(
            Code.SENSOR,
            f"{name} reports an error of its angle sensor",
            "switch the power off and on; if it stays, replace the motor",
            servo.id,
        )


def _find_settings(servo: ServoFacts) -> Iterator[Finding]:
    name = motor_name(servo.id)
    if servo.model != MODEL_STS3215:
        yield bus_finding(
            Code.MODEL,
            f"{name} is of model {servo.model}, an STS3215 is {MODEL_STS3215}",
            "SO-100 and SO-101 arms have STS3215 servos only: replace it",
            servo.id,
        )
    if servo.mode != 0:
        yield bus_finding(
            Code.MODE,
            f"{name} is in operating mode {servo.mode}, an arm needs 0 (position)",
            "lerotool sets it when it connects",
            servo.id,
        )
    if servo.phase & MULTI_TURN:
        yield bus_finding(
            Code.MULTI_TURN,
            f"{name} counts several turns, so its position can leave 0 to 4095",
            "lerotool clears that when it connects; calibrate the arm after it",
            servo.id,
        )
    if servo.range_min == servo.range_max:
        yield bus_finding(
            Code.NO_LIMITS, f"{name} has no position limits", 'calibrate the arm: "lerotool setup calibrate"', servo.id
        )
