"""What a robot's file says.

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

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, model_validator

from lerotool.devices.arms.joints import JOINT_NAMES, ArmType, Role
from lerotool.devices.arms.units import Units
from lerotool.devices.cameras.spec import CameraSpec, InputFormat
from lerotool.errors import UsageError

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
    if limits is None or _is_positive(limits):
        return limits  # type: ignore[return-value]
    if isinstance(limits, dict) and set(limits) == set(JOINT_NAMES) and all(map(_is_positive, limits.values())):
        return {name: float(limits[name]) for name in JOINT_NAMES}
    raise ValueError(f"expected a number above 0, or one for each of {', '.join(JOINT_NAMES)}")


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _LARGEST


_LARGEST = 1e6
_Positive = Annotated[float, Field(gt=0, le=_LARGEST, strict=True)]
_Number = Annotated[int, Field(strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ArmConfig(_Part):
    """One arm.

    Attributes:
        port: ``serial:`` and the serial number of its USB adapter, or the path of the port.
        id: what its calibration file is called.
    """

    port: Annotated[str, AfterValidator(_valid_port)]
    id: Annotated[str, AfterValidator(_valid_id)]


class PairConfig(_Part):
    """A follower and its leader; None is not set up yet."""

    follower: ArmConfig | None = None
    leader: ArmConfig | None = None


class CameraConfig(_Part):
    """One camera; what is None is up to the source.

    Attributes:
        source: what delivers the pictures, as in ``CameraSpec``.
        width: pixels.
        height: pixels.
        fps: pictures a second.
        input_format: how pictures are to be packed: mjpeg, h264 or raw.
    """

    source: str
    width: _Number | None = None
    height: _Number | None = None
    fps: _Positive | None = None
    input_format: InputFormat | None = None

    def to_spec(self, name: str) -> CameraSpec:
        """Return the camera as asked for.

        Raises:
            UsageError: it cannot be.
        """
        return CameraSpec(name, **self.model_dump())


class RobotConfig(_Part):
    """One robot: one pair of arms or two, and cameras.

    Attributes:
        type: which arms.
        units: of the body joints.
        max_relative_target: how far from where a joint stands it may be sent at once, in its units: one number, or one
            per joint; None does not limit.
        start_speed: units per second at which the follower goes to where its leader stands, after it was opened.
        silence_s: how long a motor may be silent before the arm counts as lost.
        follower: of the only pair.
        leader: of the only pair.
        left: the left pair of two.
        right: the right pair of two.
        cameras: by name.
    """

    type: ArmType = ArmType.SO101
    units: Units = Units.DEGREES
    max_relative_target: Annotated[float | dict[str, float] | None, PlainValidator(_valid_limits)] = None
    start_speed: _Positive = START_SPEED
    silence_s: _Positive = SILENCE_S
    follower: ArmConfig | None = None
    leader: ArmConfig | None = None
    left: PairConfig | None = None
    right: PairConfig | None = None
    cameras: dict[str, CameraConfig] = Field(default_factory=dict)

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

    def camera_specs(self) -> list[CameraSpec]:
        """Return all cameras as asked for, in the file's order."""
        return [camera.to_spec(name) for name, camera in self.cameras.items()]

    @model_validator(mode="after")
    def _check_as_a_whole(self) -> Self:
        single = self.follower is not None or self.leader is not None
        if single and self.is_bimanual:
            raise ValueError("expected either [follower] and [leader], or [left] and [right], found both")
        self._check_distinct()
        for name, camera in self.cameras.items():
            try:
                camera.to_spec(name)
            except UsageError as error:
                raise ValueError(error.message) from None
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
