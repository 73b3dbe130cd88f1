"""The table of robot types: what a robot's file may name as ``type``, and how such a robot is described and built.

Packages add rows by entry points of the group `GROUP`: the name is the type, the object a `RobotKind`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lerotool.devices.arms.arm import ArmPair, Follower, Leader, PairedFollower, PairedLeader
from lerotool.devices.arms.joints import ArmType, Role
from lerotool.devices.cameras.kinds import load_plugin
from lerotool.devices.config.model import ArmConfig, LeRobotConfig, RobotConfig, SoRobotConfig
from lerotool.devices.robot import Robot
from lerotool.errors import UsageError

if TYPE_CHECKING:
    from lerotool.devices.lerobot.robot import LeRobotRobot

GROUP = "lerotool.robots"
DEFAULT = str(ArmType.SO101)
VARIABLE = "LEROTOOL_LEROBOT"
"""Environment: an interpreter that has LeRobot."""


@dataclass(frozen=True, slots=True)
class RobotKind:
    """One row of the table of robot types."""

    config: type[RobotConfig]  # the model of its file
    # Takes the file's content and the name that ``--robot`` knows it by (None: a file somewhere else); returns the
    # robot with what a person steers it by, not yet open; raises UsageError if something is not set up.
    build: Callable[[Any, str | None], Robot]
    # The same without what a person steers it by; None if it cannot be replayed.
    build_for_replay: Callable[[Any, str | None], Robot] | None = None


def _build_robot(config: SoRobotConfig, name: str | None, *, needs_leader: bool = True) -> ArmPair:
    # What LeRobot calls these robots, SO-100 and SO-101 alike.
    robot_type = "bi_so_follower" if config.is_bimanual else "so_follower"
    leader = _build_leader(config, name) if needs_leader else None
    return ArmPair(robot_type, leader, _build_follower(config, name))


def _build_leader(config: SoRobotConfig, name: str | None = None) -> Leader:
    """Return the leader, or both as one, not yet open; ``name`` is that of the robot's file, for hints."""
    from lerotool.devices.arms.so_arm import SoLeader

    arms = [
        SoLeader(arm.port, arm.id, arm_type=config.type, units=config.units, silence_s=config.silence_s, robot=name)
        for arm in _arms(config, Role.LEADER)
    ]
    return PairedLeader(*arms) if config.is_bimanual else arms[0]


def _build_follower(config: SoRobotConfig, name: str | None = None) -> Follower:
    """Return the follower, or both as one, not yet open; ``name`` is that of the robot's file, for hints."""
    from lerotool.devices.arms.follower import SoFollower

    arms = [
        SoFollower(
            arm.port,
            arm.id,
            arm_type=config.type,
            units=config.units,
            silence_s=config.silence_s,
            max_relative_target=config.max_relative_target,
            start_speed=config.start_speed,
            robot=name,
        )
        for arm in _arms(config, Role.FOLLOWER)
    ]
    return PairedFollower(*arms) if config.is_bimanual else arms[0]


def _arms(config: SoRobotConfig, role: Role) -> list[ArmConfig]:
    places = [f"left.{role}", f"right.{role}"] if config.is_bimanual else [str(role)]
    if missing := [place for place in places if place not in config.arms]:
        raise UsageError(f"the robot has no {' and no '.join(missing)}", hint="set it up: lerotool setup")
    return [config.arms[place] for place in places]


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


def _build_lerobot(config: LeRobotConfig, name: str | None = None, *, needs_teleop: bool = True) -> LeRobotRobot:
    """Return the robot, not yet open, with what a person steers it by if that is needed."""
    del name
    from lerotool.devices.lerobot.robot import LeRobotRobot

    return LeRobotRobot(
        find_python(config.python),
        [option for option in config.options if needs_teleop or not option.startswith("--teleop.")],
        silence_s=config.silence_s,
        start_speed=config.start_speed,
        needs_teleop=needs_teleop,
    )


_SO_ARMS = RobotKind(SoRobotConfig, _build_robot, partial(_build_robot, needs_leader=False))
_LEROBOT = RobotKind(LeRobotConfig, _build_lerobot, partial(_build_lerobot, needs_teleop=False))
_OWN: dict[str, RobotKind] = {**dict.fromkeys(map(str, ArmType), _SO_ARMS), "lerobot": _LEROBOT}


def find_kind(robot_type: str) -> RobotKind:
    """Return the row of a robot type. Code of a third party is imported only when its type is asked for."""
    if (own := _OWN.get(robot_type)) is not None:
        return own
    for point in entry_points(group=GROUP, name=robot_type):
        return load_plugin(point, RobotKind)
    known = sorted({*_OWN, *(point.name for point in entry_points(group=GROUP))})
    raise UsageError(f"robot type {robot_type!r} is unknown", hint=f"known types: {', '.join(known)}")
