"""Which robot a command means, and the options by which a command line differs from the robot's file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lerotool.choices import Units
from lerotool.cli.options import in_panel
from lerotool.devices.robots import SIMULATED
from lerotool.errors import UsageError

if TYPE_CHECKING:
    from lerotool.cli.output import Output
    from lerotool.devices.config import RobotConfig
    from lerotool.devices.robot import Robot

_of_robot = in_panel("Robot")


RobotOption = Annotated[
    str | None,
    _of_robot(
        "--robot",
        metavar="NAME",
        help="From lerotool setup, a TOML file, or sim. \\[default: the only one set up, else sim]",
    ),
]
FollowerPortOption = Annotated[str | None, _of_robot(metavar="PORT", help="A path, or serial:NUMBER.")]
LeaderPortOption = Annotated[str | None, _of_robot(metavar="PORT", help="The same for the leader.")]
UnitsOption = Annotated[Units | None, _of_robot(metavar="UNITS", help="Of the body: degrees, or range (-100 to 100).")]
MaxRelativeTargetOption = Annotated[
    float | None, _of_robot(metavar="N", min=0.001, help="Farthest step of a joint, in its units.")
]


LeRobotOption = Annotated[
    Path | None,
    _of_robot(
        "--lerobot",
        metavar="PYTHON",
        help="LeRobot's Python: it drives the robot, by its options after --. \\[default: $LEROTOOL_LEROBOT]",
    ),
]
LeRobotOptions = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[-- LEROBOT OPTIONS]",
        help="A robot of LeRobot, as for lerobot-record: --robot.type=… --teleop.type=… and their options.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says otherwise than the robot's file; None says nothing."""

    follower_port: FollowerPortOption = None
    leader_port: LeaderPortOption = None
    units: UnitsOption = None
    max_relative_target: MaxRelativeTargetOption = None

    def given(self) -> list[str]:
        """Return the options that say something."""
        return [f"--{name.replace('_', '-')}" for name, value in asdict(self).items() if value is not None]


@dataclass(frozen=True, slots=True)
class RobotChoice:
    """A robot: the simulated one, or one that is described."""

    name: str  # as a person calls it
    config: RobotConfig | None  # its description with the command line's changes; None for the simulated one
    path: Path | None = None  # of its file, None if it has none

    @property
    def is_simulated(self) -> bool:
        """Whether no real arm is used."""
        return self.config is None

    @property
    def known_name(self) -> str | None:
        """The name that `lerotool setup` takes; None for a TOML file somewhere else."""
        from lerotool.devices.config import list_robots

        return self.name if self.name in list_robots() else None

    def settings_in_file(self) -> dict[str, Any]:
        """Return what its file says of how it is recorded."""
        return {} if self.config is None else self.config.record.given()

    def build(self) -> Robot:
        """Return the robot, not yet open."""
        if self.config is None:
            from lerotool.devices.robots import build_robot

            return build_robot(SIMULATED)
        from lerotool.devices import config

        return config.find_kind(self.config.type).build(self.config, self.known_name)

    def build_for_replay(self) -> Robot:
        """Return the robot without what a person steers it by, not yet open."""
        if self.config is None:
            return self.build()
        from lerotool.devices import config

        build = config.find_kind(self.config.type).build_for_replay
        if build is None:
            raise UsageError(f"robots of type {self.config.type!r} cannot be replayed")
        return build(self.config, self.known_name)

    def describe_start(self, output: Output) -> None:
        """Say what takes a while before the robot is there."""
        from lerotool.devices.config.model import LeRobotConfig

        if isinstance(self.config, LeRobotConfig):
            output.note("starting LeRobot, which takes some seconds")

    def announce(self, robot_type: str, output: Output) -> None:
        """Say which robot it is."""
        if self.is_simulated:
            output.note(f"simulated robot: no real arm is used, and the dataset says robot_type {robot_type}")
        else:
            output.note(f"robot: {self.name} ({robot_type})")


def choose(name: str | None, python: Path | None, options: list[str] | None, overrides: Overrides) -> RobotChoice:
    """Return the robot that is meant: one that is set up, or the one that LeRobot's own options describe."""
    if options:
        return choose_lerobots(python, options, name, overrides)
    choice = choose_robot(name, overrides)
    if python is None:
        return choice
    from lerotool.devices.config.model import LeRobotConfig

    if not isinstance(choice.config, LeRobotConfig):
        raise UsageError(
            "--lerobot: no robot of LeRobot is named", hint="its options follow after --, for example -- --robot.type=…"
        )
    return RobotChoice(choice.name, choice.config.model_copy(update={"python": str(python)}), choice.path)


def choose_robot(name: str | None, overrides: Overrides) -> RobotChoice:
    """Return the robot that is meant."""
    name = name or _only_robot()
    if name == SIMULATED:
        if given := overrides.given():
            raise UsageError(f"{', '.join(given)}: the simulated robot has nothing of that kind", hint="leave it out")
        return RobotChoice(SIMULATED, None)
    from lerotool.devices.robots import find_robot, robot_file

    config = find_robot(name)
    return RobotChoice(Path(name).stem, _override(config, overrides), robot_file(name))


def choose_lerobots(python: Path | None, options: list[str], name: str | None, overrides: Overrides) -> RobotChoice:
    """Return the robot of LeRobot that a command line describes with LeRobot's own options."""
    from lerotool.devices.config.model import LeRobotConfig

    for option in options:
        if not option.startswith("--"):
            raise UsageError(f"unexpected argument {option!r}", hint="LeRobot's options are written --robot.type=…")
    if name is not None:
        raise UsageError("--robot and LeRobot's options both name a robot", hint="use one of them")
    settings = dict(option.removeprefix("--").partition("=")[::2] for option in options)
    called = settings.get("robot.id") or settings.get("robot.type") or "lerobot"
    config = LeRobotConfig(python=None if python is None else str(python), options=tuple(options))
    return RobotChoice(called, _override(config, overrides))


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
    from lerotool.devices.config import SoRobotConfig
    from lerotool.devices.config.model import LeRobotConfig

    if isinstance(config, LeRobotConfig) and given == ["--max-relative-target"]:
        limit = f"--robot.max_relative_target={overrides.max_relative_target}"
        return config.model_copy(update={"options": (*config.options, limit)})
    if not isinstance(config, SoRobotConfig):
        raise UsageError(f"{', '.join(given)}: for SO-100 and SO-101 arms, not {config.type!r}", hint="leave it out")
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
