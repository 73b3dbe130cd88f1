"""Frames of videos by number: in ascending order, or in any, from files and decoders that stay open."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from lerotool.errors import MediaError
from lerotool.media.counting import NEAR, Counting, exact_rate
from lerotool.media.depth import DepthScale
from lerotool.media.libav import named_errors, open_video
from lerotool.media.mp4 import read_header
from lerotool.media.pictures import Pixels, to_rgb
from lerotool.media.probe import video_index

TOLERANCE_S = Fraction(1, 10_000)
"""How far from k/fps frame k may be: what LeRobot's loader allows."""
_DRIFT = Fraction(2, 1_000_000)
"""And how much more for each second: 30000/1001 is often written as 29.97."""


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
        by_time = Grid(exact_rate(fps), stream.time_base or Fraction(1), tolerance_s)
        grid = by_time if counting is Counting.BY_TIME else _Counted(Path(path), stream)
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
        grid: Grid | _Counted,
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


def iter_rgb(path: Path, start: int, stop: int, fps: float | Fraction, *, threads: int = 1) -> Iterator[Pixels]:
    """Yield frames as ``iter_frames`` does, as (height, width, 3) RGB."""
    reformatter = VideoReformatter()
    for frame in iter_frames(path, start, stop, fps, threads=threads):
        yield to_rgb(frame, reformatter)


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


_FAR = 12
"""Frames that are rather decoded than passed over by a seek, where the keyframes are not known."""


class SeekingReader:
    """One video that stays open. Not for sharing between threads or processes.

    `fps`: frame k is the one shown at k/fps seconds, as in `lerotool.media.decode.iter_frames`.
    """

    def __init__(self, path: Path, fps: float | Fraction) -> None:
        self._path = path
        self._opened = ExitStack()
        container, stream = self._opened.enter_context(open_video(path))
        stream.codec_context.thread_count = 1
        grid = Grid(exact_rate(fps), stream.time_base or Fraction(1), TOLERANCE_S)
        self._reader = GridReader(path, container, stream, grid)
        self._keyframes = _keyframes(path, grid)
        self._reformatter = VideoReformatter()

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def pictures(self, numbers: Sequence[int]) -> Iterator[tuple[int, Pixels]]:
        """Yield frames with their numbers, (height, width, 3) RGB."""
        for number, frame in self._frames(numbers):
            yield number, to_rgb(frame, self._reformatter)

    def depths(self, numbers: Sequence[int], info: Mapping[str, Any]) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Yield frames of a depth video with their numbers, (height, width, 1) whole millimetres."""
        millimetres = DepthScale.of(info).millimetres
        for number, frame in self._frames(numbers):
            yield number, to_millimetres(frame, self._path, millimetres)

    def _frames(self, numbers: Sequence[int]) -> Iterator[tuple[int, av.VideoFrame]]:
        with named_errors(self._path, "cannot be decoded"):
            for run in self._runs(numbers):
                yield from zip(run, self._reader.frames(run), strict=True)

    def _runs(self, numbers: Sequence[int]) -> Iterator[list[int]]:
        """Cut numbers where a seek saves decoding what lies between."""
        run: list[int] = []
        for number in numbers:
            if run and self._begins_later(number, run[-1]):
                yield run
                run = []
            run.append(number)
        if run:
            yield run

    def _begins_later(self, number: int, before: int) -> bool:
        if self._keyframes is None:
            return number - before > _FAR
        keyframe = self._keyframes[max(0, int(np.searchsorted(self._keyframes, number, side="right")) - 1)]
        return bool(keyframe > before + 1)


def _keyframes(path: Path, grid: Grid) -> npt.NDArray[np.int64] | None:
    """Return which frames can be decoded alone; None where that is not known: see `lerotool.media.mp4.read_header`."""
    header = read_header(path)
    if header is None or header.is_reordered or not header.is_keyframe[:1].any():
        return None
    times = header.times[header.is_keyframe]
    numbers: npt.NDArray[np.int64] = np.rint(times * float(header.time_base * grid.rate)).astype(np.int64)
    return numbers


class OpenVideos:
    """Readers of the videos that were used last."""

    def __init__(self, most: int, fps: float) -> None:
        self._most = most
        self._fps = fps
        self._readers: OrderedDict[Path, SeekingReader] = OrderedDict()

    def __len__(self) -> int:
        return len(self._readers)

    def __getitem__(self, path: Path) -> SeekingReader:
        """Return the reader of a video, opened if need be."""
        if path not in self._readers:
            while len(self._readers) >= self._most:
                self._readers.popitem(last=False)[1].close()
            self._readers[path] = SeekingReader(path, self._fps)
        self._readers.move_to_end(path)
        return self._readers[path]

    def forget(self, path: Path) -> None:
        """Close a video: after an error its decoder is in an unknown state."""
        if path in self._readers:
            self._readers.pop(path).close()

    def close(self) -> None:
        """Close all."""
        for path in list(self._readers):
            self.forget(path)
