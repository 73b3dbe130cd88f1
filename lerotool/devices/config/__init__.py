"""Robots as a person describes them: one readable TOML file per robot."""

from lerotool.devices.config.kinds import RobotKind, find_kind
from lerotool.devices.config.model import (
    ArmConfig,
    CameraConfig,
    PairConfig,
    RecordDefaults,
    RobotConfig,
    SoRobotConfig,
)
from lerotool.devices.config.robot_files import (
    list_robots,
    load_robot,
    read_robot,
    robot_path,
    robots_folder,
    save_defaults,
    save_robot,
)

__all__ = [
    "ArmConfig",
    "CameraConfig",
    "PairConfig",
    "RecordDefaults",
    "RobotConfig",
    "RobotKind",
    "SoRobotConfig",
    "find_kind",
    "list_robots",
    "load_robot",
    "read_robot",
    "robot_path",
    "robots_folder",
    "save_defaults",
    "save_robot",
]
