"""A source that libav demuxes: cameras of this computer, and network streams that libav opens itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from threading import Event

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from lerotool.devices.cameras.jpeg import read_jpeg_size
from lerotool.devices.cameras.packers import VideoPacket, build_packer
from lerotool.devices.cameras.reader import Stamper
from lerotool.devices.cameras.sources import DEFAULT_FPS, StreamPacket, check_size
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceError, DeviceLostError
from lerotool.media.format import StreamCodec, StreamFormat

_ASK_AGAIN_S = 0.002
"""AVFoundation does not wait for a picture but tells to ask again."""
_UNCOMPRESSED = ("rawvideo", "wrapped_avframe")
_RATE_TOLERANCE = 0.02

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
        self._packer = build_packer(stream, container.streams.video[0])
        self._stamper = Stamper()
        self._first = first

    def packets(self) -> Iterator[StreamPacket]:
        """Yield packets as they arrive."""
        # Packets may lie in the driver's memory, which must be free before the container closes.
        with closing(self._container), closing(self._copies()) as copies:
            yield from copies
            if not self._stop.is_set():
                raise DeviceLostError("the stream has ended")

    def _copy(self, packet: VideoPacket) -> StreamPacket:
        arrived_ns = time.monotonic_ns()
        captured_ns = self._stamper.stamp(packet.pts, packet.time_base, arrived_ns)
        data, is_keyframe = self._packer.pack(packet)
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
    fps = delivered_fps(video) or spec.fps or DEFAULT_FPS
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


def delivered_fps(video: VideoStream) -> float | None:
    """Return the rate that a stream says it has, or None."""
    rate = video.average_rate or video.guessed_rate
    return float(rate) if rate and 0 < rate <= 1000 else None


def differs_in_rate(found: float, asked: float | None) -> bool:
    """Whether a rate is not the one asked for."""
    return asked is not None and abs(found - asked) > _RATE_TOLERANCE * asked
