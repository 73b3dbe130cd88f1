"""Pictures out of packets and out of single images, turned and converted."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.codec.context import Flags
from av.video.reformatter import ColorRange, VideoReformatter

from lerotool.errors import MediaError
from lerotool.media.depth import RAW_DTYPES, read_float_tiff
from lerotool.media.format import DEPTH_UNITS, Rotation, StreamCodec, StreamFormat
from lerotool.media.libav import convert, copy_tags, decoder, plane

Pixels = npt.NDArray[np.uint8]


def to_rgb(frame: av.VideoFrame, reformatter: VideoReformatter | None = None) -> Pixels:
    """Return a frame as (height, width, 3) RGB; a reformatter that is kept saves time."""
    return np.asarray(convert(reformatter or VideoReformatter(), frame, "rgb24").to_ndarray(), dtype=np.uint8)


_HALVED = {"yuvj444p": (0, 0), "yuvj422p": (1, 0), "yuv422p": (1, 0), "yuvj420p": (1, 1), "yuv420p": (1, 1)}
"""By how many bits columns and rows of colour are fewer than those of brightness."""


def sampled_rgb(frame: av.VideoFrame, step: int) -> Pixels:
    """Return ``to_rgb(frame)[::step, ::step]``, without converting the pixels between."""
    right, down = _HALVED.get(frame.format.name, (None, None))
    # At odd sizes FFmpeg interpolates colours, so that a pixel depends on those around it.
    if right is None or down is None or step == 1 or frame.width % 2 or frame.height % 2:
        return to_rgb(frame)[::step, ::step]
    rows, columns = np.arange(0, frame.height, step), np.arange(0, frame.width, step)
    height, width = len(rows) << down, len(columns) << right
    small = av.VideoFrame(width + width % 2, height + height % 2, frame.format.name)
    small.color_range, small.colorspace = frame.color_range, frame.colorspace
    plane(small, 0)[: height : 1 << down, : width : 1 << right] = plane(frame, 0)[::step, : frame.width : step]
    for number in (1, 2):
        colours = plane(frame, number)[np.ix_(rows >> down, columns >> right)]
        plane(small, number)[: len(rows), : len(columns)] = colours
    return to_rgb(small)[: height : 1 << down, : width : 1 << right]


_SIGNATURES = {b"\x89PNG": "png", b"\xff\xd8": "mjpeg", b"II*\x00": "tiff", b"MM\x00*": "tiff"}


def decode_image(data: bytes) -> npt.NDArray[Any]:
    """Decode a PNG, JPEG or TIFF.

    Returns (height, width, 3) uint8 RGB; for one channel of 16-bit or float32 values (height, width, 1) of that dtype.
    """
    codec = next((name for signature, name in _SIGNATURES.items() if data.startswith(signature)), None)
    if codec is None:
        raise MediaError(f"not a PNG, JPEG or TIFF picture: it starts with {bytes(data[:8])!r}")
    if codec == "tiff":
        try:
            metres = read_float_tiff(data)
        except ValueError as error:
            raise MediaError(f"damaged tiff picture: {error}") from None
        if metres is not None:
            return metres
    context = decoder(codec)
    if codec != "tiff":  # there, tags that FFmpeg does not know would count as errors
        # Else half a JPEG is taken for a whole one.
        context.options = {**context.options, "err_detect": "crccheck+explode"}
    try:
        frames = context.decode(av.Packet(data))
    except av.FFmpegError as error:
        raise MediaError(f"damaged {codec} picture: {error.strerror}") from error
    if len(frames) != 1:
        raise MediaError(f"damaged {codec} picture: {len(data)} bytes hold no picture")
    frame = frames[0]
    if frame.format.name.startswith(("gray16", "grayf32")):
        return np.asarray(frame.to_ndarray())[:, :, np.newaxis]
    return to_rgb(frame)


class PacketDecoder:
    """Decodes the packets of a camera stream, one picture a packet, in the calling thread.

    JPEGs come out as the camera made them, full range and not converted; all are turned as the format says. A JPEG that
    is cut still gives a picture, grey from where it ends: whoever receives packets has to look at their ends.
    """

    def __init__(self, format: StreamFormat) -> None:  # noqa: A002 - the contract's word
        self._format = format
        has_decoder = format.codec not in (StreamCodec.RAW, StreamCodec.PICTURE)
        self._context = decoder(format.codec.value) if has_decoder else None
        if self._context is None:
            self._raw_shape = _raw_shape(format)
        elif format.codec is StreamCodec.H264:
            self._context.flags |= Flags.low_delay

    def decode(self, packet: bytes | memoryview) -> av.VideoFrame:
        """Decode one packet and turn its picture; H.264 packets in their order, from a keyframe on.

        A raw picture that is not turned is not copied: the frame reads the packet's memory and keeps it alive.
        """
        return turn(self._picture(packet), self._format.rotation)

    def _picture(self, packet: bytes | memoryview) -> av.VideoFrame:
        if self._format.codec is StreamCodec.PICTURE:
            return self._raw_frame(self._pixels(packet))
        if self._context is None:
            return self._raw_frame(packet)
        name = self._format.codec.value
        if len(packet) == 0:
            raise MediaError(f"an empty {name} packet has no picture")
        try:
            frames = self._context.decode(av.Packet(packet if isinstance(packet, bytes) else bytes(packet)))
        except av.FFmpegError as error:
            raise MediaError(f"a {name} packet of {len(packet)} bytes cannot be decoded: {error.strerror}") from error
        if len(frames) != 1:
            raise MediaError(f"a {name} packet of {len(packet)} bytes gives {len(frames)} pictures, expected one")
        return frames[0]

    def _pixels(self, packet: bytes | memoryview) -> memoryview:
        """Return the picture in a file as a raw one, of the size and pixel format that it is to have."""
        picture = decode_image(bytes(packet))
        height, width, _ = picture.shape
        found = f"{width}x{height} {picture.dtype}"
        dtype = RAW_DTYPES.get(self._format.pixel_format, np.dtype(np.uint8))
        if (width, height) != self._format.sent_size or picture.dtype != dtype:
            expected = f"{'x'.join(map(str, self._format.sent_size))} {dtype}"
            raise MediaError(f"the picture is {found}, expected {expected}")
        return np.ascontiguousarray(picture).data.cast("B")

    def _raw_frame(self, packet: bytes | memoryview) -> av.VideoFrame:
        dtype = RAW_DTYPES.get(self._format.pixel_format, np.dtype(np.uint8))
        expected = int(np.prod(self._raw_shape)) * dtype.itemsize
        if len(packet) != expected:
            raise MediaError(f"a raw picture has {len(packet)} bytes, expected {expected} ({self._format})")
        array: npt.NDArray[Any] = np.frombuffer(packet, dtype).reshape(self._raw_shape)
        frame = av.VideoFrame.from_numpy_buffer(array, format=self._format.pixel_format)
        if self._format.pixel_format == "yuv420p":
            frame.color_range = ColorRange.MPEG
        return frame


def _raw_shape(format: StreamFormat) -> tuple[int, ...]:  # noqa: A002
    width, height = format.sent_size
    if format.pixel_format == "rgb24":
        return height, width, 3
    if format.pixel_format == "yuv420p" and width % 2 == 0 and height % 2 == 0:
        return height * 3 // 2, width
    if format.pixel_format in DEPTH_UNITS:
        return height, width
    raise MediaError(
        f"raw pictures of {width}x{height} {format.pixel_format} are not supported",
        hint="yuv420p of an even size, rgb24, gray16le and grayf32le are",
    )


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
