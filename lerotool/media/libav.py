"""How FFmpeg's libraries are opened, silenced and kept at our priority, and how their errors become ours.

What PyAV 17 can do and PyAV 15 and 16 cannot is here too: LeRobot 0.6 is installed with PyAV 15. What is written is the
same with each; CI runs the tests with the oldest and the newest.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer, OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from lerotool.errors import DeviceError, MediaError

# SVT-AV1 writes to stderr by itself; it looks at this when an encoder opens. 0: fatal errors only.
os.environ.setdefault("SVT_LOG", "0")

# What is wrong with the system rather than with the file passes through as OSError.
_SYSTEM_ERRORS = frozenset(
    getattr(errno, name)
    for name in ("ENOENT", "EACCES", "EROFS", "ENOSPC", "EDQUOT", "EFBIG", "EMFILE", "ENFILE", "ENOMEM")
    if hasattr(errno, name)
)

# There, this transform is as exact as FFmpeg's own choice (1 level off in 1.4 % of all pixels, against libjpeg) and
# decoding a JPEG takes 17 % less time with it. Elsewhere it is plain C.
_X86 = ("x86_64", "AMD64")


# A file of a dataset comes from anywhere: a playlist in it must not make FFmpeg open other files or hosts.
_ONLY_FILES = {"protocol_whitelist": "file", "format_whitelist": "mov,matroska"}
_EXPECTED = "expected an MP4, MOV or Matroska file"
_THREADS = Path("/proc/self/task")


def address(path: Path) -> str:
    """Return what FFmpeg is given for a file: absolute, so that no part of the name is taken for a protocol."""
    return str(Path(path).absolute())


@contextlib.contextmanager
def named_errors(path: Path, problem: str) -> Iterator[None]:
    """Turn FFmpeg's errors into ours, naming the file."""
    try:
        yield
    except av.FFmpegError as error:
        text = error.strerror or str(error)
        if isinstance(error, OSError) and error.errno in _SYSTEM_ERRORS:
            raise OSError(error.errno, text, str(path)) from error
        raise MediaError(f"{str(path)!r}: {problem}: {text}") from error


@contextlib.contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open an MP4, MOV or Matroska file for reading; gives the container and its first video stream."""
    path = Path(path)
    with named_errors(path, "cannot be read as a video"):
        try:
            container = av.open(address(path), options=dict(_ONLY_FILES), metadata_errors="replace")
        except av.FFmpegError as error:
            if error.errno != errno.EINVAL:
                raise
            raise MediaError(f"{str(path)!r}: cannot be read as a video: {_EXPECTED}") from error
    with container:
        if not container.streams.video:
            raise MediaError(f"{str(path)!r}: the file has no video stream")
        stream = container.streams.video[0]
        if getattr(stream, "codec_context", None) is None or not stream.width or not stream.pix_fmt:
            raise MediaError(f"{str(path)!r}: the video stream cannot be decoded: its codec or picture size is unknown")
        yield container, stream


def plane(frame: av.VideoFrame, number: int) -> npt.NDArray[np.uint8]:
    """Return a plane of a frame, to read and to write: (lines, bytes); lines may have more bytes than pixels."""
    found = frame.planes[number]
    buffer: Any = found
    return np.frombuffer(buffer, np.uint8).reshape(-1, found.line_size)[: found.height]


def copy_tags(source: av.VideoFrame, target: av.VideoFrame) -> None:
    """Give a frame the range, the matrix and the time of another."""
    target.color_range, target.colorspace = source.color_range, source.colorspace
    target.pts = source.pts
    if source.time_base is not None:
        target.time_base = source.time_base


def decoder(name: str) -> VideoCodecContext:
    """Return a decoder of single packets by FFmpeg's name; it runs in the calling thread."""
    context = av.CodecContext.create(name, "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1
    if name == "mjpeg" and platform.machine() in _X86:
        context.options = {"idct": "xvid"}
    return context


@contextlib.contextmanager
def kept_priority() -> Iterator[None]:
    """Undo what the block does to the scheduling of this thread; threads that it starts get the same.

    SVT-AV1 asks for real-time priority (SCHED_FIFO, 99) whenever it runs as root, for its own threads and for the one
    that opens it. That starves everything else on the machine, the recorder's cameras and servo bus first.
    """
    if sys.platform != "linux" or not _THREADS.is_dir():
        yield
        return
    before = {thread.name for thread in _THREADS.iterdir()}
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)
        for started in {thread.name for thread in _THREADS.iterdir()} - before:
            # A thread that has ended meanwhile needs no priority.
            with contextlib.suppress(ProcessLookupError):
                os.sched_setscheduler(int(started), policy, parameters)


_IS_17 = hasattr(av.VideoFrame, "color_primaries")

