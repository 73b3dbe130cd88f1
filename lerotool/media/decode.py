"""Frames of videos by number, pictures out of single images, depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import numpy.typing as npt
from av.codec.context import Flags
from av.container import InputContainer
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream

from lerotool.errors import MediaError
from lerotool.media.counting import NEAR, Counting
from lerotool.media.depth import RAW_DTYPES, DepthScale
from lerotool.media.format import DEPTH_UNITS, StreamCodec, StreamFormat
from lerotool.media.grid import exact_rate
from lerotool.media.libav import decoder, named_errors, open_video, plane
from lerotool.media.mp4 import read_header
from lerotool.media.probe import video_index
from lerotool.media.pyav import convert
from lerotool.media.tiff import read_float_tiff
from lerotool.media.turning import turn

TOLERANCE_S = Fraction(1, 10_000)
"""How far from k/fps frame k may be: what LeRobot's loader allows."""
_DRIFT = Fraction(2, 1_000_000)
"""And how much more for each second: 30000/1001 is often written as 29.97."""

Pixels = npt.NDArray[np.uint8]


def iter_frames(
    path: Path,
    start: int,
    stop: int,
    fps: float | Fraction,
    *,
    tolerance_s: Fraction = TOLERANCE_S,
    counting: Counting = Counting.BY_TIME,
    threads: int = 1,
) -> Iterator[av.VideoFrame]:
    """Yield the frames with the numbers ``start`` to ``stop - 1``: frame k is the one shown at k/fps seconds.

    Decoding starts at the keyframe before, so a short range near the end of a long file is quick. Frames between two
    grid points are passed over. `tolerance_s`: seconds that a frame may be off its grid point.
    """
    if not 0 <= start <= stop:
        raise ValueError(f"frames {start} to {stop} are not a range")
    if start == stop:
        return
    with open_video(path) as (container, stream), named_errors(path, "cannot be decoded"):
        stream.codec_context.thread_count = threads
        grid: _Numbers
        if counting is Counting.BY_TIME:
            grid = Grid(exact_rate(fps), stream.time_base or Fraction(1), tolerance_s)
        else:
            grid = _Counted(Path(path), stream)
        yield from GridReader(Path(path), container, stream, grid).frames(range(start, stop))


def iter_chosen(path: Path, numbers: Sequence[int], fps: float | Fraction) -> Iterator[av.VideoFrame]:
    """Yield some of the frames that `iter_frames` yields; of the others those are decoded that these build upon."""
    if not len(numbers):
        return
    with open_video(path) as (container, stream), named_errors(path, "cannot be decoded"):
        stream.codec_context.thread_count = 1
        grid = Grid(exact_rate(fps), stream.time_base or Fraction(1), TOLERANCE_S)
        needed = _needed_times(Path(path), stream, grid, numbers)
        yield from GridReader(Path(path), container, stream, grid, needed).frames(numbers)


def _needed_times(path: Path, stream: VideoStream, grid: Grid, numbers: Sequence[int]) -> frozenset[int] | None:
    """Return when the pictures are shown that some frames need: their keyframes, and what follows up to them.

    None where that is not known: the container is another than a plain mp4, or frames build upon later ones.
    """
    header = read_header(path)
    if header is None or header.is_reordered or not header.is_keyframe[:1].any():
        return None
    ticks = float(1 / (grid.rate * grid.time_base))
    wanted = np.searchsorted(header.times, (np.array(numbers) - 0.5) * ticks)
    wanted = np.minimum(wanted, header.frames - 1)
    keyframes = np.flatnonzero(header.is_keyframe)
    begun = keyframes[np.searchsorted(keyframes, wanted, side="right") - 1]
    steps = np.zeros(header.frames + 1, np.int64)
    np.add.at(steps, begun, 1)
    np.add.at(steps, wanted + 1, -1)
    needed = np.cumsum(steps)[:-1] > 0
    return frozenset((header.times[needed] + min(0, stream.start_time or 0)).tolist())


def iter_numbered(
    path: Path, start: int, stop: int, fps: float | Fraction, counting: Counting, *, threads: int = 1
) -> Iterator[av.VideoFrame]:
    """Yield frames as `iter_frames` does, by time as far off as `lerotool.media.counting.fit_rows` takes them."""
    near = Fraction(NEAR) / exact_rate(fps)
    yield from iter_frames(path, start, stop, fps, tolerance_s=near, counting=counting, threads=threads)


class _Numbers(Protocol):
    """Which frame of a video has which number."""

    def number(self, pts: int) -> int | None:
        """Return the number of the frame shown at a time; None for a frame that has none."""

    def seconds(self, number: int) -> Fraction:
        """Return when a frame is shown, or should be."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Frame k is the one shown at k/rate."""

    rate: Fraction
    time_base: Fraction
    tolerance_s: Fraction

    def number(self, pts: int) -> int | None:
        """Return the number of the frame shown at a time; None for one that is off the grid."""
        seconds = pts * self.time_base
        number = round(seconds * self.rate)
        allowed = self.tolerance_s + abs(seconds) * _DRIFT
        return number if abs(seconds - number / self.rate) <= allowed else None

    def seconds(self, number: int) -> Fraction:
        """Return when a frame should be shown."""
        return number / self.rate


