"""The real LeRobot connects to an arm that `lerotool setup` has set up, and asks for nothing more."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
from pathlib import Path

import pytest

from lerotool.cli.app import run
from lerotool.devices.arms.calibration import load_calibration
from lerotool.devices.arms.joints import JOINTS, Role
from tests.lerobot_judge import lerobot_python
from tests.setup.bench import SIX, open_bench, write_robot

pytestmark = [pytest.mark.skipif(os.name == "nt", reason="needs pseudo-terminals"), pytest.mark.lerobot]
CONNECT = """
import json, sys
import lerobot.motors.motors_bus

# It compares the tables of motor models with a package that a plain installation lacks.
lerobot.motors.motors_bus.require_package = lambda *arguments, **options: None
lerobot.motors.motors_bus.DeepDiff = lambda first, second: None if first == second else (first, second)

from lerobot.robots.so_follower import SO101Follower, SO101FollowerConfig

def look():
    robot = SO101Follower(SO101FollowerConfig(id="bench", port=sys.argv[1]))
    try:
        robot.connect(calibrate=False)
        return {"is_calibrated": robot.is_calibrated, "observation": robot.get_observation()}
    finally:
        robot.bus.port_handler.closePort()

for attempts_left in reversed(range(20)):
    try:
        result = look()
        break
    except (ConnectionError, RuntimeError):  # LeRobot asks each servo once, and a busy machine answers late.
        if not attempts_left:
            raise
json.dump(result, open(sys.argv[2], "w"))
"""


def lend_servo_packages(folder: Path) -> str:
    """Return a folder with the servo SDK and pyserial of this interpreter: a plain LeRobot has neither."""
    folder.mkdir()
    for name in ("feetech-servo-sdk", "pyserial"):
        distribution = importlib.metadata.distribution(name)
        home = Path(str(distribution.locate_file("")))
        for top in {Path(str(file)).parts[0] for file in distribution.files or ()} - {".."}:
            (folder / top).symlink_to(home / top)
    return str(folder)


def test_lerobot_takes_the_calibration_as_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file and the motors agree, and the middle of every travel is 0 degrees, 50 on the gripper."""
    python = lerobot_python()
    assert python
    with open_bench(tmp_path, leader=[1]) as bench:
        for name, value in bench.environment.items():
            monkeypatch.setenv(name, value)
        write_robot(bench)
        for servo in SIX:
            bench.follower.servo(servo).wave(phase=servo, amplitude=700, rate=8)
        assert run(["setup", "calibrate", "bench", "--arm", "follower", "--seconds", "2"]) == 0
        calibration = load_calibration(bench.calibration(Role.FOLLOWER))
        for joint in JOINTS:
            servo, entry = bench.follower.servo(joint.id), calibration[joint.name]
            servo.rest()
            servo.change(angle=(entry.range_min + entry.range_max) // 2 + entry.homing_offset)
        result = tmp_path / "result.json"
        connected = subprocess.run(
            [python, "-c", CONNECT, bench.follower.port, str(result)],
            env={**os.environ, "PYTHONPATH": lend_servo_packages(tmp_path / "lent")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert connected.returncode == 0, connected.stderr[-2000:]
    found = json.loads(result.read_text())
    assert found["is_calibrated"] is True
    for joint in JOINTS:
        middle = 50 if joint.name == "gripper" else 0
        assert found["observation"][f"{joint.name}.pos"] == pytest.approx(middle, abs=0.1)
