"""A source that libav demuxes: cameras of this computer, and network streams that libav opens itself.

What becomes of a packet: JPEGs stay as they are, H.264 becomes such that it can be cut, raw pictures yuv420p.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from threading import Event
from typing import TypeAlias

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from lerotool.devices.cameras.jpeg import read_jpeg_size
from lerotool.devices.cameras.reader import Stamper
from lerotool.devices.cameras.sources import DEFAULT_FPS, StreamPacket, check_size
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceError, DeviceLostError
from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.media.libav import convert

_ASK_AGAIN_S = 0.002
"""AVFoundation does not wait for a picture but tells to ask again."""
_UNCOMPRESSED = ("rawvideo", "wrapped_avframe")
_START_CODE = b"\0\0\1"
_IDR = 5
_SEQUENCE_PARAMETERS = 7

VideoPacket: TypeAlias = "Packet[VideoStream]"
Pack = Callable[[VideoPacket], tuple[bytes, bool]]
"""Copies what is needed out of a packet, which may lie in the driver's memory.

Returns the bytes for the spool, empty for a damaged packet, and whether they are a keyframe.
"""
Explain = Callable[[av.error.FFmpegError], DeviceError]


class DemuxedSource:
    """An opened container, read by one thread, which also closes it.

    ``close`` cannot wake a thread that waits inside of libav: it ends with the next packet or the container's own
    time limit. ``explain`` says in our words why reading has failed; ``first`` is a packet that was read already.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: StreamFormat,
        notes: tuple[str, ...],
        stop: Event,
        explain: Explain,
        first: VideoPacket | None = None,
    ) -> None:
        self.format = stream
        self.notes = notes
        self._container = container
        self._stop = stop
        self._explain = explain
        self._pack = _choose_packer(stream, container.streams.video[0])
        self._stamper = Stamper()
        self._first = first

    def packets(self) -> Generator[StreamPacket, None, None]:
        """Yield packets as they arrive."""
        # Packets may lie in the driver's memory, which must be free before the container closes.
        with closing(self._container), closing(self._copies()) as copies:
            yield from copies
            if not self._stop.is_set():
                raise DeviceLostError("the stream has ended")

    def _copy(self, packet: VideoPacket) -> StreamPacket:
        arrived_ns = time.monotonic_ns()
        captured_ns = self._stamper.stamp(packet.pts, packet.time_base, arrived_ns)
        data, is_keyframe = self._pack(packet)
        return StreamPacket(data, captured_ns, is_keyframe)

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()

    def _copies(self) -> Generator[StreamPacket, None, None]:
        first, self._first = self._first, None
        if first is not None:
            copy = self._copy(first)
            del first
            yield copy
        while not self._stop.is_set():
            try:
                for packet in self._container.demux(video=0):
                    if self._stop.is_set():
                        return
                    if packet.size or packet.pts is not None:  # PyAV ends a stream with a packet that has neither
                        yield self._copy(packet)
            except BlockingIOError:
                self._stop.wait(_ASK_AGAIN_S)
            except av.error.FFmpegError as error:
                raise self._explain(error) from error
            else:
                return


def read_format(spec: CameraSpec, where: str, container: InputContainer) -> StreamFormat:
    """Return what an opened container will be delivered as."""
    if not container.streams.video:
        raise DeviceError(f"{where} has no video stream")
    video = container.streams.video[0]
    codec = video.codec_context
    if not codec.width or not codec.height or not codec.pix_fmt:
        raise DeviceError(f"{where} sends no picture that can be read")
    size = codec.width, codec.height
    check_size(where, *size)
    told = float(video.average_rate or video.guessed_rate or 0)
    fps = told if 0 < told <= 1000 else spec.fps or DEFAULT_FPS
    if codec.name in _UNCOMPRESSED:
        if size[0] % 2 or size[1] % 2:
            raise DeviceError(
                f"{where} delivers pictures of {size[0]}x{size[1]}, which 4:2:0 cannot hold",
                hint="ask for an even size",
            )
        return StreamFormat(StreamCodec.RAW, *size, "yuv420p", fps)
    if codec.name not in (StreamCodec.MJPEG, StreamCodec.H264):
        raise DeviceError(
            f"{where} delivers {codec.name}, expected MJPEG, H.264 or uncompressed pictures",
            hint="choose one of these in the camera's own settings",
        )
    if codec.has_b_frames:
        raise DeviceError(
            f"{where} delivers H.264 with B-frames, whose pictures come out of order",
            hint="choose the baseline profile, or no B-frames, in the camera's own settings",
        )
    return StreamFormat(StreamCodec(codec.name), *size, codec.pix_fmt, fps)


