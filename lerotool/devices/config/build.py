"""From a robot's description to its arms, not yet open."""

from __future__ import annotations

from lerotool.devices.arms.arm import Follower, Leader
from lerotool.devices.arms.joints import Role
from lerotool.devices.arms.pair import ArmPair
from lerotool.devices.config.model import ArmConfig, SoRobotConfig
from lerotool.errors import UsageError

SINGLE = "so_follower"
BIMANUAL = "bi_so_follower"
"""What LeRobot calls the robots, SO-100 and SO-101 alike."""


def build_robot(config: SoRobotConfig, name: str | None = None) -> ArmPair:
    """Return the robot with all its arms, not yet open; ``name`` is its file's, if it has one, for hints."""
    return ArmPair(_robot_type(config), build_leader(config, name), build_follower(config, name))


def build_follower_only(config: SoRobotConfig, name: str | None = None) -> ArmPair:
    """Return the robot without a leader, not yet open."""
    return ArmPair(_robot_type(config), None, build_follower(config, name))


def _robot_type(config: SoRobotConfig) -> str:
    return BIMANUAL if config.is_bimanual else SINGLE


def build_leader(config: SoRobotConfig, name: str | None = None) -> Leader:
    """Return the leader, or both as one, not yet open."""
    from lerotool.devices.arms.bimanual import PairedLeader
    from lerotool.devices.arms.so_arm import SoLeader

    def build(arm: ArmConfig) -> SoLeader:
        return SoLeader(
            arm.port, arm.id, arm_type=config.type, units=config.units, silence_s=config.silence_s, robot=name
        )

    arms = [build(arm) for arm in _arms(config, Role.LEADER)]
    return PairedLeader(*arms) if config.is_bimanual else arms[0]


def build_follower(config: SoRobotConfig, name: str | None = None) -> Follower:
    """Return the follower, or both as one, not yet open."""
    from lerotool.devices.arms.bimanual import PairedFollower
    from lerotool.devices.arms.follower import SoFollower

    def build(arm: ArmConfig) -> SoFollower:
        return SoFollower(
            arm.port,
            arm.id,
            arm_type=config.type,
            units=config.units,
            silence_s=config.silence_s,
            max_relative_target=config.max_relative_target,
            start_speed=config.start_speed,
            robot=name,
        )

    arms = [build(arm) for arm in _arms(config, Role.FOLLOWER)]
    return PairedFollower(*arms) if config.is_bimanual else arms[0]


def _arms(config: SoRobotConfig, role: Role) -> list[ArmConfig]:
    places = [f"left.{role}", f"right.{role}"] if config.is_bimanual else [str(role)]
    if missing := [place for place in places if place not in config.arms]:
        raise UsageError(f"the robot has no {' and no '.join(missing)}", hint="set it up: lerotool setup")
    return [config.arms[place] for place in places]
