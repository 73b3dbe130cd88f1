"""The SO-100 and SO-101: six STS3215 servos in a chain, with LeRobot's names, ids and order, and its units.

Leader and follower have the same joints; the servos of a leader have other gears, which no register tells. The formulas
are LeRobot's (0.6.1, ``MotorsBus._normalize``). With r the step, m and M the ends of the joint's range, K = 4095:

    degrees      (r − (m + M) / 2) · 360 / K, not bounded; the drive mode does not count
    −100..100    r bounded to m..M; (r − m) / (M − m) · 200 − 100; negated where the drive mode is 1
    0..100       r bounded to m..M; (r − m) / (M − m) · 100; 100 minus that where the drive mode is 1

The operations stand in LeRobot's order, so that results are the same to the last bit.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lerotool.choices import Units

LAST_STEP = 4095
"""Positions are 0 to 4095; LeRobot divides a turn by this number, not by 4096."""
_SNAP_STEPS = 1e-3
"""More than what float32 does to a position (2e-4 steps), much less than what a person can ask for."""


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


class JointUnit(StrEnum):
    """What one joint's values mean."""

    DEGREES = "degrees"
    M100_100 = "-100..100"
    ZERO_100 = "0..100"


def joint_units(units: Units) -> tuple[JointUnit, ...]:
    """Return the unit of each joint of an arm, in ``JOINTS`` order."""
    body = JointUnit.DEGREES if units is Units.DEGREES else JointUnit.M100_100
    return tuple(JointUnit.ZERO_100 if joint is GRIPPER else body for joint in JOINTS)


@dataclass(frozen=True, slots=True)
class JointScale:
    """How one joint's steps and values belong together."""

    unit: JointUnit
    range_min: int
    range_max: int  # highest step, above ``range_min``
    is_inverted: bool = False  # LeRobot's drive mode is 1

    def to_value(self, step: int) -> float:
        """Return a position as LeRobot does."""
        low, high = self.range_min, self.range_max
        if self.unit is JointUnit.DEGREES:
            return (step - (low + high) / 2) * 360 / LAST_STEP
        bounded = min(high, max(low, step))
        if self.unit is JointUnit.M100_100:
            value = (((bounded - low) / (high - low)) * 200) - 100
            return -value if self.is_inverted else value
        value = ((bounded - low) / (high - low)) * 100
        return 100 - value if self.is_inverted else value

    def to_step(self, value: float) -> int:
        """Return the step that LeRobot sends for a value: cut off, not rounded; degrees are not bounded."""
        return int(self._position(value))

    def to_goal(self, value: float) -> int:
        """Return the step to send for a value: LeRobot's, but within the range, and what was a step is that step.

        A whole step that went through a value comes out a hair lower every other time; cutting that off would make it
        another step.
        """
        position = self._position(value)
        nearest = round(position)
        step = nearest if abs(position - nearest) < _SNAP_STEPS else int(position)
        return min(self.range_max, max(self.range_min, step))

    @property
    def units_per_step(self) -> float:
        """How much the value changes from one step to the next."""
        if self.unit is JointUnit.DEGREES:
            return 360 / LAST_STEP
        return (200 if self.unit is JointUnit.M100_100 else 100) / (self.range_max - self.range_min)

    def _position(self, value: float) -> float:
        low, high = self.range_min, self.range_max
        if self.unit is JointUnit.DEGREES:
            return (value * LAST_STEP / 360) + (low + high) / 2
        if self.unit is JointUnit.M100_100:
            bounded = min(100.0, max(-100.0, -value if self.is_inverted else value))
            return ((bounded + 100) / 200) * (high - low) + low
        bounded = min(100.0, max(0.0, 100 - value if self.is_inverted else value))
        return (bounded / 100) * (high - low) + low


def normalise(steps: Iterable[int], scales: Sequence[JointScale]) -> list[float]:
    """Return positions as LeRobot does, one per joint."""
    return [scale.to_value(step) for scale, step in zip(scales, steps, strict=True)]
