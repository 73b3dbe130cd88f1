"""The arms and motors of a robot in words for people: a leader and a follower, once or twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from lerotool.devices.arms.joints import JOINTS, Joint, Role

LEADER_GEARS: Mapping[str, str] = MappingProxyType(
    {
        "shoulder_pan": "1:191, marked C044",
        "shoulder_lift": "1:345, marked C001",
        "elbow_flex": "1:191, marked C044",
        "wrist_flex": "1:147, marked C046",
        "wrist_roll": "1:147, marked C046",
        "gripper": "1:147, marked C046",
    }
)
"""Gears of an SO-101 leader. Nothing that a servo says of itself tells them apart."""


class Side(StrEnum):
    """Which pair of two."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Place:
    """Which arm of a robot."""

    role: Role
    side: Side | None = None  # of a robot with two pairs; None for the only pair

    def __str__(self) -> str:
        """Return the arm in words, such as ``left leader``."""
        return f"{self.side} {self.role}" if self.side else str(self.role)

    @property
    def key(self) -> str:
        """Its place in the robot's file, such as ``left.leader``."""
        return f"{self.side}.{self.role}" if self.side else str(self.role)

    @property
    def option(self) -> str:
        """The option that names its port, such as ``--left-leader``."""
        return f"--{self.side}-{self.role}" if self.side else f"--{self.role}"

    @property
    def arm_options(self) -> str:
        """The options that choose it, such as ``--arm leader --side left``."""
        return f"--arm {self.role}" + (f" --side {self.side}" if self.side else "")

    def arm_id(self, robot: str) -> str:
        """Return what its calibration file is called if nobody says otherwise."""
        return f"{robot}_{self.side}" if self.side else robot


SINGLE = (Place(Role.LEADER), Place(Role.FOLLOWER))
BIMANUAL = tuple(Place(role, side) for side in Side for role in (Role.LEADER, Role.FOLLOWER))


def joint_of(motor: int) -> Joint | None:
    """Return the joint that a motor's id belongs to, or None."""
    return next((joint for joint in JOINTS if joint.id == motor), None)


def motor_name(motor: int) -> str:
    """Return a motor in words, such as ``motor 3 (elbow_flex)``."""
    joint = joint_of(motor)
    return str(joint) if joint else f"motor {motor}"


def motor_names(motors: Sequence[int]) -> str:
    """Return several motors in words, such as ``motors 5 (wrist_roll) and 6 (gripper)``."""
    if len(motors) == 1:
        return motor_name(motors[0])
    names = [motor_name(motor).removeprefix("motor ") for motor in motors]
    return f"motors {', '.join(names[:-1])} and {names[-1]}"
