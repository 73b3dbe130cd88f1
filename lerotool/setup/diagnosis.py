"""What is wrong with a bus and its motors, in words, from what was found on it. Computes only.

The cable of an SO-100 or SO-101 goes from the adapter to motor 1 (shoulder_pan) and from each motor to the next, so
what is missing behind a motor tells which cable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lerotool.devices.arms.calibration import JointCalibration
from lerotool.devices.arms.joints import JOINT_IDS, JOINTS
from lerotool.devices.servos.answers import Status
from lerotool.devices.servos.registers import MODEL_STS3215, MULTI_TURN
from lerotool.findings import Code, Finding, Severity, bus_finding, count, worst_first
from lerotool.setup.arms import joint_of, motor_name, motor_names
from lerotool.setup.examine import BusFacts, ServoFacts, Trouble

SLOW_LATENCY_MS = 2
FAILING_SHARE = 0.01
LATE_SHARE = 0.02
SAG_V = 1.0
HOT_C = 60
LOW_VOLTAGE_SERVO_V = 9.0
"""A servo whose upper limit is below is of the 7.4 V kind; those for 12 V have 12 V and more."""


def diagnose(facts: BusFacts, *, should_be_calibrated: bool = False) -> tuple[Finding, ...]:
    """Return what is wrong with a bus and its motors, errors first."""
    findings = [*_find_absent(facts), *_find_strangers(facts)]
    for servo in facts.servos:
        findings += find_in_servo(servo)
    findings += [*_find_answering(facts), *_find_late(facts), *_find_differences(facts)]
    if facts.latency_ms is not None and facts.latency_ms > SLOW_LATENCY_MS:
        text = f"the FTDI adapter holds answers back for up to {facts.latency_ms} ms"
        remedy = "set its latency timer to 1 ms: see the udev rule in docs/setup.md"
        findings.append(bus_finding(Code.BUS_LATENCY, text, remedy))
    if should_be_calibrated and facts.calibration is None:
        findings.append(bus_finding(Code.UNCALIBRATED, "the arm is not calibrated", 'run "lerotool setup calibrate"'))
    return worst_first(findings)


def is_fit(findings: tuple[Finding, ...]) -> bool:
    """Whether nothing keeps the arm from being used."""
    return not count(findings, Severity.ERROR)


def _find_absent(facts: BusFacts) -> Iterator[Finding]:
    """Motors of the arm that nobody heard at any speed."""
    heard = {servo.id for servo in facts.servos} | {stranger.id for stranger in facts.strangers}
    absent = [motor for motor in JOINT_IDS if motor not in heard]
    if not absent:
        return
    if not heard:
        yield bus_finding(
            Code.BUS_NOTHING,
            "no motor answers, at any speed",
            "check that the arm's own power supply is on (the USB cable does not feed it), that the 3-pin cable goes "
            "from the adapter to motor 1, and that this port is the arm's",
        )
        return
    last = max((motor for motor in heard if motor in JOINT_IDS), default=0)
    behind = [motor for motor in absent if motor > last]
    between = [motor for motor in absent if motor < last]
    if behind:
        verb = "does" if len(behind) == 1 else "do"
        if last:
            where = (
                f"the cable between motor {last} and motor {behind[0]}: plug both of its ends in again, or replace it"
            )
        else:
            where = "the cable between the adapter and motor 1"
        others = "" if not last else ", though all before it do" if not between else ""
        yield bus_finding(Code.BUS_CABLE, f"{motor_names(behind)} {verb} not answer{others}", f"check {where}", *behind)
    crowded = [stranger for stranger in facts.strangers if stranger.trouble is Trouble.CROWDED]
    for motor in between:
        if crowded:
            remedy = f"it probably answers to id {crowded[0].id}, which two motors do"
        else:
            remedy = (
                f'motors behind it answer, so the cables are good: it has another id or none; set it: "lerotool setup '
                f'motors NAME --arm ARM --joint {JOINTS[motor - 1].name}"'
            )
        yield bus_finding(Code.BUS_ABSENT, f"{motor_name(motor)} does not answer", remedy, motor)


def _find_strangers(facts: BusFacts) -> Iterator[Finding]:
    """What was heard, but not as it should be."""
    for stranger in facts.strangers:
        match stranger.trouble:
            case Trouble.CROWDED:
                yield bus_finding(
                    Code.BUS_CROWDED,
                    f"two motors answer to id {stranger.id}",
                    "a new motor has id 1 until it is given another: "
                    'give each its id with "lerotool setup motors", one at a time',
                    stranger.id,
                )
            case Trouble.OTHER_SPEED:
                yield bus_finding(
                    Code.BUS_BAUDRATE,
                    f"{motor_name(stranger.id)} talks at {stranger.baudrate} baud instead of 1000000",
                    'set it with "lerotool setup motors", alone on the cable',
                    stranger.id,
                )
            case Trouble.LOST:
                yield bus_finding(
                    Code.BUS_LOST,
                    f"{motor_name(stranger.id)} answered once and then no more",
                    "a loose plug or too weak a supply: check both",
                    stranger.id,
                )
    for servo in facts.servos:
        if joint_of(servo.id) is None:
            yield bus_finding(
                Code.BUS_UNKNOWN_ID,
                f"a motor answers to id {servo.id}, which no joint has",
                'give it its id with "lerotool setup motors", alone on the cable',
                servo.id,
            )


def _find_late(facts: BusFacts) -> Iterator[Finding]:
    """Answers that come, but too late."""
    asked = sum(servo.replies.asked for servo in facts.servos)
    late = sum(servo.replies.late for servo in facts.servos)
    if late > LATE_SHARE * asked:
        yield bus_finding(
            Code.BUS_LATE,
            f"{late} of {asked} answers came too late",
            "the computer or its USB hub is busy: close other programs, plug the adapter in directly",
        )


def _find_answering(facts: BusFacts) -> Iterator[Finding]:
    """Motors that do not always answer."""
    failing = [servo for servo in facts.servos if servo.replies.failed]
    if not failing:
        return
    worst = max(servo.replies.failed_share for servo in failing)
    severity = Severity.ERROR if worst > FAILING_SHARE else Severity.WARNING
    counts = ", ".join(
        f"{r.failed} of {r.asked} ({r.silent} silent, {r.damaged} damaged) of motor {servo}"
        for servo, r in ((servo.id, servo.replies) for servo in failing)
    )
    first = failing[0].id
    if len(failing) == len(facts.servos):
        remedy = "all motors are affected: check the USB cable, the plug at motor 1 and the power supply"
    elif len(failing) > 1 and [servo.id for servo in facts.servos][-len(failing) :] == [s.id for s in failing]:
        remedy = f"it begins at motor {first}: check the cable between motor {first - 1} and motor {first}"
    else:
        remedy = f"check the plugs of {motor_names([servo.id for servo in failing])}"
    found = bus_finding(
        Code.BUS_REPLIES, f"answers are missing or damaged: {counts}", remedy, *(servo.id for servo in failing)
    )
    yield replace(found, own_severity=severity)


def _find_differences(facts: BusFacts) -> Iterator[Finding]:
    """What should be the same in all motors, or as in the calibration file."""
    firmwares: dict[str, list[int]] = {}
    for servo in facts.servos:
        firmwares.setdefault(servo.firmware, []).append(servo.id)
    if len(firmwares) > 1:
        texts = [f"{version} in {motor_names(motors)}" for version, motors in sorted(firmwares.items())]
        yield bus_finding(
            Code.BUS_FIRMWARE,
            f"the firmware differs: {'; '.join(texts)}",
            "lerotool works with it, LeRobot refuses to connect; Feetech's FD program updates it",
        )
    volts = [servo.voltage_v for servo in facts.servos]
    if volts and max(volts) - min(volts) > SAG_V:
        low = min(facts.servos, key=lambda servo: servo.voltage_v)
        yield bus_finding(
            Code.BUS_SAG,
            f"the voltage falls from {max(volts):.1f} V to {min(volts):.1f} V at {motor_name(low.id)}",
            "a thin, long or damaged cable before that motor",
            low.id,
        )
    for servo in facts.servos:
        joint = joint_of(servo.id)
        if joint is not None and facts.calibration is not None and joint.name in facts.calibration:
            yield from find_calibration_difference(servo, facts.calibration[joint.name])


def find_in_servo(servo: ServoFacts) -> Iterator[Finding]:
    """Yield what is wrong with a servo by itself."""
    for code, text, remedy in (*_find_voltage(servo), *_find_heat(servo), *_find_errors(servo), *_find_settings(servo)):
        yield bus_finding(code, f"{motor_name(servo.id)} {text}", remedy, servo.id)


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


def _find_voltage(servo: ServoFacts) -> Iterator[tuple[Code, str, str]]:
    volts, most, least = servo.voltage_v, servo.max_voltage_v, servo.min_voltage_v
    if most < LOW_VOLTAGE_SERVO_V < volts:
        text = f"is a 7.4 V servo on a {volts:.1f} V supply (its limit is {most:.1f} V)"
        remedy = "unplug the power now, it destroys the motor; a 7.4 V servo takes a supply of 5 to 7.4 V"
        yield Code.WRONG_SUPPLY, text, remedy
    elif volts > most:
        text = f"has {volts:.1f} V, its limit is {most:.1f} V"
        yield Code.VOLTAGE_HIGH, text, "use the supply that the motor is made for"
    elif volts < least:
        text = f"has {volts:.1f} V, it needs at least {least:.1f} V"
        remedy = "check that the supply is plugged in, strong enough (4 A and more) and made for these motors"
        yield Code.VOLTAGE_LOW, text, remedy
    elif servo.status & Status.VOLTAGE:
        text = f"reports a voltage error; it has {volts:.1f} V now"
        remedy = "the supply is the wrong one or breaks down when the arm moves: check its voltage and its plugs"
        yield Code.VOLTAGE_ERROR, text, remedy


def _find_heat(servo: ServoFacts) -> Iterator[tuple[Code, str, str]]:
    heat, limit = servo.temperature_c, servo.max_temperature_c
    if servo.status & Status.OVERHEAT or heat >= limit:
        text = f"is overheated: {heat} °C, its limit is {limit} °C"
        remedy = "switch the power off and let it cool; a motor that holds a heavy pose or rubs gets hot"
        yield Code.OVERHEATED, text, remedy
    elif heat >= HOT_C:
        text = f"is hot: {heat} °C, at {limit} °C it lets go"
        yield Code.HOT, text, "let the arm rest; look for a joint that rubs or is blocked"


def _find_errors(servo: ServoFacts) -> Iterator[tuple[Code, str, str]]:
    remedy = "free the joint, then switch the arm's power off and on"
    if servo.status & Status.OVERLOAD:
        yield Code.OVERLOAD, "is overloaded: it was blocked and has cut its force", remedy
    if servo.status & Status.OVERCURRENT:
        yield Code.OVERCURRENT, "draws too much current", remedy
    if servo.status & Status.ANGLE:
        remedy = "switch the power off and on; if it stays, replace the motor"
        yield Code.SENSOR, "reports an error of its angle sensor", remedy


def _find_settings(servo: ServoFacts) -> Iterator[tuple[Code, str, str]]:
    if servo.model != MODEL_STS3215:
        text = f"is of model {servo.model}, an STS3215 is {MODEL_STS3215}"
        yield Code.MODEL, text, "SO-100 and SO-101 arms have STS3215 servos only: replace it"
    if servo.mode != 0:
        text = f"is in operating mode {servo.mode}, an arm needs 0 (position)"
        yield Code.MODE, text, "lerotool sets it when it connects"
    if servo.phase & MULTI_TURN:
        text = "counts several turns, so its position can leave 0 to 4095"
        yield Code.MULTI_TURN, text, "lerotool clears that when it connects; calibrate the arm after it"
    if servo.range_min == servo.range_max:
        yield Code.NO_LIMITS, "has no position limits", 'calibrate the arm: "lerotool setup calibrate"'
