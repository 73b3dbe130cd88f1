"""How each system's camera input device of libav is asked: Video4Linux, AVFoundation, DirectShow.

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
    """One input device of libav.

    Attributes:
        format: libav's name of it.
        address: from a camera's path or name to what libav is given.
        attempts: what to ask for, the best first.
    """

    format: str
    address: Callable[[str], str]
    attempts: Callable[[CameraSpec], Iterator[Options]]


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
    match spec.input_format:
        case InputFormat.RAW:
            return ()
        case InputFormat.H264:
            return InputFormat.H264.value, InputFormat.MJPEG.value
        case _:
            return (InputFormat.MJPEG.value,)


def _sizes(spec: CameraSpec) -> tuple[tuple[int, int] | None, ...]:
    """Return the size asked for; if there is none the usual one, then the camera's own."""
    return (DEFAULT_SIZE, None) if spec.size is None else (spec.size,)


def _mode(spec: CameraSpec, size: tuple[int, int] | None) -> Options:
    chosen = {} if size is None else {"video_size": f"{size[0]}x{size[1]}"}
    return {**chosen, "framerate": f"{spec.fps or DEFAULT_FPS:g}"}


V4L2 = Backend("v4l2", lambda path: path, _attempt_v4l2)
AVFOUNDATION = Backend("avfoundation", lambda name: name, _attempt_avfoundation)
DSHOW = Backend("dshow", lambda name: f"video={name}", _attempt_dshow)

BACKENDS: Mapping[str, Backend] = MappingProxyType({"linux": V4L2, "darwin": AVFOUNDATION, "win32": DSHOW})
"""By ``sys.platform``."""


def choose_backend(platform: str = sys.platform) -> Backend:
    """Return this system's backend.

    Raises:
        DeviceError: cameras of this system are not supported.
    """
    if platform not in BACKENDS:
        raise DeviceError(
            f"cameras of a {platform} computer are not supported", hint="use a network camera, for example a phone"
        )
    return BACKENDS[platform]
