"""Which robots there are: the simulated one, those that have a file under their name, and files named directly.

A robot's modules are imported when it is built.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lerotool.errors import UsageError

if TYPE_CHECKING:
    from lerotool.devices.config.model import RobotConfig
    from lerotool.devices.robot import Robot


SIMULATED = "sim"


def build_robot(name: str) -> Robot:
    """Return a robot, not yet open: the simulated one, one with a file under its name, or the one in a TOML file."""
    if name == SIMULATED:
        from lerotool.devices.arms import simulator

        return simulator.build_robot()
    from lerotool.devices import config

    described = find_robot(name)
    return config.find_kind(described.type).build(described, name if name in config.list_robots() else None)


def find_robot(name: str) -> RobotConfig:
    """Return a robot's description: of the one that has a file under its name, or the one in a TOML file."""
    from lerotool.devices import config

    return config.read_robot(robot_file(name))


def robot_file(name: str) -> Path:
    """Return the file that describes a robot."""
    from lerotool.devices import config

    known = config.list_robots()
    if name in known:
        return config.robot_path(name)
    path = Path(name).expanduser()
    if path.suffix == ".toml" or path.is_file():
        return path
    raise UsageError(
        f"unknown robot {name!r}", hint=f"known robots: {', '.join((SIMULATED, *known))}; lerotool setup makes one"
    )
