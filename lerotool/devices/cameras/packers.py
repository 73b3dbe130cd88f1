"""From a demuxer's packets to what the spool takes: JPEGs as they are, H.264 that can be cut, raw pictures.

A packet without data stands for a damaged one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeAlias

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.media.pyav import convert

VideoPacket: TypeAlias = "Packet[VideoStream]"

_START_CODE = b"\0\0\1"
_IDR = 5
_SEQUENCE_PARAMETERS = 7


class Packer(Protocol):
    """Copies what is needed out of a packet: it may lie in the driver's memory."""

    def pack(self, packet: VideoPacket) -> tuple[bytes, bool]:
        """Return the bytes for the spool, empty for a damaged packet, and whether they are a keyframe."""


def build_packer(stream: StreamFormat, video: VideoStream) -> Packer:
    """Return the packer of an opened stream for the format it is to be delivered in."""
    if stream.codec is StreamCodec.RAW:
        return RawPacker(stream)
    if stream.codec is StreamCodec.H264:
        return H264Packer(bytes(video.codec_context.extradata or b""))
    if stream.codec is StreamCodec.MJPEG:
        return JpegPacker()
    raise ValueError("no camera delivers picture files")


class JpegPacker:
    """JPEGs stay as they are."""

    def pack(self, packet: VideoPacket) -> tuple[bytes, bool]:
        """Return the packet's bytes."""
        return bytes(packet), True


class H264Packer:
    """Annex B in which every keyframe can be decoded without anything before it.

    Keyframes are IDR pictures only: what follows another kind of intra picture may still refer to pictures before it.
    ``parameters`` are the stream's parameter sets, Annex B, which some cameras send only when a stream is opened.
    """

    def __init__(self, parameters: bytes) -> None:
        self._parameters = parameters if parameters.startswith((_START_CODE, b"\0" + _START_CODE)) else b""

    def pack(self, packet: VideoPacket) -> tuple[bytes, bool]:
        """Return the packet's bytes, a keyframe's with parameter sets."""
        data = b"" if packet.is_corrupt else bytes(packet)
        kinds = set(iter_unit_kinds(data))
        is_keyframe = _IDR in kinds
        if is_keyframe and _SEQUENCE_PARAMETERS not in kinds:
            data = self._parameters + data
        return data, is_keyframe


def iter_unit_kinds(data: bytes) -> Iterator[int]:
    """Yield the ``nal_unit_type`` of each unit of an Annex B packet (ITU-T H.264, table 7-1)."""
    at = data.find(_START_CODE)
    while 0 <= at < len(data) - len(_START_CODE):
        yield data[at + len(_START_CODE)] & 0x1F
        at = data.find(_START_CODE, at + len(_START_CODE))


class RawPacker:
    """Uncompressed pictures of any layout become yuv420p, limited range, BT.601."""

    def __init__(self, stream: StreamFormat) -> None:
        self._stream = stream
        self._reformatter = VideoReformatter()

    def pack(self, packet: VideoPacket) -> tuple[bytes, bool]:
        """Return the converted picture."""
        if not packet.size or packet.is_corrupt:
            return b"", True
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            return b"", True
        return (self._convert(frames[0]) if frames else b""), True

    def _convert(self, frame: VideoFrame) -> bytes:
        picture = convert(
            self._reformatter, frame, self._stream.pixel_format, matrix=Colorspace.ITU601, color_range=ColorRange.MPEG
        )
        return picture.to_ndarray().tobytes()
