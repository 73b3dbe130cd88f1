"""`lerotool setup bus`: what is wrong with a cable and its motors, in words and for machines."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lerotool.cli.app import run
from lerotool.devices.arms.joints import JOINTS, Role
from lerotool.devices.servos.answers import Status
from lerotool.devices.servos.registers import (
    BAUD_RATE,
    FIRMWARE_MINOR,
    HOMING_OFFSET,
    ID,
    MAX_VOLTAGE,
    MODEL_NUMBER,
    OPERATING_MODE,
    PHASE,
    PRESENT_TEMPERATURE,
    PRESENT_VOLTAGE,
)
from lerotool.testing.servo_bus import EmulatedBus
from tests.setup.bench import Bench, open_bench, write_robot

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs pseudo-terminals")
COMMAND = ["setup", "bus", "bench", "--arm", "follower", "--reads", "30"]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with open_bench(tmp_path, leader=[9]) as bench:
        for name, value in bench.environment.items():
            monkeypatch.setenv(name, value)
        write_robot(bench)
        calibrate(bench)
        yield bench


def calibrate(bench: Bench) -> None:
    """Write the calibration that new motors have."""
    path = bench.calibration(Role.FOLLOWER)
    path.parent.mkdir(parents=True)
    entry = {"drive_mode": 0, "homing_offset": 0, "range_min": 0, "range_max": 4095}
    path.write_text(json.dumps({joint.name: {"id": joint.id, **entry} for joint in JOINTS}))


def examine(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = run([*COMMAND, "--json"])
    document = json.loads(capsys.readouterr().out)
    [bus] = document["buses"]
    assert document["fit"] == (code == 0)
    return code, bus


def test_a_good_arm_is_said_to_be_good(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """With the facts of each motor; nothing is written."""
    assert run(COMMAND) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "bench follower at serial:F1"
    assert lines[2].split()[:4] == ["1", "shoulder_pan", "30/30", "7.4"]
    assert lines[-1] == "all is well"
    assert bench.follower.writes() == []


def cut_cable(bus: EmulatedBus) -> None:
    for servo in (4, 5, 6):
        bus.kill(servo)


def cut_power(bus: EmulatedBus) -> None:
    for servo in range(1, 7):
        bus.kill(servo)


def set_never(bus: EmulatedBus) -> None:
    bus.servo(3).change(angle=1000)
    bus.servo(3).set(ID, 1)


def lose_replies(bus: EmulatedBus) -> None:
    bus.faults(lost=0.2)


WRONGS: dict[str, tuple[Callable[[EmulatedBus], object], str, str]] = {
    "cable": (
        cut_cable,
        "motors 4 (wrist_flex), 5 (wrist_roll) and 6 (gripper) do not answer, though all before it do",
        "the cable between motor 3 and motor 4",
    ),
    "nothing": (cut_power, "no motor answers, at any speed", "the arm's own power supply is on"),
    "absent": (lambda bus: bus.kill(3), "motor 3 (elbow_flex) does not answer", "--joint elbow_flex"),
    "crowded": (set_never, "two motors answer to id 1", "one at a time"),
    "baudrate": (
        lambda bus: bus.servo(2).set(BAUD_RATE, 1),
        "motor 2 (shoulder_lift) talks at 500000 baud",
        "lerotool setup motors",
    ),
    "wrong-supply": (
        lambda bus: (bus.servo(2).set(MAX_VOLTAGE, 80), bus.servo(2).set(PRESENT_VOLTAGE, 121)),
        "motor 2 (shoulder_lift) is a 7.4 V servo on a 12.1 V supply",
        "unplug the power now",
    ),
    "voltage-low": (
        lambda bus: bus.servo(5).set(PRESENT_VOLTAGE, 35),
        "motor 5 (wrist_roll) has 3.5 V, it needs at least 4.0 V",
        "strong enough",
    ),
    "voltage-error": (
        lambda bus: bus.servo(1).change(status=int(Status.VOLTAGE)),
        "motor 1 (shoulder_pan) reports a voltage error; it has 7.4 V now",
        "breaks down when the arm moves",
    ),
    "overload": (
        lambda bus: bus.servo(6).change(status=int(Status.OVERLOAD)),
        "motor 6 (gripper) is overloaded",
        "power off and on",
    ),
    "overheated": (
        lambda bus: bus.servo(6).set(PRESENT_TEMPERATURE, 71),
        "motor 6 (gripper) is overheated: 71 °C, its limit is 70 °C",
        "let it cool",
    ),
    "model": (lambda bus: bus.servo(4).set(MODEL_NUMBER, 1540), "motor 4 (wrist_flex) is of model 1540", "replace it"),
    "replies": (lose_replies, "answers are missing or damaged: ", "all motors are affected: check the USB cable"),
}


@pytest.mark.slow
@pytest.mark.parametrize("code", list(WRONGS))
def test_what_keeps_an_arm_from_working_is_told_in_words(
    bench: Bench, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    """With what to do about it; exit code 7."""
    break_it, words, remedy = WRONGS[code]
    break_it(bench.follower)
    assert run(COMMAND) == 7
    text = capsys.readouterr().out
    assert words in text
    assert remedy in text


DOUBTS: dict[str, tuple[Callable[[EmulatedBus], object], str]] = {
    "hot": (lambda bus: bus.servo(3).set(PRESENT_TEMPERATURE, 63), "motor 3 (elbow_flex) is hot: 63 °C"),
    "firmware": (
        lambda bus: bus.servo(3).set(FIRMWARE_MINOR, 9),
        "the firmware differs: 3.10 in motors 1 (shoulder_pan), 2 (shoulder_lift), 4 (wrist_flex), 5 (wrist_roll)",
    ),
    "mode": (lambda bus: bus.servo(3).set(OPERATING_MODE, 3), "motor 3 (elbow_flex) is in operating mode 3"),
    "multi-turn": (lambda bus: bus.servo(3).set(PHASE, 28), "motor 3 (elbow_flex) counts several turns"),
    "calibration-differs": (
        lambda bus: bus.servo(3).set(HOMING_OFFSET, -12),
        "motor 3 (elbow_flex): homing offset -12 in the motor, 0 in the file",
    ),
    "sag": (
        lambda bus: bus.servo(6).set(PRESENT_VOLTAGE, 62),
        "the voltage falls from 7.4 V to 6.2 V at motor 6 (gripper)",
    ),
    "unknown-id": (lambda bus: (bus.add(9), bus.kill(2)), "a motor answers to id 9, which no joint has"),
}


@pytest.mark.parametrize("code", list(DOUBTS))
def test_what_should_be_looked_at_is_a_warning(bench: Bench, capsys: pytest.CaptureFixture[str], code: str) -> None:
    """The arm can be used all the same."""
    break_it, words = DOUBTS[code]
    break_it(bench.follower)
    exit_code, bus = examine(capsys)
    assert [finding["text"][: len(words)] for finding in bus["findings"] if finding["code"] == code] == [words]
    assert exit_code == (7 if code == "unknown-id" else 0)


def test_an_arm_that_is_not_calibrated_is_told(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a robot; nobody knows of a bare port whether it should be."""
    bench.calibration(Role.FOLLOWER).unlink()
    _, bus = examine(capsys)
    assert [finding["code"] for finding in bus["findings"]] == ["uncalibrated"]
    assert run(["setup", "bus", f"{bench.folder}/follower"]) == 0
    assert "all is well" in capsys.readouterr().out


def test_a_port_that_cannot_be_examined_is_told(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Who holds it; that it is not there; which one is meant."""
    with Path(bench.follower.port).open("rb") as port:
        fcntl.flock(port, fcntl.LOCK_EX)
        assert run(COMMAND) == 7
    assert "is in use by" in capsys.readouterr().err
    assert run(["setup", "bus", "serial:NO"]) == 7
    assert "plugged in: " in capsys.readouterr().err
    assert run(["setup", "bus"]) == 2
    assert "which one?" in capsys.readouterr().err
    assert run(["setup", "bus", "nobody"]) == 2
    assert "no robot 'nobody'" in capsys.readouterr().err


def test_the_only_adapter_needs_no_name(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """It is the one."""
    bench.leader.unplug()
    assert run(["setup", "bus", "--reads", "5"]) == 0
    assert "all is well" in capsys.readouterr().out
