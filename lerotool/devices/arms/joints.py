"""The SO-100 and SO-101: six STS3215 servos in a chain, with LeRobot's names, ids and order.

Leader and follower have the same joints; the servos of a leader have other gears, which no register tells.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection
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
    """One joint."""

    name: str
    id: int
    turns_fully: bool = False  # its range is the whole turn, not what a person measured

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


def setup_command(step: str, robot: str | None) -> str:
    """Return what sets a robot up: the step if the robot's name is known, else the walk through all of them."""
    return f"lerotool setup {step} {shlex.quote(robot)}" if robot else "lerotool setup"


def describe_silence(silent: Collection[int], robot: str | None = None) -> tuple[str, str]:
    """Return which motors do not answer, and where to look, for people."""
    ids = sorted(silent)
    who = (
        f"motors {', '.join(map(str, ids))} do not answer" if len(ids) > 1 else f"{JOINTS[ids[0] - 1]} does not answer"
    )
    return who, _where(ids, robot)


def _where(ids: list[int], robot: str | None) -> str:
    first = JOINTS[ids[0] - 1]
    if len(ids) == len(JOINTS):
        return (
            "check the arm's power supply and the cable between the adapter and motor 1; "
            f"if the motors are new: {setup_command('motors', robot)}"
        )
    if ids == list(range(first.id, JOINTS[-1].id + 1)):
        return f"check the cable between {JOINTS[first.id - 2]} and {first}"
    which = f"{first} has" if len(ids) == 1 else "they have"
    command = setup_command("bus", robot)
    return f"motors behind answer, so the cables carry data: check that {which} the right id ({command})"
