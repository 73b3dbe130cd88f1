"""What the file of a robot of SO arms says.

    type = "so101"                          so100 or so101
    units = "degrees"                       or "range"
    max_relative_target = 20.0              optional; or one number per joint
    start_speed = 60.0                      optional
    silence_s = 1.0                         optional
    [follower]  port = "serial:5A68012345"  or a path      id = "bench"
    [leader]    port, id
    [cameras.front]  source = "/dev/v4l/by-path/…"  width = 640  height = 480  fps = 30  input_format = "mjpeg"

A robot with two pairs has ``[left.follower]``, ``[left.leader]``, ``[right.follower]`` and ``[right.leader]`` instead
of ``[follower]`` and ``[leader]``. A part that is not set up yet may be left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import AfterValidator, PlainValidator, model_validator

from lerotool.choices import Units
from lerotool.devices.arms.joints import JOINT_NAMES, ArmType, Role
from lerotool.devices.config.base import Part, Positive, RobotConfig, is_positive

START_SPEED = 60.0
SILENCE_S = 1.0
SERIAL = "serial:"
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


def _valid_id(text: str) -> str:
    if not text.strip() or text != text.strip() or text.startswith(".") or _FORBIDDEN.search(text):
        raise ValueError("expected a name that can be a file's, as the calibration file is called after it")
    return text


def _valid_port(text: str) -> str:
    if not text.removeprefix(SERIAL).strip() or not text.isprintable():
        raise ValueError(f'expected a path, or "{SERIAL}" and the serial number of the adapter')
    return text


def _valid_limits(limits: object) -> float | dict[str, float] | None:
    if limits is None or is_positive(limits):
        return limits  # type: ignore[return-value]
    if isinstance(limits, dict) and set(limits) == set(JOINT_NAMES) and all(map(is_positive, limits.values())):
        return {name: float(limits[name]) for name in JOINT_NAMES}
    raise ValueError(f"expected a number above 0, or one for each of {', '.join(JOINT_NAMES)}")


class ArmConfig(Part):
    """One arm."""

    # ``serial:`` and the serial number of its USB adapter, or the path of the port.
    port: Annotated[str, AfterValidator(_valid_port)]
    id: Annotated[str, AfterValidator(_valid_id)]


class PairConfig(Part):
    """A follower and its leader; None is not set up yet."""

    follower: ArmConfig | None = None
    leader: ArmConfig | None = None


class SoRobotConfig(RobotConfig):
    """A robot of SO-100 or SO-101 arms: one pair or two, and cameras."""

    type: ArmType = ArmType.SO101
    units: Units = Units.DEGREES
    # How far from where a joint stands it may be sent at once, in its units: one number, or one per joint; None does
    # not limit.
    max_relative_target: Annotated[float | dict[str, float] | None, PlainValidator(_valid_limits)] = None
    # Units per second at which the follower goes to where its leader stands, after it was opened.
    start_speed: Positive = START_SPEED
    silence_s: Positive = SILENCE_S
    follower: ArmConfig | None = None  # of the only pair
    leader: ArmConfig | None = None  # of the only pair
    left: PairConfig | None = None
    right: PairConfig | None = None

    @property
    def is_bimanual(self) -> bool:
        """Whether the robot has two pairs."""
        return self.left is not None or self.right is not None

    @property
    def arms(self) -> dict[str, ArmConfig]:
        """All arms that are set up, by their place in the file (``follower``, ``left.leader`` …)."""
        pairs = {"": self, "left.": self.left, "right.": self.right}
        arms = {
            f"{prefix}{role}": None if pair is None else getattr(pair, role)
            for prefix, pair in pairs.items()
            for role in (Role.FOLLOWER, Role.LEADER)
        }
        return {place: arm for place, arm in arms.items() if arm is not None}

    @model_validator(mode="after")
    def _check_as_a_whole(self) -> Self:
        single = self.follower is not None or self.leader is not None
        if single and self.is_bimanual:
            raise ValueError("expected either [follower] and [leader], or [left] and [right], found both")
        self._check_distinct()
        return self

    def _check_distinct(self) -> None:
        arms = self.arms
        for port, count in Counter(arm.port for arm in arms.values()).items():
            if count > 1:
                raise ValueError(f"{_listed(k for k, a in arms.items() if a.port == port)} have the same port {port!r}")
        for role in Role:
            ids = {place: arm.id for place, arm in arms.items() if place.endswith(role)}
            for arm_id, count in Counter(ids.values()).items():
                if count > 1:
                    raise ValueError(
                        f"{_listed(ids)} have the same id {arm_id!r}, so they would share one calibration file"
                    )


def _listed(places: Iterable[str]) -> str:
    return " and ".join(places)
