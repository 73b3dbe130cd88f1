"""What the commands of `lerotool setup` share: the robot's name and its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.cli.output import Output
from lerotool.devices.arms.joints import Role
from lerotool.setup.arms import Side

if TYPE_CHECKING:
    from lerotool.devices.config import SoRobotConfig

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the robot is called.")]
ArmOption = Annotated[Role | None, typer.Option("--arm", help="Which arm.")]
SideOption = Annotated[Side | None, typer.Option("--side", help="Which pair, of a robot with two.")]


def read_or_new(name: str) -> SoRobotConfig | None:
    """Return a robot's description, or None if it has none yet."""
    from lerotool.devices.config import load_robot, robot_path

    return load_robot(name) if robot_path(name).exists() else None


def save(name: str, config: SoRobotConfig, before: SoRobotConfig | None, output: Output) -> None:
    """Write a robot's file if it changes, and say where it is."""
    from lerotool.devices.config import robot_path, save_robot

    if config == before:
        output.note(f"{robot_path(name)} stays as it is")
    else:
        output.note(f"saved {save_robot(name, config)}")
