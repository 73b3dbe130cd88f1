"""What the commands of `lerotool setup` share: the robot's name and file, waiting, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.cli.output import Output
from lerotool.cli.setup.ask import Left
from lerotool.cli.signals import INTERRUPTED
from lerotool.devices.arms.joints import Role
from lerotool.setup.arms import Side

if TYPE_CHECKING:
    from lerotool.devices.config import SoRobotConfig

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the robot is called.")]
ArmOption = Annotated[Role | None, typer.Option("--arm", help="Which arm.")]
SideOption = Annotated[Side | None, typer.Option("--side", help="Which pair, of a robot with two.")]


class Stopped(typer.Exit):
    """A command was left by the person, after it has said what is done."""

    def __init__(self) -> None:
        super().__init__(INTERRUPTED)


@contextmanager
def resumable(output: Output, command: str) -> Iterator[None]:
    """Turn Ctrl-C, Ctrl-D and ``q`` into a way out that says how to go on."""
    try:
        yield
    except (KeyboardInterrupt, Left):
        output.note(f"\nstopped; what was done is kept. Go on with: {command}")
        raise Stopped from None


def read_or_new(name: str) -> SoRobotConfig | None:
    """Return a robot's description, or None if it has none yet."""
    from lerotool.devices.config import load_robot, robot_path

    return load_robot(name) if robot_path(name).exists() else None


def save(name: str, config: SoRobotConfig, before: SoRobotConfig | None, output: Output) -> Path:
    """Write a robot's file if it changes, and say where it is."""
    from lerotool.devices.config import robot_path, save_robot

    if config == before:
        output.note(f"{robot_path(name)} stays as it is")
        return robot_path(name)
    path = save_robot(name, config)
    output.note(f"saved {path}")
    return path


@contextmanager
def watched(output: Output) -> Iterator[Callable[[str, float], None]]:
    """Show how far something is (called with what is done, and 0 to 1) on a terminal, and nothing afterwards."""
    if not output.shows_progress:
        yield lambda *_: None
        return
    from rich.status import Status

    with Status("", console=output.talk) as status:
        yield lambda text, fraction: status.update(f"{text}: {fraction:.0%}")
