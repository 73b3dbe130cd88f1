"""What robots' files say: the type and the cameras, whatever the type, and what those of one type say beside.

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

A robot that LeRobot drives has cameras and

    type = "lerobot"
    python = "~/lerobot/bin/python"         an interpreter that has LeRobot; else LEROTOOL_LEROBOT
    options = ["--robot.type=koch_follower", "--robot.port=/dev/ttyACM0", "--teleop.type=koch_leader", "…"]
    start_speed = 60.0                      optional
    silence_s = 5.0                         optional
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StrictBool,
    StrictStr,
    model_validator,
)

from lerotool.choices import Units
from lerotool.devices.arms.joints import JOINT_NAMES, ArmType, Role
from lerotool.devices.cameras.spec import AUTO, CameraControls, CameraSpec, InputFormat
from lerotool.errors import UsageError

_LARGEST = 1e6
Positive = Annotated[float, Field(gt=0, le=_LARGEST, strict=True)]
_Number = Annotated[int, Field(strict=True)]
START_SPEED = 60.0
SILENCE_S = 1.0
SERIAL = "serial:"
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


def is_positive(value: object) -> bool:
    """Whether a value is a number above 0 that a setting can have."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _LARGEST


def _valid_exposure(value: object) -> object:
    if value is None or value == AUTO:
        return value
    if is_positive(value):
        return float(value)  # type: ignore[arg-type]
    raise ValueError(f"expected milliseconds above 0, or {AUTO!r}")


def _valid_white_balance(value: object) -> object:
    if value is None or value == AUTO or (is_positive(value) and isinstance(value, int)):
        return value
    raise ValueError(f"expected a whole number of kelvin, or {AUTO!r}")


class Part(BaseModel):
    """A table of a robot's file; keys that it does not know are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CameraConfig(Part):
    """One camera; what is None is up to the source."""

    source: str  # what delivers the pictures, as in ``CameraSpec``
    width: _Number | None = None  # pixels, as the camera sends pictures, before they are turned
    height: _Number | None = None  # pixels
    fps: Positive | None = None  # pictures a second
    input_format: InputFormat | None = None  # how pictures are to be packed: mjpeg, h264 or raw
    # Degrees by which pictures are turned, clockwise: 0, 90, 180 or 270.
    rotation: Literal[0, 90, 180, 270] | None = None
    # Of a picture, in milliseconds, or "auto"; None leaves it as the camera has it.
    exposure: Annotated[float | Literal["auto"] | None, PlainValidator(_valid_exposure)] = None
    gain: _Number | None = None  # in the driver's own numbers, or None
    # Colour temperature in kelvin, or "auto", or None.
    white_balance: Annotated[int | Literal["auto"] | None, PlainValidator(_valid_white_balance)] = None

    def to_spec(self, name: str) -> CameraSpec:
        """Return the camera as asked for."""
        return CameraSpec(
            name,
            self.source,
            self.width,
            self.height,
            self.fps,
            self.input_format,
            self.rotation or 0,
            CameraControls(self.exposure, self.gain, self.white_balance),
        )


class RecordDefaults(Part):
    """What `lerotool record` does with a robot where its command line says nothing else; None leaves it to lerotool.

    The names are those of the options. ``monitor`` is true, false, or the address where the page is served.
    """

    task: Annotated[str, Field(min_length=1)] | None = None
    fps: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None
    episodes: Annotated[int, Field(ge=1, strict=True)] | None = None
    episode_time: Annotated[float, Field(ge=0.1, le=_LARGEST, strict=True)] | None = None
    min_episode_time: Annotated[float, Field(ge=0, le=_LARGEST, strict=True)] | None = None
    reset_time: Annotated[float, Field(ge=0, le=_LARGEST, strict=True)] | None = None
    batch: Annotated[int, Field(ge=0, strict=True)] | None = None
    codec: Annotated[str, Field(min_length=1)] | None = None
    ask: StrictBool | None = None
    monitor: StrictBool | StrictStr | None = None
    bell: StrictBool | None = None
    success_column: StrictBool | None = None

    def given(self) -> dict[str, Any]:
        """Return what is said, by name."""
        return self.model_dump(exclude_none=True)


class RobotConfig(Part):
    """One robot of any type. A type's own model is a subclass with the settings of that type."""

    type: str  # what kind of robot it is, see ``lerotool.devices.config.kinds``
    cameras: dict[str, CameraConfig] = Field(default_factory=dict)  # by name
    # How it is recorded, unless the command line says otherwise.
    record: RecordDefaults = Field(default_factory=RecordDefaults)

    def camera_specs(self) -> list[CameraSpec]:
        """Return all cameras as asked for, in the file's order."""
        return [camera.to_spec(name) for name, camera in self.cameras.items()]

    @model_validator(mode="after")
    def _check_cameras(self) -> Self:
        for name, camera in self.cameras.items():
            try:
                camera.to_spec(name)
            except UsageError as error:
                raise ValueError(error.message) from None
        return self


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


class LeRobotConfig(RobotConfig):
    """A robot and a teleoperator of LeRobot."""

    type: Literal["lerobot"] = "lerobot"
    python: str | None = None  # an interpreter that has LeRobot; None takes the one that the environment names
    options: tuple[str, ...] = ()  # as typed for ``lerobot-record``, from ``--robot.type=…`` on
    # Units a second at which joints go to where the teleoperator has them, after the robot was opened.
    start_speed: Annotated[float, Field(ge=0, le=_LARGEST)] = START_SPEED
    silence_s: Positive = 5.0  # how long LeRobot may take for one answer
