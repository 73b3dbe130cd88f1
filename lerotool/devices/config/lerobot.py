"""What the file of a robot that LeRobot drives says.

type = "lerobot"
python = "~/lerobot/bin/python"         an interpreter that has LeRobot; else LEROTOOL_LEROBOT
options = ["--robot.type=koch_follower", "--robot.port=/dev/ttyACM0", "--teleop.type=koch_leader", "…"]
start_speed = 60.0                      optional
silence_s = 5.0                         optional
[cameras.front] …                       optional, as for every robot
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from lerotool.devices.config.base import Positive, RobotConfig
from lerotool.errors import UsageError

if TYPE_CHECKING:
    from lerotool.devices.lerobot.robot import LeRobotRobot

TYPE = "lerobot"
SILENCE_S = 5.0
START_SPEED = 60.0
VARIABLE = "LEROTOOL_LEROBOT"


class LeRobotConfig(RobotConfig):
    """A robot and a teleoperator of LeRobot."""

    type: Literal["lerobot"] = "lerobot"
    python: str | None = None  # an interpreter that has LeRobot; None takes the one that the environment names
    options: tuple[str, ...] = ()  # as typed for ``lerobot-record``, from ``--robot.type=…`` on
    # Units a second at which joints go to where the teleoperator has them, after the robot was opened.
    start_speed: Annotated[float, Field(ge=0, le=1e6)] = START_SPEED
    silence_s: Positive = SILENCE_S  # how long LeRobot may take for one answer


def find_python(python: str | None) -> Path:
    """Return the interpreter that has LeRobot."""
    named = python or os.environ.get(VARIABLE)
    if not named:
        raise UsageError(
            "no interpreter that has LeRobot is named",
            hint=f"name one: --lerobot PYTHON, or {VARIABLE} in the environment",
        )
    path = Path(named).expanduser()
    if not path.is_file():
        raise UsageError(f"{path} is not a file, expected a Python that has LeRobot")
    return path


def build_robot(config: LeRobotConfig, name: str | None = None) -> LeRobotRobot:
    """Return the robot with what a person steers it by, not yet open."""
    del name
    return _build(config, needs_teleop=True)


def build_follower_only(config: LeRobotConfig, name: str | None = None) -> LeRobotRobot:
    """Return the robot without a teleoperator, not yet open."""
    del name
    options = tuple(option for option in config.options if not option.startswith("--teleop."))
    return _build(config.model_copy(update={"options": options}), needs_teleop=False)


def _build(config: LeRobotConfig, *, needs_teleop: bool) -> LeRobotRobot:
    from lerotool.devices.lerobot.robot import LeRobotRobot

    return LeRobotRobot(
        find_python(config.python),
        config.options,
        silence_s=config.silence_s,
        start_speed=config.start_speed,
        needs_teleop=needs_teleop,
    )
