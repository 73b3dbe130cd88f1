"""The motors of an SO-100 or SO-101 in words for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from lerotool.devices.arms.joints import JOINTS, Joint

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
