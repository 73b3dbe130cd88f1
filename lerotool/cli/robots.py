"""Which robot a command means, and the options by which a command line differs from the robot's file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.errors import UsageError

if TYPE_CHECKING:
    from lerotool.cli.output import Output
    from lerotool.devices.config import RobotConfig
    from lerotool.devices.robot import Robot

SIMULATED = "sim"
PANEL = "Robot"


class UnitsName(StrEnum):
    """Values of ``--units``."""

    DEGREES = "degrees"
    RANGE = "range"


RobotOption = Annotated[
    str | None,
    typer.Option(
        "--robot",
        metavar="NAME",
        help="A robot that `lerotool setup` has described, a TOML file, or 'sim'. "
        "\\[default: the only one described; a simulated SO-101 pair if there is none]",
        rich_help_panel=PANEL,
        show_default=False,
    ),
]
FollowerPortOption = Annotated[
    str | None,
    typer.Option(
        metavar="PORT",
        help="Instead of the one in the robot's file: a path, or serial:NUMBER.",
        rich_help_panel=PANEL,
        show_default=False,
    ),
]
LeaderPortOption = Annotated[
    str | None,
    typer.Option(metavar="PORT", help="The same for the leader.", rich_help_panel=PANEL, show_default=False),
]
UnitsOption = Annotated[
    UnitsName | None,
    typer.Option(
        help="Of the body joints: degrees, or -100 to 100 of the calibrated range.",
        rich_help_panel=PANEL,
        show_default=False,
    ),
]
MaxRelativeTargetOption = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        min=0.001,
        help="Send a joint at most this far from where it stands, in its units.",
        rich_help_panel=PANEL,
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says otherwise than the robot's file; None says nothing."""

    follower_port: str | None = None
    leader_port: str | None = None
    units: str | None = None
    max_relative_target: float | None = None

    def given(self) -> dict[str, str | float]:
        """Return what is said, by option."""
        values = {
            "--follower-port": self.follower_port,
            "--leader-port": self.leader_port,
            "--units": self.units,
            "--max-relative-target": self.max_relative_target,
        }
        return {option: value for option, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class RobotChoice:
    """A robot: the simulated one, or one that is described.

    Attributes:
        name: as a person calls it.
        config: its description with the command line's changes; None for the simulated one.
    """

    name: str
    config: RobotConfig | None

    @property
    def is_simulated(self) -> bool:
        """Whether no real arm is used."""
        return self.config is None

    def build(self) -> Robot:
        """Return the robot, not yet open.

        Raises:
            UsageError: an arm of it is not set up.
        """
        if self.config is None:
            from lerotool.devices.robots import build_robot

            return build_robot(SIMULATED)
        from lerotool.devices import config

        return config.build_robot(self.config)

    def announce(self, robot_type: str, output: Output) -> None:
        """Say which robot it is."""
        if self.is_simulated:
            output.note(f"simulated robot: no real arm is used, and the dataset says robot_type {robot_type}")
        else:
            output.note(f"robot: {self.name} ({robot_type})")


def choose_robot(name: str | None, overrides: Overrides) -> RobotChoice:
    """Return the robot that is meant.

    Raises:
        UsageError: no robot has that name, the choice is not clear, or the overrides do not fit the robot; an adapter
            is plugged in, but no robot is set up.
    """
    name = name or _only_robot()
    if name == SIMULATED:
        if given := overrides.given():
            raise UsageError(f"{', '.join(given)}: the simulated robot has nothing of that kind", hint="leave it out")
        return RobotChoice(SIMULATED, None)
    from lerotool.devices.robots import find_robot

    config = find_robot(name)
    return RobotChoice(Path(name).stem, _override(config, overrides))


def _only_robot() -> str:
    from lerotool.devices.config import list_robots

    known = list_robots()
    if len(known) > 1:
        raise UsageError(f"several robots are set up: {', '.join(known)}", hint=f"say which: --robot {known[0]}")
    if known:
        return known[0]
    from lerotool.devices.servos.adapters import AdapterKind, list_adapters

    plugged = [adapter.path for adapter in list_adapters() if adapter.kind is not AdapterKind.OTHER]
    if plugged:
        raise UsageError(
            f"a servo adapter is plugged in ({', '.join(plugged)}), but no robot is set up",
            hint="describe your robot with: lerotool setup; or use --robot sim",
        )
    return SIMULATED


def _override(config: RobotConfig, overrides: Overrides) -> RobotConfig:
    given = overrides.given()
    if not given:
        return config
    document = config.model_dump(mode="json", exclude_none=True)
    for role, port in (("follower", overrides.follower_port), ("leader", overrides.leader_port)):
        if port is None:
            continue
        if role not in document:
            raise UsageError(
                f"--{role}-port: the robot's file has no [{role}]",
                hint="change the port in the file, or lerotool setup",
            )
        document[role]["port"] = port
    if overrides.units is not None:
        document["units"] = overrides.units
    if overrides.max_relative_target is not None:
        document["max_relative_target"] = overrides.max_relative_target
    from pydantic import ValidationError

    try:
        return type(config).model_validate(document)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, p['loc']))}: {p['msg'].removeprefix('Value error, ')}" for p in error.errors())
        raise UsageError(f"{', '.join(given)}: {'; '.join(problems)}") from None