_BT601 = int(Colorspace.ITU601)
_UNTOLD = (0, 2)
"""Numbers of matrices (ITU-T H.273) that name none for YUV: BT.601 then."""
_FULL_RANGE = {"yuv420p": "yuvj420p", "yuv422p": "yuvj422p", "yuv444p": "yuvj444p", "yuv440p": "yuvj440p"}
"""The names that FFmpeg also has for formats of full range."""


def convert(
    reformatter: VideoReformatter,
    frame: av.VideoFrame,
    pixel_format: str | None = None,
    *,
    size: tuple[int | None, int | None] = (None, None),
    matrix: Colorspace | None = None,
    color_range: ColorRange | None = None,
) -> av.VideoFrame:
    """Return a frame in another pixel format, size, matrix or range; the frame itself if it fits.

    Its own matrix and range are those of its tags. The work is done in the calling thread: jobs are parallel by
    processes. `pixel_format`: FFmpeg's name; None leaves it. `size`: width and height in pixels; None leaves it.
    `matrix`: of the result; None leaves it.
    """
    width, height = size
    if _IS_17:
        return reformatter.reformat(
            frame, width, height, pixel_format, dst_colorspace=matrix, dst_color_range=color_range, threads=1
        )
    # PyAV 15 and 16 look at no tag of the range, and at that of the matrix only where the result's is another one.
    source, own = _named_by_range(frame), int(frame.colorspace)
    own = _BT601 if own in _UNTOLD else own
    wanted = int(matrix) if matrix is not None else own
    if av.VideoFormat(pixel_format or source.format.name).is_rgb:
        wanted = _BT601
    is_full = source.format.name.startswith("yuvj") or source.color_range == ColorRange.JPEG
    becomes_full = color_range is None and (pixel_format or source.format.name).startswith("yuvj")
    result = reformatter.reformat(
        source,
        width,
        height,
        pixel_format,
        src_colorspace=own,
        dst_colorspace=wanted,
        src_color_range=ColorRange.JPEG if is_full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG if becomes_full else color_range,
    )
    if result is not frame and color_range is not None:
        result.color_range = color_range
    return result


def _named_by_range(frame: av.VideoFrame) -> av.VideoFrame:
    """Return a full-range frame under the format's name that says so; another one as it is."""
    name = _FULL_RANGE.get(frame.format.name)
    if name is None or frame.color_range != ColorRange.JPEG:
        return frame
    renamed = av.VideoFrame(frame.width, frame.height, name)
    for number, source in enumerate(frame.planes):
        plane(renamed, number)[:, : source.width] = plane(frame, number)[:, : source.width]
    copy_tags(frame, renamed)
    return renamed


class InputDevice(Protocol):
    """A camera or microphone, as libav knows it."""

    name: str
    description: str
    media_types: list[str]


def list_input_devices(backend: str) -> Iterable[InputDevice]:
    """Return the devices that one of libav's backends finds."""
    if not hasattr(av, "enumerate_input_devices"):
        raise DeviceError(
            f"PyAV {av.__version__} cannot list the cameras of this computer, expected 17 or newer",
            hint="install lerotool in an environment without LeRobot, which asks for PyAV 15: pip install 'av>=17'",
        )
    return av.enumerate_input_devices(backend)


def primaries_and_curve(frame: av.VideoFrame, path: Path) -> tuple[int, int]:
    """Return the colour primaries and the transfer curve of a decoded frame, in FFmpeg's numbers."""
    if _IS_17:
        return int(frame.color_primaries), int(frame.color_trc)
    # FFmpeg copies both from the decoder to each frame.
    with open_video(path) as (container, stream), named_errors(path, "cannot be decoded"):
        next(container.decode(stream), None)
        return int(stream.codec_context.color_primaries), int(stream.codec_context.color_trc)


def reorder_depth(container: InputContainer, stream: VideoStream) -> int:
    """Return by how many frames decoding runs ahead of showing (B-frames). The file is read from where it stands."""
    context = stream.codec_context
    if _IS_17:
        return int(context.reorder_depth)
    # PyAV 15 and 16 only tell whether there is any. A muxer knows the number: it is by how many frames the decode time
    # that it makes up comes before the time at which the first picture is shown.
    if not context.has_b_frames:
        return 0
    packet = next(container.demux(stream))
    held, frame_s = io.BytesIO(), Fraction(1, 30)
    output: OutputContainer = av.open(held, "w", format="mp4")
    with output:
        copy = output.add_stream_from_template(stream, opaque=True)
        copy.time_base = frame_s
        packet.stream = copy
        packet.dts, packet.pts, packet.duration, packet.time_base = None, 0, 1, frame_s
        output.mux(packet)
    held.seek(0)
    with av.open(held, "r") as written:
        first = next(written.demux(written.streams.video[0]))
        assert first.dts is not None, "mp4 has decode times"
        return round(-first.dts * first.time_base / frame_s)
