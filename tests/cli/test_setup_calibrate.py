"""`lerotool setup calibrate`: joints moved by hand, through a terminal; the result is LeRobot's."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lerotool.cli.app import run
from lerotool.devices.arms.calibration import Calibration, load_calibration
from lerotool.devices.arms.joints import JOINTS, Role
from lerotool.devices.servos.registers import (
    HOMING_OFFSET,
    LOCK,
    MAX_POSITION,
    MIN_POSITION,
    OPERATING_MODE,
    PHASE,
    TORQUE_ENABLE,
)
from tests.recording.terminal import Terminal
from tests.setup.bench import SIX, Bench, open_bench, registers, sweep, write_robot

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs pseudo-terminals")
SPANS = {1: (900, 3300), 2: (800, 3000), 3: (3500, 5400), 4: (-500, 1900), 6: (2040, 3500)}
"""Ends of the joints' travel; those of 3 and 4 have the encoder's seam inside."""
START = {1: 2000, 2: 900, 3: 4000, 4: 100, 5: 4090, 6: 2100}
MULTI_TURN = 0x10


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with open_bench(tmp_path) as bench:
        for name, value in bench.environment.items():
            monkeypatch.setenv(name, value)
        write_robot(bench)
        for servo, angle in START.items():
            bench.follower.servo(servo).change(angle=angle)
        yield bench


def begin(terminal: Terminal) -> None:
    terminal.read_until("Press Enter to begin")
    terminal.type(b"\n")
    terminal.read_until("lowest")


def finish(terminal: Terminal) -> None:
    terminal.read_until("Enter (q and Enter: stop)")
    terminal.type(b"\n")


def assert_same_in_motors(bench: Bench, calibration: Calibration) -> None:
    entries = [calibration[joint.name] for joint in JOINTS]
    bench.follower.power_cycle()
    assert registers(bench.follower, HOMING_OFFSET) == [entry.homing_offset for entry in entries]
    assert registers(bench.follower, MIN_POSITION) == [entry.range_min for entry in entries]
    assert registers(bench.follower, MAX_POSITION) == [entry.range_max for entry in entries]
    assert registers(bench.follower, LOCK) == [1] * 6


def assert_as_swept(bench: Bench, calibration: Calibration) -> None:
    """Every end of every travel reads the end of the range, and the middle 2047."""
    for joint in JOINTS:
        entry, servo = calibration[joint.name], bench.follower.servo(joint.id)
        if joint.turns_fully:
            assert (entry.range_min, entry.range_max) == (0, 4095)
            servo.change(angle=START[joint.id])
            assert servo.position == 2047
            continue
        low, high = SPANS[joint.id]
        for angle, reads in ((low, entry.range_min), (high, entry.range_max), ((low + high) // 2, 2047)):
            servo.change(angle=angle)
            assert servo.position == reads


@pytest.mark.slow
def test_an_arm_is_swept_first_and_centred_afterwards(bench: Bench) -> None:
    """Torque, wrong mode and turn counting are taken off first; file and motors hold the same."""
    bench.follower.servo(2).set(TORQUE_ENABLE, 1)
    bench.follower.servo(3).set(OPERATING_MODE, 1)
    bench.follower.servo(4).set(PHASE, 12 | MULTI_TURN)
    bench.follower.servo(5).set(HOMING_OFFSET, 900)
    bench.follower.servo(6).set(HOMING_OFFSET, -700)
    with bench.setup("calibrate", "bench", "--arm", "follower") as terminal:
        begin(terminal)
        terminal.read_until("still to be moved")
        sweep(bench.follower, SPANS)
        finish(terminal)
        terminal.read_until("follower: ")
        assert terminal.wait() == 0
    calibration = load_calibration(bench.calibration(Role.FOLLOWER))
    assert_same_in_motors(bench, calibration)
    assert_as_swept(bench, calibration)
    assert registers(bench.follower, TORQUE_ENABLE) == [0] * 6
    assert (registers(bench.follower, OPERATING_MODE), registers(bench.follower, PHASE)) == ([0] * 6, [12] * 6)


@pytest.mark.slow
def test_joints_that_cannot_be_are_named_and_moved_again_alone(bench: Bench) -> None:
    """One was not moved, one went round and round; the others are kept."""
    with bench.setup("calibrate", "bench", "--arm", "follower") as terminal:
        begin(terminal)
        sweep(bench.follower, {servo: SPANS[servo] for servo in (1, 2, 4)} | {3: (4000, 9000)})
        terminal.type(b"\n")
        terminal.read_until("elbow_flex was turned 439°, a full turn or more")
        terminal.read_until("gripper moved 0° only: move it from one end to the other")
        terminal.read_until("Move elbow_flex, gripper again? The others are kept [Y/n]:")
        terminal.type(b"\n")
        for servo in (3, 6):
            bench.follower.servo(servo).change(angle=START[servo])
        terminal.read_until("  elbow_flex, gripper")
        begin(terminal)
        sweep(bench.follower, {servo: SPANS[servo] for servo in (3, 6)})
        finish(terminal)
        terminal.read_until("calibrated the follower")
        assert terminal.wait() == 0
    calibration = load_calibration(bench.calibration(Role.FOLLOWER))
    assert_same_in_motors(bench, calibration)
    assert_as_swept(bench, calibration)


def test_who_does_not_want_to_move_them_again_leaves_everything_as_it_was(bench: Bench) -> None:
    """No file, no register."""
    with bench.setup("calibrate", "bench", "--arm", "follower") as terminal:
        begin(terminal)
        terminal.type(b"\n")
        terminal.read_until("again? The others are kept")
        terminal.type(b"n\n")
        terminal.read_until("nothing has been changed")
        assert terminal.wait() == 7
    assert_untouched(bench)


def assert_untouched(bench: Bench) -> None:
    assert not bench.calibration(Role.FOLLOWER).exists()
    assert registers(bench.follower, HOMING_OFFSET) == [0] * 6
    assert registers(bench.follower, MAX_POSITION) == [4095] * 6


@pytest.mark.slow
@pytest.mark.parametrize("way_out", [b"\x03", b"\x04", b"q\n"], ids=["ctrl-c", "ctrl-d", "q"])
def test_stopping_in_the_middle_changes_nothing(bench: Bench, way_out: bytes) -> None:
    """The terminal is as before, and how to go on is said."""
    with bench.setup("calibrate", "bench", "--arm", "follower") as terminal:
        begin(terminal)
        sweep(bench.follower, {1: SPANS[1]})
        terminal.type(way_out)
        terminal.read_until("Go on with: lerotool setup calibrate bench")
        assert terminal.wait() == 130
    assert_untouched(bench)


def test_an_arm_unplugged_in_the_middle_changes_nothing(bench: Bench) -> None:
    """And is told as that."""
    with bench.setup("calibrate", "bench", "--arm", "follower") as terminal:
        begin(terminal)
        sweep(bench.follower, {1: SPANS[1]})
        bench.follower.unplug()
        terminal.read_until("has gone")
        assert terminal.wait() == 7
    bench.follower.replug()
    assert_untouched(bench)


@pytest.mark.slow
def test_an_arm_without_power_in_the_middle_is_told(bench: Bench) -> None:
    """After a second of silence of all motors."""
    with bench.setup("calibrate", "bench", "--arm", "follower") as terminal:
        begin(terminal)
        for servo in SIX:
            bench.follower.kill(servo)
        terminal.read_until("no motor answers any more")
        assert terminal.wait() == 7


@pytest.mark.slow
def test_a_second_calibration_keeps_the_first_beside_it(bench: Bench) -> None:
    """Asked about first where no arm was named, and the default is to leave it."""
    path = bench.calibration(Role.FOLLOWER)
    path.parent.mkdir(parents=True)
    entry = {"drive_mode": 0, "homing_offset": 5, "range_min": 700, "range_max": 3400}
    old = json.dumps({joint.name: {"id": joint.id, **entry} for joint in JOINTS}).encode()
    path.write_bytes(old)
    bench.calibration(Role.LEADER).parent.mkdir(parents=True)
    bench.calibration(Role.LEADER).write_bytes(old)
    with bench.setup("calibrate", "bench") as terminal:
        terminal.read_until("the leader is calibrated")
        terminal.read_until("calibrate it again? [y/N]:")
        terminal.type(b"\n")
        terminal.read_until("the follower is calibrated")
        terminal.read_until("calibrate it again? [y/N]:")
        terminal.type(b"y\n")
        begin(terminal)
        sweep(bench.follower, SPANS)
        finish(terminal)
        terminal.read_until("the calibration there was is kept in")
        assert terminal.wait() == 0
    [backup] = path.parent.glob("bench.*.backup")
    assert backup.read_bytes() == old
    assert_as_swept(bench, load_calibration(path))
    assert bench.calibration(Role.LEADER).read_bytes() == old


@pytest.mark.slow
def test_one_joint_can_be_calibrated_again(bench: Bench) -> None:
    """The others keep what the file says; without a file that is refused."""
    with bench.setup("calibrate", "bench", "--arm", "follower", "--joint", "gripper") as terminal:
        terminal.read_until("the follower has no calibration yet")
        assert terminal.wait() == 7
    path = bench.calibration(Role.FOLLOWER)
    path.parent.mkdir(parents=True)
    entry = {"drive_mode": 0, "homing_offset": 5, "range_min": 700, "range_max": 3400}
    path.write_text(json.dumps({joint.name: {"id": joint.id, **entry} for joint in JOINTS}))
    with bench.setup("calibrate", "bench", "--arm", "follower", "--joint", "gripper") as terminal:
        begin(terminal)
        sweep(bench.follower, {6: SPANS[6]})
        finish(terminal)
        terminal.read_until("calibrated the follower")
        assert terminal.wait() == 0
    calibration = load_calibration(path)
    assert (calibration["elbow_flex"].homing_offset, calibration["gripper"].range_max) == (5, 2777)
    assert_same_in_motors(bench, calibration)


def test_a_short_travel_is_doubted_and_can_be_kept(bench: Bench) -> None:
    """The default is to move it again."""
    with bench.setup("calibrate", "bench", "--arm", "follower") as terminal:
        begin(terminal)
        sweep(bench.follower, SPANS | {6: (2040, 2600)})
        finish(terminal)
        terminal.read_until("gripper moved 49°: were both ends reached?")
        terminal.read_until("again? [Y/n]:")
        terminal.type(b"n\n")
        terminal.read_until("calibrated the follower")
        assert terminal.wait() == 0


@pytest.mark.slow
def test_a_file_that_cannot_be_written_leaves_the_motors_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file comes first, so nothing is half done."""
    (bench.folder / "file").touch()
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(bench.folder / "file"))
    with bench.setup("calibrate", "bench", "--arm", "follower") as terminal:
        begin(terminal)
        sweep(bench.follower, SPANS)
        finish(terminal)
        terminal.read_until("error: ")
        assert terminal.wait() == 1
    assert registers(bench.follower, HOMING_OFFSET) == [0] * 6


