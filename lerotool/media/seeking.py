"""Frames of videos by number, in any order: files and decoders stay open."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from lerotool.media.decode import TOLERANCE_S, Grid, GridReader, Pixels, to_millimetres
from lerotool.media.depth import DepthScale
from lerotool.media.grid import exact_rate
from lerotool.media.libav import named_errors, open_video
from lerotool.media.mp4 import read_header
from lerotool.media.pyav import convert

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
            yield number, np.asarray(convert(self._reformatter, frame, "rgb24").to_ndarray(), np.uint8)

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
