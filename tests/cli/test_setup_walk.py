"""`lerotool setup`: from parts on a table to a robot that `lerotool record` takes, through a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lerotool.cli.app import run
from lerotool.devices.arms.calibration import load_calibration
from lerotool.devices.arms.joints import JOINTS, Role
from lerotool.devices.servos.registers import HOMING_OFFSET, ID
from lerotool.testing.mjpeg_camera import EmulatedCamera
from lerotool.testing.servo_bus import EmulatedBus
from tests.recording.terminal import Terminal
from tests.setup.bench import SIX, Bench, open_bench, registers, sweep, write_robot

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs pseudo-terminals")
SPANS = {1: (900, 3300), 2: (800, 3000), 3: (3500, 5400), 4: (-500, 1900), 6: (2040, 3500)}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with open_bench(tmp_path, leader=[1], follower=SIX) as bench:
        for name, value in bench.environment.items():
            monkeypatch.setenv(name, value)
        yield bench


def connect(terminal: Terminal, bench: Bench) -> None:
    terminal.read_until("What is the robot called? [bench]:")
    terminal.type(b"\n")
    terminal.read_until("Step 1 of 5")
    terminal.read_until("which arms?")
    terminal.type(b"\n")
    terminal.read_until("how many pairs")
    terminal.type(b"\n")
    terminal.read_until("pull the leader's USB cable")
    bench.leader.unplug()
    terminal.read_until("plug it in again")
    bench.leader.replug()
    terminal.read_until("is it the follower's?")
    terminal.type(b"\n")


def set_ids(terminal: Terminal, bus: EmulatedBus) -> None:
    terminal.read_until("Step 2 of 5")
    terminal.read_until("(ids/again/leave) [ids]:")
    terminal.type(b"\n")
    before = None
    for joint in reversed(JOINTS):
        terminal.read_until(f"Connect only the {joint.name} motor")
        if before is not None:
            bus.kill(before.id)
            bus.add(1)
        terminal.type(b"\n")
        terminal.read_until(f"{joint} is")
        before = joint
    terminal.read_until("Press Enter when all six are connected")
    for servo in SIX:
        bus.revive(servo)
    terminal.type(b"\n")
    terminal.read_until("all six motors of the follower answer")


def calibrate(terminal: Terminal, bus: EmulatedBus) -> None:
    terminal.read_until("Press Enter to begin")
    terminal.type(b"\n")
    terminal.read_until("still to be moved")
    sweep(bus, SPANS)
    terminal.read_until("Enter (q and Enter: stop)")
    terminal.type(b"\n")
    terminal.read_until("calibrated the")


@pytest.mark.slow
def test_from_nothing_to_a_recording(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """New motors on one side, stops on the way, a camera; then the recorder takes the robot by its name."""
    with EmulatedCamera() as camera:
        with bench.setup() as terminal:
            connect(terminal, bench)
            set_ids(terminal, bench.leader)
            terminal.read_until("Step 3 of 5")
            calibrate(terminal, bench.leader)
            terminal.read_until("Press Enter to begin")
            terminal.type(b"\x03")
            terminal.read_until("Go on with: lerotool setup --robot bench")
            assert terminal.wait() == 130
        with bench.setup("--robot", "bench") as terminal:
            terminal.read_until("the leader is at serial:L1")
            terminal.read_until("all six motors of the leader answer")
            terminal.read_until("the leader is calibrated")
            terminal.read_until("calibrate it again? [y/N]:")
            terminal.type(b"\n")
            calibrate(terminal, bench.follower)
            terminal.read_until("Step 4 of 5")
            terminal.read_until("Address of a network camera")
            terminal.type(b"nonsense://x\n")
            terminal.read_until("hint:")
            terminal.read_until("Address of a network camera")
            terminal.type(camera.url.encode() + b"\n")
            terminal.read_until("look at its picture")
            terminal.read_until("What is it called?")
            terminal.type(b"my camera\n")
            terminal.read_until("letters, digits")
            terminal.type(b"\n")
            terminal.read_until("Address of a network camera")
            terminal.type(b"\n")
            terminal.read_until("Step 5 of 5")
            terminal.read_until("lerotool record --robot bench")
            assert terminal.wait() == 0
        assert_complete(bench, camera.url)
        plan = record(bench, tmp_path, "--dry-run", "--json")
        assert set(json.loads(plan)["features"]) == {"action", "observation.state", "observation.images.front"}
        record(bench, tmp_path, "--episodes", "1", "--episode-time", "1", "--reset-time", "0", "--batch", "0")
    assert run(["setup", "bus", "bench", "--json"]) == 0
    codes = [finding["code"] for bus in json.loads(capsys.readouterr().out)["buses"] for finding in bus["findings"]]
    assert set(codes) <= {"late"}


def assert_complete(bench: Bench, url: str) -> None:
    robot = tomllib.loads(bench.robot_file.read_text())
    assert (robot["leader"]["port"], robot["follower"]["port"]) == ("serial:L1", "serial:F1")
    assert robot["cameras"]["front"] == {"source": url, "width": 640, "height": 480, "fps": 30.0}
    assert registers(bench.leader, ID) == list(SIX)
    for role, bus in ((Role.LEADER, bench.leader), (Role.FOLLOWER, bench.follower)):
        calibration = load_calibration(bench.calibration(role))
        assert [calibration[j.name].homing_offset for j in JOINTS] == registers(bus, HOMING_OFFSET)


def record(bench: Bench, folder: Path, *options: str) -> str:
    """Run the recorder with the robot's name, as a process without a terminal."""
    command = [sys.executable, "-m", "lerotool", "record", "--robot", "bench", "--task", "Move", "--root"]
    done = subprocess.run(
        [*command, str(folder / "dataset"), *options],
        env={**os.environ, **bench.environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nobody_to_ask_is_told_which_commands_there_are(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """And each of them names its options."""
    assert run(["setup"]) == 2
    assert "lerotool setup ports, motors, calibrate, cameras, bus" in capsys.readouterr().err


def test_stopping_before_anything_is_known_leaves_nothing(bench: Bench) -> None:
    """Not even a file; wrong names are asked for again."""
    with bench.setup() as terminal:
        terminal.read_until("What is the robot called?")
        terminal.type(b"my robot\n")
        terminal.read_until("robot name 'my robot'")
        terminal.read_until("What is the robot called?")
        terminal.type(b"\x04")
        assert terminal.wait() == 130
    assert not bench.robot_file.parent.exists()


def test_an_arm_that_is_unplugged_in_the_middle_says_how_to_go_on(bench: Bench) -> None:
    """What was found stays."""
    write_robot(bench)
    with bench.setup("--robot", "bench") as terminal:
        terminal.read_until("(ids/again/leave) [ids]:")
        bench.leader.unplug()
        terminal.type(b"again\n")
        terminal.read_until("what was done is kept. Go on with: lerotool setup --robot bench")
        terminal.read_until("error: ")
        assert terminal.wait() == 7


def test_the_robot_of_a_single_command_is_its_argument(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """The option of the walk is refused there."""
    assert run(["setup", "--robot", "bench", "ports"]) == 2
    assert "lerotool setup ports bench" in capsys.readouterr().err
