"""The plug-in `wobble` in LeRobot's interpreter, and command lines that record it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lerotool
from lerotool.devices.lerobot.robot import LeRobotRobot
from lerotool.spool.row_log import count_rows
from tests.lerobot_judge import lerobot_python
from tests.patience import PATIENCE_S, wait_for

PLUGIN = Path(__file__).with_name("plugin")
PATIENT = Path(__file__).with_name("patient")
ROOT = Path(__file__).resolve().parents[3]
SOME_ROWS = 10
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
    root: Path, *options: str, episodes: int = 1, seconds: float = 1.0, more: tuple[str, ...] = ()
) -> list[str]:
    """Return the arguments that record it."""
    takes = [
        "--episodes",
        str(episodes),
        "--episode-time",
        str(seconds),
        "--min-episode-time",
        "0",
        "--reset-time",
        "0",
    ]
    calm = ["--max-picture-age", "60", "--reconnect-time", "0", "--preset", "13"]
    return ["record", "--task", "Wobble", "--root", str(root), *takes, *calm, *more, *_driver(), "--", *options]


def _driver() -> list[str]:
    return ["--lerobot", str(python())]


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


def kill_in_the_take(root: Path, arguments: list[str], is_released: Callable[[], bool]) -> None:
    """Start lerotool, kill it when it has recorded some rows, and wait until the robot is released nevertheless."""
    process = start(arguments)
    try:
        wait_for(lambda: process.poll() is not None or _rows(root) >= SOME_ROWS, "the take")
    finally:
        process.kill()
        _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said
    wait_for(is_released, "the release")


def _rows(root: Path) -> int:
    return sum(map(count_rows, root.glob(".lerotool/pending/*")))


def save_what_was_cut_off(root: Path) -> None:
    """Make the interrupted take an episode."""
    code, said = run(["encode", "--pending", str(root), "--salvage"])
    assert code == 0, said
    assert lerotool.Dataset(root).num_frames >= SOME_ROWS


def run(arguments: list[str]) -> tuple[int, str]:
    """Run lerotool to its end; returns its code and what it said on stderr."""
    process = start(arguments)
    _, said = process.communicate(timeout=4 * PATIENCE_S)
    return process.returncode, said