class _Counted:
    """Frame k is the one that is shown as number k."""

    def __init__(self, path: Path, stream: VideoStream) -> None:
        self._time_base = stream.time_base or Fraction(1)
        self._shown: list[int] = (video_index(path).shown() + min(0, stream.start_time or 0)).tolist()
        self._number_at = {pts: number for number, pts in enumerate(self._shown)}

    def number(self, pts: int) -> int | None:
        return self._number_at.get(pts)

    def seconds(self, number: int) -> Fraction:
        return self._shown[min(number, len(self._shown) - 1)] * self._time_base


class GridReader:
    """One opened video and the grid that its frames are counted on; of packets only those needed are decoded."""

    def __init__(
        self,
        path: Path,
        container: InputContainer,
        stream: VideoStream,
        grid: _Numbers,
        needed: frozenset[int] | None = None,
    ) -> None:
        self._path = path
        self._container = container
        self._stream = stream
        self._time_base = stream.time_base or Fraction(1)
        self._grid = grid
        self._needed = needed

    def frames(self, numbers: Sequence[int]) -> Iterator[av.VideoFrame]:
        """Yield the frames with these numbers, which ascend."""
        place = first = 0
        keyframe = numbers[0]
        while True:
            position = -1
            for position, frame in self._numbered_from(keyframe):
                if position > numbers[place]:
                    break
                if position == numbers[place]:
                    yield frame
                    place += 1
                    if place == len(numbers):
                        return
            if self._needed is not None:
                # The header was not true: decode everything from here on.
                self._needed, first, keyframe = None, place, numbers[place]
            elif place > first or keyframe == 0:
                raise self._missing(numbers[place], position)
            else:
                # With B-frames and open groups a seek can land too late for the frame; begin further back.
                keyframe = max(0, numbers[first] - 4 * (numbers[first] - keyframe + 1))

    def _numbered_from(self, number: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode from the keyframe at or before a frame; frames off the grid are left out."""
        ticks = int(self._grid.seconds(number) / self._time_base)
        if number > 0:
            self._container.seek(ticks, stream=self._stream)
        else:
            self._container.seek(min(0, self._stream.start_time or 0), stream=self._stream)
        for packet in self._needed_packets():
            for frame in packet.decode():
                position = None if frame.pts is None else self._grid.number(frame.pts)
                if position is not None:
                    yield position, frame

    def _needed_packets(self) -> Iterator[av.Packet[VideoStream]]:
        has_gap = False
        for packet in self._container.demux(self._stream):
            if packet.is_corrupt:
                raise MediaError(f"{str(self._path)!r}: a picture is cut, the file ends too early")
            if self._needed is not None and packet.size and packet.pts not in self._needed:
                has_gap = True
                continue
            if has_gap:
                self._stream.codec_context.flush_buffers()
                has_gap = False
            yield packet

    def _missing(self, number: int, position: int) -> MediaError:
        found = f"the next is frame {position}" if position > number else "the video ends before"
        return MediaError(
            f"{str(self._path)!r}: no frame {number} at {float(self._grid.seconds(number)):.4f} s, {found}"
        )


def to_rgb(frame: av.VideoFrame) -> Pixels:
    """Return a frame as (height, width, 3) RGB."""
    return _as_rgb(frame, VideoReformatter())


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


def _as_rgb(frame: av.VideoFrame, reformatter: VideoReformatter) -> Pixels:
    return np.asarray(convert(reformatter, frame, "rgb24").to_ndarray(), dtype=np.uint8)


def iter_rgb(path: Path, start: int, stop: int, fps: float | Fraction, *, threads: int = 1) -> Iterator[Pixels]:
    """Yield frames as ``iter_frames`` does, as (height, width, 3) RGB."""
    reformatter = VideoReformatter()
    for frame in iter_frames(path, start, stop, fps, threads=threads):
        yield _as_rgb(frame, reformatter)


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


def iter_depth(
    path: Path, start: int, stop: int, fps: float | Fraction, info: Mapping[str, Any]
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield frames of a depth video as (height, width, 1) millimetres, whole numbers."""
    millimetres = DepthScale.of(info).millimetres
    for frame in iter_frames(path, start, stop, fps):
        yield to_millimetres(frame, path, millimetres)


def to_millimetres(frame: av.VideoFrame, path: Path, millimetres: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a frame of a depth video as (height, width, 1) millimetres."""
    if frame.format.name != "gray12le":
        raise MediaError(f"{str(path)!r}: depth is expected as gray12le, found {frame.format.name}")
    codes = np.asarray(frame.to_ndarray(), dtype=np.uint16)
    depths: npt.NDArray[np.float32] = millimetres[codes & 0xFFF][:, :, np.newaxis]
    return depths


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
