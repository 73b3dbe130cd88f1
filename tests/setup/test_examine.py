"""What is counted on a bus is what happened there, and the words say where to look."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lerotool.devices.servos.adapters import Adapter, AdapterKind
from lerotool.devices.servos.answers import Status
from lerotool.findings import Severity
from lerotool.setup.diagnosis import diagnose, is_fit
from lerotool.setup.examine import BusFacts, Replies, ServoFacts, Stranger, Trouble, examine
from lerotool.testing.servo_bus import EmulatedBus

READS = 40


@pytest.fixture
def bus() -> Iterator[EmulatedBus]:
    if os.name == "nt":
        pytest.skip("needs pseudo-terminals")
    with EmulatedBus() as bus:
        yield bus


def examine_with(bus: EmulatedBus, orders: dict[tuple[str, int], int]) -> BusFacts:
    """Examine a bus on which faults begin with the counting."""
    ordered = []

    def order(text: str, fraction: float) -> None:
        if text == "counting answers" and not ordered:
            for (fault, servo), count in orders.items():
                bus.order(fault, servo=servo, count=count)
            ordered.append(fraction)

    return examine(bus.port, reads=READS, progress=order)


def test_the_counts_of_answers_are_what_was_injected(bus: EmulatedBus) -> None:
    """Lost ones are silent, others damaged, late ones late; every motor is asked as often."""
    facts = examine_with(bus, {("lost", 3): 5, ("corrupt", 4): 4, ("late", 5): 3})
    replies = {servo.id: servo.replies for servo in facts.servos}
    for counts in replies.values():
        assert counts.asked == counts.answered + counts.damaged + counts.silent + counts.late == READS
    assert sum(counts.silent for counts in replies.values()) >= 5
    assert {servo: counts.damaged for servo, counts in replies.items()} == {1: 0, 2: 0, 3: 0, 4: 4, 5: 0, 6: 0}
    assert sum(counts.late for counts in replies.values()) >= 3


def test_a_busy_computer_is_told_from_a_bad_cable(bus: EmulatedBus) -> None:
    """Answers held back on their way to the program come late; nobody's plug is blamed."""
    bus.faults(stall=0.1, stall_s=0.05)
    facts = examine(bus.port, reads=READS)
    assert sum(servo.replies.late for servo in facts.servos) > 0
    findings = diagnose(facts)
    assert [finding.code for finding in findings] == ["late"]
    assert is_fit(findings)


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        ((4, 5, 6), "it begins at motor 4: check the cable between motor 3 and motor 4"),
        ((5,), "check the plugs of motor 5 (wrist_roll)"),
        ((2, 5), "check the plugs of motors 2 (shoulder_lift) and 5 (wrist_roll)"),
        ((1, 2, 3, 4, 5, 6), "all motors are affected: check the USB cable"),
    ],
)
def test_where_answers_begin_to_fail_tells_the_cable(failing: tuple[int, ...], words: str) -> None:
    """The chain goes from motor 1 to motor 6."""
    [finding] = diagnose(arm(*(servo(i, replies=Replies(100, 92, 5, 3) if i in failing else GOOD) for i in SIX)))
    assert finding.code == "replies"
    assert finding.severity is Severity.ERROR
    assert words in finding.advice
    assert finding.motors == failing
    assert f"8 of 100 (3 silent, 5 damaged) of motor {failing[0]}" in finding.text


def test_one_lost_answer_in_a_thousand_is_no_problem() -> None:
    """It is told all the same."""
    [finding] = diagnose(arm(*(servo(i, replies=Replies(1000, 999, 0, 1)) for i in SIX)))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        ((1, 2, 3), "the cable between motor 3 and motor 4"),
        ((1, 2, 3, 4, 5), "the cable between motor 5 and motor 6"),
        ((2, 3, 4, 5, 6), "motors behind it answer, so the cables are good"),
        ((1, 2, 4, 5, 6), "--joint elbow_flex"),
        ((), "the arm's own power supply is on"),
        ((9,), "the cable between the adapter and motor 1"),
    ],
)
def test_who_is_not_heard_tells_where_to_look(heard: tuple[int, ...], words: str) -> None:
    """The cable where the silence begins, or an id that is missing in between."""
    findings = diagnose(arm(*(servo(i) for i in heard)))
    assert words in findings[0].advice
    assert not is_fit(findings)


def test_a_missing_motor_is_looked_for_at_the_id_that_two_answer_to() -> None:
    """A new motor has id 1."""
    strangers = (Stranger(1, 1_000_000, Trouble.CROWDED),)
    findings = diagnose(replace(arm(*(servo(i) for i in (2, 3, 5, 6))), strangers=strangers))
    absent = next(finding for finding in findings if finding.code == "absent")
    assert absent.motors == (4,)
    assert "probably answers to id 1" in absent.advice


def test_a_slow_ftdi_adapter_is_told() -> None:
    """Its latency timer is 16 ms until somebody sets it."""
    adapter = Adapter("/dev/ttyUSB0", "A", 0x0403, 0x6001, "FT232R", AdapterKind.FTDI)
    [finding] = diagnose(replace(arm(*(servo(i) for i in SIX)), adapter=adapter, latency_ms=16))
    assert "up to 16 ms" in finding.text
    assert is_fit((finding,))
    assert diagnose(replace(arm(*(servo(i) for i in SIX)), adapter=adapter, latency_ms=1)) == ()


def test_problems_come_before_warnings() -> None:
    """What keeps the arm from working is read first."""
    findings = diagnose(arm(*(servo(i) for i in (1, 2, 3, 4, 5)), servo(6, temperature_c=65, status=Status.OVERLOAD)))
    assert [finding.code for finding in findings] == ["overload", "hot"]


SIX = range(1, 7)
GOOD = Replies(100, 100, 0, 0)


def arm(*servos: ServoFacts) -> BusFacts:
    return BusFacts("/dev/ttyACM0", None, None, servos, ())


def servo(number: int, **changes: object) -> ServoFacts:
    """Return the facts of a motor that is well, but for some changes."""
    facts = ServoFacts(
        id=number,
        model=777,
        firmware="3.10",
        status=Status.NONE,
        voltage_v=7.4,
        min_voltage_v=4.0,
        max_voltage_v=8.0,
        temperature_c=30,
        max_temperature_c=70,
        load_percent=0.0,
        current_ma=0.0,
        mode=0,
        phase=12,
        torque=False,
        return_delay_us=0,
        position=2048,
        homing_offset=0,
        range_min=0,
        range_max=4095,
        replies=GOOD,
    )
    return replace(facts, **changes)  # type: ignore[arg-type]