def test_without_a_terminal_the_joints_are_followed_for_some_time(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """All joints that were not moved are named at once."""
    assert run(["setup", "calibrate", "bench", "--arm", "follower"]) == 2
    assert "give --seconds" in capsys.readouterr().err
    assert run(["setup", "calibrate", "bench", "--arm", "follower", "--seconds", "1", "--json"]) == 7
    error = json.loads(capsys.readouterr().err)
    assert error["type"] == "CalibrationError"
    assert all(joint.name in error["message"] for joint in JOINTS if not joint.turns_fully)
    for servo in SIX:
        bench.follower.servo(servo).wave(amplitude=600, rate=12)
    assert run(["setup", "calibrate", "bench", "--arm", "follower", "--seconds", "1", "--json"]) == 0
    [arm] = json.loads(capsys.readouterr().out)["arms"]
    assert arm["file"] == str(bench.calibration(Role.FOLLOWER))
    assert set(arm["joints"]) == {joint.name for joint in JOINTS}


def test_missing_motors_a_busy_port_and_wrong_names_are_told(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is asked."""
    command = ["setup", "calibrate", "bench", "--seconds", "1"]
    bench.follower.kill(5)
    assert run([*command, "--arm", "follower"]) == 7
    assert "motor 5 (wrist_roll) does not answer" in capsys.readouterr().err
    with Path(bench.leader.port).open("rb") as port:
        fcntl.flock(port, fcntl.LOCK_EX)
        assert run([*command, "--arm", "leader"]) == 7
    assert "is in use by" in capsys.readouterr().err
    assert run([*command, "--joint", "elbow"]) == 2
    assert "expected one of shoulder_pan" in capsys.readouterr().err
    bench.leader.unplug()
    assert run([*command, "--arm", "leader"]) == 7
    assert "plugged in: " in capsys.readouterr().err
