"""How FFmpeg's libraries are opened, silenced and kept at our priority, and how their errors become ours."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from lerotool.errors import MediaError

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
