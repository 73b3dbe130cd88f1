"""JPEG packets as USB cameras send them: made from 4:2:2 full-range planes, and checked for being whole."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter
from numpy.typing import NDArray

from lerotool.media.libav import convert, plane

Plane = NDArray[np.uint8]

_QUANTISER_SCALE = 118  # FF_QP2LAMBDA
_MOST_SEGMENTS = 1000
"""Before the frame header; endless fill bytes must not hold the reader."""
_FIXED_QUANTISER = 0x2  # AV_CODEC_FLAG_QSCALE


class JpegEncoder:
    """Encodes pictures of one size. Not for sharing between threads."""

    def __init__(self, width: int, height: int) -> None:
        self._codec = _open_encoder(width, height, "yuvj422p", quality=3)
        self._frame = av.VideoFrame(width, height, "yuvj422p")
        self._count = 0

    def encode(self, luma: Plane, blue: Plane, red: Plane) -> bytes:
        """Return the JPEG of a picture given as planes Y (h, w), Cb and Cr (h, w/2), full range."""
        for number, values in enumerate((luma, blue, red)):
            plane(self._frame, number)[:, : values.shape[1]] = values
        self._frame.pts = self._count
        self._count += 1
        (packet,) = self._codec.encode(self._frame)
        return bytes(packet)


def encode_still(frame: VideoFrame) -> bytes:
    """Return a picture as a JPEG file. A camera's own JPEG may lack the tables that viewers need."""
    full = convert(VideoReformatter(), frame, "yuvj420p", color_range=ColorRange.JPEG)
    full.pts = 0
    (packet,) = _open_encoder(frame.width, frame.height, "yuvj420p", quality=2).encode(full)
    return bytes(packet)


def _open_encoder(width: int, height: int, pixel_format: str, quality: int) -> VideoCodecContext:
    codec = av.CodecContext.create("mjpeg", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, pixel_format
    codec.time_base = Fraction(1, 30)
    codec.thread_count = 1  # frame threads would hold pictures back
    codec.qmin = codec.qmax = quality
    codec.flags |= _FIXED_QUANTISER
    codec.options = {"global_quality": str(quality * _QUANTISER_SCALE)}
    return codec


def read_jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return (width, height) as a JPEG's frame header says (ITU-T T.81, B.2.2), or None if that header is missing."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if at + 9 > len(data) or data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 1 if marker == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def is_whole_jpeg(data: bytes) -> bool:
    """Whether a packet begins and ends as a JPEG does; half a JPEG decodes without any error.

    Zeros after the end mark, which some cameras send, are allowed.
    """
    if not data.startswith(b"\xff\xd8"):
        return False
    return data.endswith(b"\xff\xd9") or (data.endswith(b"\0") and data.rstrip(b"\0").endswith(b"\xff\xd9"))
