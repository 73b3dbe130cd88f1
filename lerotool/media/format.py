"""Values that describe streams of pictures and how they are encoded. Imports no codec library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

from lerotool.arguments import as_count, as_instance, as_text


class StreamCodec(StrEnum):
    """How the pictures of a camera stream are packed."""

    MJPEG = "mjpeg"
    """One JPEG a packet, as the camera sent it."""
    H264 = "h264"
    """Annex B; packets depend on the ones before, back to the last keyframe."""
    RAW = "rawvideo"
    """One uncompressed picture a packet, rows without padding, in ``StreamFormat.pixel_format``."""
    PICTURE = "picture"
    """One PNG, JPEG or TIFF file a packet, which gives a picture in ``StreamFormat.pixel_format``."""


Rotation = Literal[0, 90, 180, 270]
"""Degrees, clockwise."""

_READING = {"extra": "ignore"}
"""In a file, keys of a later lerotool are passed over; without this a file's own rule, to keep them, would be taken."""


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What a camera delivers."""

    __pydantic_config__: ClassVar = _READING

    codec: StreamCodec  # how pictures are packed
    width: int  # pixels, after the turn by ``rotation``
    height: int  # pixels, after the turn
    # FFmpeg's name, before the turn, e.g. ``yuvj422p``; for raw pictures the layout of the bytes, ``yuv420p`` (limited
    # range), ``rgb24``, or for depths ``gray16le`` (millimetres) or ``grayf32le`` (metres).
    pixel_format: str
    fps: float  # the rate that the camera says it has; packets carry their own times
    rotation: Rotation = 0  # by how much decoded pictures are turned; the packets stay as the camera sent them

    @property
    def sent_size(self) -> tuple[int, int]:
        """(width, height) of the pictures in the packets."""
        return (self.height, self.width) if self.rotation in (90, 270) else (self.width, self.height)

    @property
    def is_upright_jpeg(self) -> bool:
        """Whether a packet is the picture as a JPEG file already."""
        return self.codec is StreamCodec.MJPEG and not self.rotation

    def turned(self, rotation: Rotation) -> Self:
        """Return the format of the same packets whose pictures are turned."""
        width, height = self.sent_size
        if rotation in (90, 270):
            width, height = height, width
        return replace(self, width=width, height=height, rotation=rotation)


AUTO = "auto"
"""The codec that stands for the best encoder of the machine; `lerotool.media.encode` finds it."""

DEPTH_UNITS: Mapping[str, str] = MappingProxyType({"gray16le": "mm", "grayf32le": "m"})
"""Pixel formats of raw depth pictures, and what LeRobot calls their units."""


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """How videos are encoded; names and defaults are LeRobot's.

    Attributes:
        vcodec: ``libsvtav1``, ``h264``, ``hevc``, an FFmpeg encoder's name, or ``auto``.
        pix_fmt: pixel format of the video.
        g: frames from one keyframe to the next (GOP); short, because training reads frames at random.
        crf: quality, lower is better.
        preset: speed; None is the encoder's own default.
        fast_decode: SVT-AV1's and x264's tuning for quick decoding, 0 is off.
        extra_options: further options of the FFmpeg encoder.
    """

    __pydantic_config__: ClassVar = _READING

    vcodec: str = "libsvtav1"
    pix_fmt: str = "yuv420p"
    g: int | None = 2
    crf: int | None = 30
    preset: int | str | None = 12
    fast_decode: int = 0
    extra_options: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Make sure that every setting is of its kind; whether an encoder takes it is the encoder's to say.

        Raises:
            UsageError: for the first that is not.
        """
        as_text("vcodec", self.vcodec)
        as_text("pix_fmt", self.pix_fmt)
        for name, value, least in (("g", self.g, 1), ("crf", self.crf, 0), ("fast_decode", self.fast_decode, 0)):
            if value is not None:
                as_count(name, value, least)
        if self.preset is not None:
            as_instance("preset", self.preset, int | str, "a number for SVT-AV1, a name for others")
        as_instance("extra_options", self.extra_options, Mapping, "texts by name")
        for name, text in self.extra_options.items():
            as_text(f"extra option {name!r}", text)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for files."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return plain | {"extra_options": dict(self.extra_options)}


DEPTH_SETTINGS = EncoderSettings(
    vcodec="hevc", pix_fmt="gray12le", preset=None, extra_options={"x265-params": "lossless=1"}
)
"""How depth videos are encoded: LeRobot's own, without loss after the quantisation."""
