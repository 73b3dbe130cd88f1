"""Robots as a person describes them: one readable TOML file per robot."""

from lerotool.devices.config.base import CameraConfig, RecordDefaults, RobotConfig
from lerotool.devices.config.build import build_follower, build_leader, build_robot
from lerotool.devices.config.kinds import RobotKind, find_kind
from lerotool.devices.config.model import ArmConfig, PairConfig, SoRobotConfig
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
    "build_follower",
    "build_leader",
    "build_robot",
    "find_kind",
    "list_robots",
    "load_robot",
    "read_robot",
    "robot_path",
    "robots_folder",
    "save_defaults",
    "save_robot",
]
