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
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from lerotool.devices.cameras.demuxed import convert_raw
from lerotool.devices.cameras.sources import DEFAULT_FPS, Pace, PacedSource
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceError, DeviceNotFoundError
from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.media.libav import address


def open_source(spec: CameraSpec, stop: Event) -> PacedSource:
    """Open a video file. A rate other than its own plays it slower or faster; no picture is left out."""
    path = Path(spec.source)
    if not path.is_file():
        raise DeviceNotFoundError(
            f"camera {spec.name!r}: no file {spec.source!r}",
            hint="a source is a camera's index, path or usb:NAME, an http:// or rtsp:// address, a video file, or sim",
        )
    with _open_video(path) as (_, video):
        stream, notes = _choose_format(spec, video)
    return PacedSource(stream, _play(path, stream), Pace(stream.fps, stop), stop, notes)


def _play(path: Path, stream: StreamFormat) -> Iterator[bytes]:
    """Yield the pictures of a file, from the start again at its end."""
    reformatter = VideoReformatter()
    while True:
        played = 0
        with _open_video(path) as (container, video):
            if stream.codec is StreamCodec.MJPEG:
                pictures = (bytes(packet) for packet in container.demux(video) if packet.size)
            else:
                pictures = (convert_raw(reformatter, frame, stream) for frame in container.decode(video))
            for played, data in enumerate(pictures, 1):  # noqa: B007
                yield data
        if not played:
            raise DeviceError(f"{path}: has no pictures")


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
