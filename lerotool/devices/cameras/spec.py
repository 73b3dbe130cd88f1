"""What a user says about a camera: ``NAME=SOURCE[,WxH][,FPS][,mjpeg|h264|raw]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self, get_args

from lerotool.errors import UsageError
from lerotool.features import CAMERA_PREFIX
from lerotool.media.format import Rotation

FORM = (
    "NAME=SOURCE[,WxH][,FPS][,mjpeg|h264|raw], for example front=0,640x480,30, wrist=/dev/video2,1280x720,30,mjpeg, "
    "top=http://10.0.0.7:81/stream, side=clip.mp4,640x480 or front=sim"
)
_NAME = re.compile(r"[A-Za-z0-9_-]+")
# The source is as short as the size and rate at the right end allow, so it may itself contain commas and equal signs.
_SOURCE = re.compile(
    r"(?P<source>.*?)(?:,(?P<width>[0-9]+)[xX](?P<height>[0-9]+))?(?:,(?P<fps>[0-9]+(?:\.[0-9]+)?))?"
    r"(?:,(?P<input>mjpeg|h264|raw))?",
    re.DOTALL,
)
LONGEST_SIDE = 8192
"""Of a picture, in pixels."""
_SIDES = range(32, LONGEST_SIDE + 1)
_MAX_FPS = 1000.0
AUTO: Literal["auto"] = "auto"
"""The setting of a control that the camera is to choose by itself."""


class InputFormat(StrEnum):
    """How a camera is to pack its pictures."""

    MJPEG = "mjpeg"
    H264 = "h264"
    RAW = "raw"
    """Uncompressed, in whatever layout the camera has."""


@dataclass(frozen=True, slots=True)
class CameraControls:
    """Controls of a camera's driver; what is None stays as the camera has it."""

    exposure: float | Literal["auto"] | None = None  # of a picture, in milliseconds, or ``auto``
    gain: int | None = None  # in the driver's own numbers
    white_balance: int | Literal["auto"] | None = None  # colour temperature in kelvin, or ``auto``

    def given(self) -> dict[str, float | str]:
        """Return what is to be set, by name."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """A camera as asked for; what is None is up to the source."""

    name: str  # letters, digits, ``_`` and ``-``
    # What delivers the pictures: the index, path or name of a camera of this computer (``0``, ``/dev/v4l/by-id/…``,
    # ``usb:NAME``), an ``http(s)://``, ``rtsp://`` or ``tcp://`` address, a video file's path, ``sim`` or
    # ``sim:numbered``.
    source: str
    # Pixels, even, or None, as the camera sends pictures, before the turn; never without ``height``.
    width: int | None = None
    height: int | None = None  # pixels, even, or None
    fps: float | None = None  # pictures a second, or None
    # How pictures are to be packed, or None for what is cheapest to keep: MJPEG where it is offered.
    input_format: InputFormat | None = None
    rotation: Rotation = 0  # degrees by which pictures are turned, clockwise
    controls: CameraControls = CameraControls()  # of the camera's driver

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise _error(f"camera name {self.name!r}: expected letters, digits, '_' and '-'")
        if not self.source.strip() or "\0" in self.source:
            raise _error(f"camera {self.name!r} has no source")
        if (self.width is None) != (self.height is None):
            raise _error(f"camera {self.name!r}: width and height go together")
        for side in (self.width, self.height):
            if side is not None and (side not in _SIDES or side % 2):
                raise _error(
                    f"camera {self.name!r}: size {self.width}x{self.height}, expected even numbers "
                    f"from {_SIDES.start} to {_SIDES.stop - 1}"
                )
        if self.fps is not None and not 0 < self.fps <= _MAX_FPS:
            raise _error(
                f"camera {self.name!r}: {self.fps:g} pictures a second, expected more than 0, up to {_MAX_FPS:g}"
            )
        if self.rotation not in get_args(Rotation):
            raise UsageError(f"camera {self.name!r}: rotation {self.rotation}, expected 0, 90, 180 or 270 degrees")

    @property
    def key(self) -> str:
        """The feature's name, ``observation.images.NAME``."""
        return CAMERA_PREFIX + self.name

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) as asked for, or None."""
        return None if self.width is None or self.height is None else (self.width, self.height)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Build a spec from ``NAME=SOURCE[,WxH][,FPS][,mjpeg|h264|raw]``.

        The name ends at the first ``=``; size, rate and format are recognised from the right end.
        """
        name, equals, rest = text.partition("=")
        if not equals:
            raise _error(f"camera {text!r} has no '='")
        match = _SOURCE.fullmatch(rest)
        assert match is not None, "the pattern matches every text"
        width, height, fps = match["width"], match["height"], match["fps"]
        return cls(
            name.strip(),
            match["source"].strip(),
            int(width) if width else None,
            int(height) if height else None,
            float(fps) if fps else None,
            InputFormat(match["input"]) if match["input"] else None,
        )

    def __str__(self) -> str:
        size = "" if self.size is None else f",{self.width}x{self.height}"
        rate = "" if self.fps is None else f",{self.fps:g}"
        return f"{self.name}={self.source}{size}{rate}" + (f",{self.input_format}" if self.input_format else "")


def _error(text: str) -> UsageError:
    return UsageError(text, hint=f"write a camera as {FORM}")
