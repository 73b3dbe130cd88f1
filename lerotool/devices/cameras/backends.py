"""A camera that is plugged into this computer, and how each system's input device of libav is asked for it.

Options: ffmpeg.org/ffmpeg-devices.html. A backend offers several attempts because these devices refuse what a camera
does not have, instead of choosing something near; only Video4Linux chooses the nearest size and rate by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lerotool.devices.cameras.sources import DEFAULT_FPS, DEFAULT_SIZE
from lerotool.devices.cameras.spec import CameraSpec, InputFormat
from lerotool.errors import DeviceError

Options = dict[str, str]


@dataclass(frozen=True, slots=True)
class Backend:
    """One input device of libav."""

    format: str  # libav's name of it
    attempts: Callable[[CameraSpec], Iterator[Options]]  # what to ask for, the best first
    prefix: str = ""  # before a camera's path or name in what libav is given
    has_controls: bool = False  # whether `v4l2` can set those of a camera's driver


def _attempt_v4l2(spec: CameraSpec) -> Iterator[Options]:
    wanted = _mode(spec, spec.size or DEFAULT_SIZE)
    for packed in _packed(spec):
        yield {"input_format": packed, **wanted}
    # Without an input format libav takes the first that the camera has: raw ones, then MJPEG, then H.264.
    yield wanted


def _attempt_avfoundation(spec: CameraSpec) -> Iterator[Options]:
    for size in _sizes(spec):  # pictures come uncompressed, whatever the camera sends
        yield {"pixel_format": "nv12", **_mode(spec, size)}


def _attempt_dshow(spec: CameraSpec) -> Iterator[Options]:
    for size in _sizes(spec):
        wanted = {**_mode(spec, size), "rtbufsize": "64M"}
        for packed in _packed(spec):
            yield {"vcodec": packed, **wanted}
        yield wanted


def _packed(spec: CameraSpec) -> tuple[str, ...]:
    """Return the compressed formats to ask for, the best first."""
    if spec.input_format is InputFormat.RAW:
        return ()
    return ("h264", "mjpeg") if spec.input_format is InputFormat.H264 else ("mjpeg",)


def _sizes(spec: CameraSpec) -> tuple[tuple[int, int] | None, ...]:
    """Return the size asked for; if there is none the usual one, then the camera's own."""
    return (DEFAULT_SIZE, None) if spec.size is None else (spec.size,)


def _mode(spec: CameraSpec, size: tuple[int, int] | None) -> Options:
    chosen = {} if size is None else {"video_size": f"{size[0]}x{size[1]}"}
    return {**chosen, "framerate": f"{spec.fps or DEFAULT_FPS:g}"}


V4L2 = Backend("v4l2", _attempt_v4l2, has_controls=True)
AVFOUNDATION = Backend("avfoundation", _attempt_avfoundation)
DSHOW = Backend("dshow", _attempt_dshow, prefix="video=")

BACKENDS: Mapping[str, Backend] = MappingProxyType({"linux": V4L2, "darwin": AVFOUNDATION, "win32": DSHOW})
"""By ``sys.platform``."""


def choose_backend(platform: str = sys.platform) -> Backend:
    """Return this system's backend."""
    if platform not in BACKENDS:
        raise DeviceError(
            f"cameras of a {platform} computer are not supported", hint="use a network camera, for example a phone"
        )
    return BACKENDS[platform]


@dataclass(frozen=True, slots=True)
class CameraMode:
    """One way in which a camera can deliver pictures."""

    format: str  # ``mjpeg``, ``h264``, or the four-letter code of another format, ``YUYV`` for example
    width: int  # pixels
    height: int  # pixels
    rates: tuple[float, ...] = ()  # pictures a second, highest first; empty if the camera does not tell

    @property
    def input_format(self) -> InputFormat:
        """What to ask for to get this mode."""
        return InputFormat(self.format) if self.format in tuple(InputFormat) else InputFormat.RAW

    def __str__(self) -> str:
        rates = f" at {', '.join(f'{rate:g}' for rate in self.rates)}" if self.rates else ""
        return f"{self.format} {self.width}x{self.height}{rates}"


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera that is plugged in."""

    name: str  # as its maker calls it; several may have the same
    path: str  # what the system calls it as long as it is plugged in
    # What to write as the source of a camera: it means this camera also after it was unplugged or the computer was
    # switched off. Of cameras that cannot be told apart it means the USB socket.
    stable_path: str
    modes: tuple[CameraMode, ...] = ()  # what it can deliver; empty where the system does not tell
    # What the system calls it whatever else is plugged in, where it has such a name beside the path.
    unique_id: str | None = None
