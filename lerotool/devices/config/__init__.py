"""Robots as a person describes them: one readable TOML file per robot."""

from lerotool.devices.config.build import build_follower, build_leader, build_robot
from lerotool.devices.config.files import list_robots, load_robot, read_robot, robot_path, robots_folder, save_robot
from lerotool.devices.config.model import ArmConfig, CameraConfig, PairConfig, RobotConfig

__all__ = [
    "ArmConfig",
    "CameraConfig",
    "PairConfig",
    "RobotConfig",
    "build_follower",
    "build_leader",
    "build_robot",
    "list_robots",
    "load_robot",
    "read_robot",
    "robot_path",
    "robots_folder",
    "save_robot",
]
