"""The arms of a robot: in words for people, and in its description while it is being set up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lerotool.devices.arms.joints import JOINTS, Joint, Role
from lerotool.errors import UsageError

if TYPE_CHECKING:
    from lerotool.devices.config import ArmConfig, CameraConfig, SoRobotConfig

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


def places_of(config: SoRobotConfig) -> tuple[Place, ...]:
    """Return the arms that a robot has or should have, set up or not."""
    return BIMANUAL if config.is_bimanual else SINGLE


def arm_at(config: SoRobotConfig, place: Place) -> ArmConfig | None:
    """Return an arm's entry, or None if it is not set up."""
    return config.arms.get(place.key)


def select(config: SoRobotConfig, role: Role | None, side: Side | None) -> tuple[Place, ...]:
    """Return the arms that are set up and that a role and a side, where given, choose."""
    chosen = tuple(
        place
        for place in places_of(config)
        if arm_at(config, place) and role in (None, place.role) and side in (None, place.side)
    )
    if not chosen:
        known = ", ".join(config.arms) or "none"
        wanted = " ".join(str(word) for word in (side, role) if word)
        raise UsageError(
            f"the robot has no {wanted} arm that is set up" if wanted else "the robot has no arm that is set up",
            hint=f"arms that are: {known}; lerotool setup adds one",
        )
    return chosen


def with_ports(config: SoRobotConfig, robot: str, ports: Mapping[Place, str]) -> SoRobotConfig:
    """Return a description in which arms have these ports.

    An arm keeps its id. Another arm that had one of the ports so far is not set up any more.
    """
    document = config.model_dump(exclude_none=True)
    for place in places_of(config):
        arm = arm_at(config, place)
        if arm and place not in ports and arm.port in ports.values():
            del (document[str(place.side)] if place.side else document)[str(place.role)]
    for place, port in ports.items():
        before = arm_at(config, place)
        entry = {"port": port, "id": before.id if before else place.arm_id(robot)}
        parent = document.setdefault(str(place.side), {}) if place.side else document
        parent[str(place.role)] = entry
    return _validated(document)


def with_camera(config: SoRobotConfig, name: str, camera: CameraConfig) -> SoRobotConfig:
    """Return a description with one more camera, or another one of that name."""
    document = config.model_dump(exclude_none=True)
    document.setdefault("cameras", {})[name] = camera.model_dump(exclude_none=True)
    return _validated(document)


def _validated(document: dict[str, Any]) -> SoRobotConfig:
    from pydantic import ValidationError

    from lerotool.devices.config import SoRobotConfig

    try:
        return SoRobotConfig.model_validate(document)
    except ValidationError as error:
        texts = [problem["msg"].removeprefix("Value error, ") for problem in error.errors(include_url=False)]
        raise UsageError("; ".join(texts)) from None
