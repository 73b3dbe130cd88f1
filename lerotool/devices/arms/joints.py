"""The SO-100 and SO-101: six STS3215 servos in a chain, with LeRobot's names, ids and order.

Leader and follower have the same joints; the servos of a leader have other gears, which no register tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LAST_STEP = 4095
"""Positions are 0 to 4095; LeRobot divides a turn by this number, not by 4096."""


class ArmType(StrEnum):
    """Which arm it is."""

    SO100 = "so100"
    SO101 = "so101"


class Role(StrEnum):
    """What an arm does."""

    LEADER = "leader"
    FOLLOWER = "follower"


@dataclass(frozen=True, slots=True)
class Joint:
    """One joint.

    Attributes:
        name: LeRobot's.
        id: of its servo on the bus.
        turns_fully: its range is the whole turn, not what a person measured.
    """

    name: str
    id: int
    turns_fully: bool = False

    def __str__(self) -> str:
        return f"motor {self.id} ({self.name})"


JOINTS = (
    Joint("shoulder_pan", 1),
    Joint("shoulder_lift", 2),
    Joint("elbow_flex", 3),
    Joint("wrist_flex", 4),
    Joint("wrist_roll", 5, turns_fully=True),
    Joint("gripper", 6),
)
GRIPPER = JOINTS[-1]
JOINT_NAMES = tuple(joint.name for joint in JOINTS)
JOINT_IDS = tuple(joint.id for joint in JOINTS)
