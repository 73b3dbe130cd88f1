"""The plug-in `wobble` in LeRobot's interpreter, and command lines that record it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lerotool.devices.lerobot.robot import LeRobotRobot
from tests.lerobot_judge import lerobot_python
from tests.patience import PATIENCE_S

PLUGIN = Path(__file__).with_name("plugin")
PATIENT = Path(__file__).with_name("patient")
ROOT = Path(__file__).resolve().parents[3]
STEERED = ("--robot.type=wobble", "--teleop.type=wobble_hand")


def python() -> Path:
    """Return the interpreter that has LeRobot."""
    found = lerobot_python()
    assert found, "the judge needs LEROTOOL_LEROBOT_PYTHON; run scripts/test.py --lerobot FOLDER"
    return Path(found)


def build(*options: str, silence_s: float = 60.0, start_speed: float = 0.0, needs_teleop: bool = True) -> LeRobotRobot:
    """Return the robot of LeRobot's options, with a patience for busy machines."""
    return LeRobotRobot(python(), options, silence_s=silence_s, start_speed=start_speed, needs_teleop=needs_teleop)


def recording(
    root: Path,
    *options: str,
    episodes: int = 1,
    seconds: float = 1.0,
    more: tuple[str, ...] = (),
    lerobot: Path | None = None,
) -> list[str]:
    """Return the arguments that record it."""
    takes = ["--episodes", str(episodes), "--episode-time", str(seconds), "--min-episode-time", "0"]
    calm = ["--reset-time", "0", "--max-picture-age", "60", "--reconnect-time", "0", "--preset", "13"]
    driver = ["--lerobot", str(lerobot or python())]
    return ["record", "--task", "Wobble", "--root", str(root), *takes, *calm, *more, *driver, "--", *options]


def start(arguments: list[str]) -> subprocess.Popen[str]:
    """Start lerotool."""
    path = os.pathsep.join(map(str, (PLUGIN, PATIENT, ROOT)))
    return subprocess.Popen(
        [sys.executable, "-m", "lerotool", *arguments],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(arguments: list[str]) -> tuple[int, str]:
    """Run lerotool to its end; returns its code and what it said on stderr."""
    process = start(arguments)
    _, said = process.communicate(timeout=4 * PATIENCE_S)
    return process.returncode, said
