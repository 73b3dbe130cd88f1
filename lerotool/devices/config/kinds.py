"""The table of robot types: what a robot's file may name as ``type``, and how such a robot is described and built.

Packages add rows by entry points of the group `GROUP`: the name is the type, the object a `RobotKind`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from lerotool.devices.arms.joints import ArmType
from lerotool.devices.config import lerobot
from lerotool.devices.config.base import RobotConfig
from lerotool.devices.config.build import build_follower_only, build_robot
from lerotool.devices.config.model import SoRobotConfig
from lerotool.devices.plugins import load_plugin
from lerotool.devices.robot import Robot
from lerotool.errors import UsageError

GROUP = "lerotool.robots"
DEFAULT = str(ArmType.SO101)


@dataclass(frozen=True, slots=True)
class RobotKind:
    """One row of the table of robot types."""

    config: type[RobotConfig]  # the model of its file
    # Takes the file's content and the name that ``--robot`` knows it by (None: a file somewhere else); returns the
    # robot with what a person steers it by, not yet open; raises UsageError if something is not set up.
    build: Callable[[Any, str | None], Robot]
    # The same without what a person steers it by; None if it cannot be replayed.
    build_for_replay: Callable[[Any, str | None], Robot] | None = None


_SO_ARMS = RobotKind(SoRobotConfig, build_robot, build_follower_only)
_LEROBOT = RobotKind(lerobot.LeRobotConfig, lerobot.build_robot, lerobot.build_follower_only)
_OWN: dict[str, RobotKind] = {**{str(kind): _SO_ARMS for kind in ArmType}, lerobot.TYPE: _LEROBOT}


def known_types() -> list[str]:
    """Return all types that a robot's file may name, sorted."""
    return sorted({*_OWN, *(point.name for point in entry_points(group=GROUP))})


def find_kind(robot_type: str) -> RobotKind:
    """Return the row of a robot type. Code of a third party is imported only when its type is asked for."""
    if (own := _OWN.get(robot_type)) is not None:
        return own
    for point in entry_points(group=GROUP, name=robot_type):
        return load_plugin(point, RobotKind)
    raise UsageError(f"robot type {robot_type!r} is unknown", hint=f"known types: {', '.join(known_types())}")
