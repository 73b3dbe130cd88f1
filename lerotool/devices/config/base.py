"""What the files of all robots say, whatever their type: the type and the cameras."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StrictBool, StrictStr, model_validator

from lerotool.devices.cameras.spec import AUTO, CameraControls, CameraSpec, InputFormat
from lerotool.errors import UsageError

_LARGEST = 1e6
Positive = Annotated[float, Field(gt=0, le=_LARGEST, strict=True)]
_Number = Annotated[int, Field(strict=True)]


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
