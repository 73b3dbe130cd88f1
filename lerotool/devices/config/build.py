"""From a robot's description to its arms, not yet open."""

from __future__ import annotations

from lerotool.devices.arms.joints import Role
from lerotool.devices.config.model import ArmConfig, RobotConfig
from lerotool.devices.robot import Follower, Leader, Robot
from lerotool.errors import UsageError

SINGLE = "so_follower"
BIMANUAL = "bi_so_follower"
"""What LeRobot calls the robots, SO-100 and SO-101 alike."""


def build_robot(config: RobotConfig) -> Robot:
    """Return the robot with all its arms, not yet open.

    Raises:
        UsageError: an arm is not set up.
    """
    robot_type = BIMANUAL if config.is_bimanual else SINGLE
    return Robot(robot_type, build_leader(config), build_follower(config))


def build_leader(config: RobotConfig) -> Leader:
    """Return the leader, or both as one, not yet open.

    Raises:
        UsageError: it is not set up.
    """
    from lerotool.devices.arms.bimanual import PairedLeader
    from lerotool.devices.arms.leader import SoLeader

    def build(arm: ArmConfig) -> SoLeader:
        return SoLeader(arm.port, arm.id, arm_type=config.type, units=config.units, silence_s=config.silence_s)

    arms = [build(arm) for arm in _arms(config, Role.LEADER)]
    return PairedLeader(*arms) if config.is_bimanual else arms[0]


def build_follower(config: RobotConfig) -> Follower:
    """Return the follower, or both as one, not yet open.

    Raises:
        UsageError: it is not set up.
    """
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
        )

    arms = [build(arm) for arm in _arms(config, Role.FOLLOWER)]
    return PairedFollower(*arms) if config.is_bimanual else arms[0]


def _arms(config: RobotConfig, role: Role) -> list[ArmConfig]:
    places = [f"left.{role}", f"right.{role}"] if config.is_bimanual else [str(role)]
    if missing := [place for place in places if place not in config.arms]:
        raise UsageError(f"the robot has no {' and no '.join(missing)}", hint="set it up: lerotool setup")
    return [config.arms[place] for place in places]
