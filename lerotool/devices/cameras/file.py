"""A video file as a camera: played in real time, from the start again at its end.

Motion JPEG is delivered packet by packet as it is in the file, unless it must be scaled. Everything else is decoded,
ahead of time, and delivered raw: yuv420p, limited range, BT.601, which is what MJPEG cameras' pictures become when they
are encoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from lerotool.devices.cameras.sources import DEFAULT_FPS, Pace, StreamPacket
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceError, DeviceNotFoundError
from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.media.libav import address
from lerotool.media.pyav import convert


class FileSource:
    """Plays a file. A rate other than the file's plays it slower or faster; no picture is left out."""

    def __init__(self, path: Path, stream: StreamFormat, notes: tuple[str, ...], stop: Event) -> None:
        self.format = stream
        self.notes = notes
        self._path = path
        self._reformatter = VideoReformatter()
        self._stop = stop

    def packets(self) -> Iterator[StreamPacket]:
        """Yield one packet per picture when it is due."""
        pace = Pace(self.format.fps, self._stop)
        while True:
            played = 0
            for data in self._play():
                due = pace.wait()
                if due is None:
                    return
                yield StreamPacket(data, due)
                played += 1
            if not played:
                raise DeviceError(f"{self._path}: has no pictures")

    def close(self) -> None:
        """Stop playing."""
        self._stop.set()

    def _play(self) -> Iterator[bytes]:
        """Yield the pictures of the file once."""
        with _open_video(self._path) as (container, video):
            if self.format.codec is StreamCodec.MJPEG:
                yield from (bytes(packet) for packet in container.demux(video) if packet.size)
            else:
                yield from (self._pack(frame) for frame in container.decode(video))

    def _pack(self, frame: VideoFrame) -> bytes:
        raw = convert(
            self._reformatter,
            frame,
            self.format.pixel_format,
            size=(self.format.width, self.format.height),
            matrix=Colorspace.ITU601,
            color_range=ColorRange.MPEG,
        )
        return raw.to_ndarray().tobytes()


def open_source(spec: CameraSpec, stop: Event) -> FileSource:
    """Open a video file."""
    path = Path(spec.source)
    if not path.is_file():
        raise DeviceNotFoundError(
            f"camera {spec.name!r}: no file {spec.source!r}",
            hint="a source is a camera's index, path or usb:NAME, an http:// or rtsp:// address, a video file, or sim",
        )
    with _open_video(path) as (_, video):
        stream, notes = _choose_format(spec, video)
    return FileSource(path, stream, notes, stop)


def _choose_format(spec: CameraSpec, video: VideoStream) -> tuple[StreamFormat, tuple[str, ...]]:
    codec = video.codec_context
    own_fps = float(video.average_rate or video.guessed_rate or DEFAULT_FPS)
    fps = spec.fps or own_fps
    notes = (
        () if abs(fps - own_fps) < 0.01 else (f"{spec.source} has {own_fps:g} pictures a second, played at {fps:g}",)
    )
    size = spec.size or (codec.width, codec.height)
    if codec.name == "mjpeg" and size == (codec.width, codec.height):
        return StreamFormat(StreamCodec.MJPEG, *size, codec.pix_fmt or "yuvj422p", fps), notes
    if size[0] % 2 or size[1] % 2:
        raise DeviceError(
            f"camera {spec.name!r}: {spec.source} has pictures of {size[0]}x{size[1]}, which 4:2:0 cannot hold",
            hint=f"add an even size: {spec.name}={spec.source},{size[0] & ~1}x{size[1] & ~1}",
        )
    return StreamFormat(StreamCodec.RAW, *size, "yuv420p", fps), notes


@contextmanager
def _open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    try:
        with av.open(address(path), options={"protocol_whitelist": "file"}) as container:
            if not container.streams.video:
                raise DeviceError(f"{path}: has no video stream")
            video = container.streams.video[0]
            video.thread_count = 1
            yield container, video
    except av.error.FFmpegError as error:
        raise DeviceError(f"{path}: cannot be played: {error.strerror}", hint="try it with ffplay or VLC") from error
