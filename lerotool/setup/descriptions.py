"""A robot's description while it is being set up: what it has already, and new descriptions from old ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from lerotool.devices.arms.joints import Role
from lerotool.devices.config import ArmConfig, CameraConfig, SoRobotConfig
from lerotool.errors import UsageError
from lerotool.setup.arm_names import BIMANUAL, SINGLE, Place, Side


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
    try:
        return SoRobotConfig.model_validate(document)
    except ValidationError as error:
        texts = [problem["msg"].removeprefix("Value error, ") for problem in error.errors(include_url=False)]
        raise UsageError("; ".join(texts)) from None
