"""What is wrong with a bus, in words, from what was found on it. Computes only.

The cable of an SO-100 or SO-101 goes from the adapter to motor 1 (shoulder_pan) and from each motor to the next, so
what is missing behind a motor tells which cable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lerotool.devices.arms.joints import JOINT_IDS, JOINTS
from lerotool.findings import Code, Finding, Severity, bus_finding, count, worst_first
from lerotool.setup.arm_names import joint_of, motor_name, motor_names
from lerotool.setup.facts import BusFacts, ServoFacts, Stranger, Trouble
from lerotool.setup.servo_findings import find_calibration_difference, find_in_servo

SLOW_LATENCY_MS = 2
FAILING_SHARE = 0.01
LATE_SHARE = 0.02
SAG_V = 1.0


def diagnose(facts: BusFacts, *, should_be_calibrated: bool = False) -> tuple[Finding, ...]:
    """Return what is wrong with a bus and its motors, errors first."""
    findings = [*_find_absent(facts), *_find_strangers(facts)]
    for servo in facts.servos:
        findings += find_in_servo(servo)
    findings += [*_find_answering(facts), *_find_late(facts), *_find_differences(facts), *_find_adapter(facts)]
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
    crowded = facts.strangers_by(Trouble.CROWDED)
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
                yield _crowded(stranger)
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


def _crowded(stranger: Stranger) -> Finding:
    return bus_finding(
        Code.BUS_CROWDED,
        f"two motors answer to id {stranger.id}",
        'a new motor has id 1 until it is given another: give each its id with "lerotool setup motors", one at a time',
        stranger.id,
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
    counts = ", ".join(f"{_missed(servo)} of motor {servo.id}" for servo in failing)
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


def _missed(servo: ServoFacts) -> str:
    replies = servo.replies
    return f"{replies.failed} of {replies.asked} ({replies.silent} silent, {replies.damaged} damaged)"


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


def _find_adapter(facts: BusFacts) -> Iterator[Finding]:
    if facts.latency_ms is not None and facts.latency_ms > SLOW_LATENCY_MS:
        yield bus_finding(
            Code.BUS_LATENCY,
            f"the FTDI adapter holds answers back for up to {facts.latency_ms} ms",
            "set its latency timer to 1 ms: see the udev rule in docs/setup.md",
        )