def read_true_size(
    container: InputContainer, stream: StreamFormat, explain: Explain
) -> tuple[StreamFormat, VideoPacket | None]:
    """Return the format with the size that the first JPEG itself says, and that packet.

    Where the driver chose a much smaller size than asked for, libav takes its pictures for halves of interlaced ones.
    """
    try:
        for packet in container.demux(video=0):
            if not packet.size and packet.pts is None:
                return stream, None
            if (size := read_jpeg_size(bytes(packet))) is not None:
                return replace(stream, width=size[0], height=size[1]), packet
    except av.error.FFmpegError as error:
        raise explain(error) from error
    return stream, None


def _choose_packer(stream: StreamFormat, video: VideoStream) -> Pack:
    """Return the packer of an opened stream for the format it is to be delivered in."""
    match stream.codec:
        case StreamCodec.RAW:
            return partial(_pack_raw, stream, VideoReformatter())
        case StreamCodec.H264:
            extradata = bytes(video.codec_context.extradata or b"")
            is_annex_b = extradata.startswith((_START_CODE, b"\0" + _START_CODE))
            return partial(pack_h264, extradata if is_annex_b else b"")
        case _:
            return lambda packet: (bytes(packet), True)


def pack_h264(parameters: bytes, packet: VideoPacket) -> tuple[bytes, bool]:
    """Return Annex B in which every keyframe can be decoded without anything before it.

    Keyframes are IDR pictures only: what follows another kind of intra picture may still refer to pictures before it.
    ``parameters`` are the stream's parameter sets, Annex B, which some cameras send only when a stream is opened.
    """
    data = b"" if packet.is_corrupt else bytes(packet)
    kinds = set(iter_unit_kinds(data))
    is_keyframe = _IDR in kinds
    if is_keyframe and _SEQUENCE_PARAMETERS not in kinds:
        data = parameters + data
    return data, is_keyframe


def iter_unit_kinds(data: bytes) -> Iterator[int]:
    """Yield the ``nal_unit_type`` of each unit of an Annex B packet (ITU-T H.264, table 7-1)."""
    at = data.find(_START_CODE)
    while 0 <= at < len(data) - len(_START_CODE):
        yield data[at + len(_START_CODE)] & 0x1F
        at = data.find(_START_CODE, at + len(_START_CODE))


def _pack_raw(stream: StreamFormat, reformatter: VideoReformatter, packet: VideoPacket) -> tuple[bytes, bool]:
    frames = []
    if packet.size and not packet.is_corrupt:
        with suppress(av.error.InvalidDataError):
            frames = packet.decode()
    return (convert_raw(reformatter, frames[0], stream) if frames else b""), True


def convert_raw(reformatter: VideoReformatter, frame: VideoFrame, stream: StreamFormat) -> bytes:
    """Return a picture of any layout as uncompressed pictures of a stream are kept: limited range, BT.601."""
    picture = convert(
        reformatter,
        frame,
        stream.pixel_format,
        size=(stream.width, stream.height),
        matrix=Colorspace.ITU601,
        color_range=ColorRange.MPEG,
    )
    return picture.to_ndarray().tobytes()
