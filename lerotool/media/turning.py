"""Decoded pictures turned by quarter turns: every sample of every plane goes to another place, none changes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import av
import numpy as np

from lerotool.errors import MediaError
from lerotool.media.format import Rotation
from lerotool.media.libav import copy_tags, plane

_ALIKE = ("yuv420p", "yuvj420p", "yuv444p", "yuvj444p", "gray", "rgb24", "gray16le", "grayf32le")
_TURNED: Mapping[str, str] = MappingProxyType(
    {
        **{layout: layout for layout in _ALIKE},
        # Colours that were halved across are halved down.
        "yuv422p": "yuv440p",
        "yuvj422p": "yuvj440p",
        "yuv440p": "yuv422p",
        "yuvj440p": "yuvj422p",
    }
)
"""The pixel formats that can be turned, and what each is after a quarter turn."""
_SAMPLE_BYTES = {"rgb24": 3, "gray16le": 2, "grayf32le": 4}


def can_be_turned(pixel_format: str) -> bool:
    """Whether pictures of a pixel format can be turned without a change of their samples."""
    return pixel_format in _TURNED


def turn(frame: av.VideoFrame, rotation: Rotation) -> av.VideoFrame:
    """Return a frame turned clockwise; the frame itself for 0 degrees."""
    if not rotation:
        return frame
    layout = frame.format.name
    if not can_be_turned(layout):
        raise MediaError(f"pictures of {layout} cannot be turned", hint=f"these can: {', '.join(_TURNED)}")
    is_quarter = rotation != 180
    size = (frame.height, frame.width) if is_quarter else (frame.width, frame.height)
    turned = av.VideoFrame(*size, _TURNED[layout] if is_quarter else layout)
    for number in range(len(frame.planes)):
        _samples(turned, number)[...] = np.rot90(_samples(frame, number), -rotation // 90)
    copy_tags(frame, turned)
    return turned


def _samples(frame: av.VideoFrame, number: int) -> np.ndarray:
    """Return a plane as (height, width, bytes of a sample); what is written there is the frame's."""
    lines, width, size = plane(frame, number), frame.planes[number].width, _SAMPLE_BYTES.get(frame.format.name, 1)
    return lines[:, : width * size].reshape(len(lines), width, size)
