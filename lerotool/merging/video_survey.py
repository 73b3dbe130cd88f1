"""Looks at every video file that a merge needs: is it there, complete, on its grid, and what goes with what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lerotool.errors import DatasetError, MediaError
from lerotool.media.grid import exact_rate, frame_ticks
from lerotool.media.index import video_index
from lerotool.media.join import JoinKey, join_key
from lerotool.media.mp4 import Mp4Header
from lerotool.merging.sources import Source

Ints = npt.NDArray[np.int64]
LOOSE_S = 5e-5
"""How far from k/fps a picture may be in a file that is copied as it is; LeRobot refuses 1e-4."""


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A video file of a source.

    Attributes:
        path: the file.
        size_bytes: of the file.
        frames: pictures in it.
        rate: of its source.
        stream: number of what it can be joined with.
        is_exact: every picture is at exactly k/rate.
        is_joinable: its pictures can be put on exact times.
    """

    path: Path
    size_bytes: int
    frames: int
    rate: float
    stream: int
    is_exact: bool
    is_joinable: bool


@dataclass(frozen=True, slots=True, eq=False)
class Shots:
    """Where the pictures of a source's episodes are, for one camera; all arrays int64, (episodes,).

    Attributes:
        files: the files.
        file_of: which of them each episode is in.
        start: number of its first picture there.
        frames: how many it has.
    """

    files: tuple[VideoFile, ...]
    file_of: Ints
    start: Ints
    frames: Ints


@dataclass(slots=True)
class Streams:
    """What videos can be joined with each other: numbers for equal `JoinKey`."""

    keys: list[JoinKey] = field(default_factory=list)
    _known: dict[tuple[bytes, Fraction], int] = field(default_factory=dict)

    def number(self, path: Path, header: Mp4Header) -> int:
        """Return the number of a file's stream; FFmpeg is asked once for streams that are described alike."""
        description = (header.description, header.time_base)
        if description not in self._known:
            key = join_key(path)
            if key not in self.keys:
                self.keys.append(key)
            self._known[description] = self.keys.index(key)
        return self._known[description]


def survey_videos(source: Source, camera: str, streams: Streams) -> tuple[Shots | None, list[str]]:
    """Look at the videos of one camera of a source.

    Returns:
        Where the pictures are, and everything that is wrong; None where something is.
    """
    original = source.originals[camera]
    places: dict[Path, int] = {}
    file_of, starts, missing, problems = [], [], [], []
    for number in source.episodes.tolist():
        try:
            span = source.dataset.episodes[number].videos.get(original)
        except DatasetError as error:
            problems.append(str(error))
            continue
        if span is None or (span.path not in places and not span.path.is_file()):
            missing.append((number, span.path if span else None))
            continue
        file_of.append(places.setdefault(span.path, len(places)))
        starts.append(span.start_frame)
    if missing:
        problems.append(_missing_text(source, original, missing))
    files = []
    for path in places:
        try:
            files.append(_look(path, source.dataset.fps, streams))
        except (MediaError, OSError) as error:
            problems.append(str(error))
    if problems:
        return None, problems
    shots = Shots(tuple(files), np.array(file_of, np.int64), np.array(starts, np.int64), source.lengths)
    return shots, _short_files(source, original, shots)


def _missing_text(source: Source, camera: str, missing: Sequence[tuple[int, Path | None]]) -> str:
    number, path = missing[0]
    where = str(path) if path else "the episode table names none"
    have = len(source.episodes) - len(missing)
    hint = f"--drop {camera}" + (f", or choose among the {have} episodes that have it" if have else "")
    what = f"{len(missing)} of {len(source.episodes)} videos of camera {camera!r}"
    return f"{source.label}: {what} are missing, the first of episode {number}: {where} ({hint})"


def _look(path: Path, rate: float, streams: Streams) -> VideoFile:
    header = video_index(path)
    exact = exact_rate(rate)
    is_exact = header.is_exact(exact)
    if not is_exact and not (is_joinable := _is_joinable(header, exact)):
        offset = header.worst_offset_s(exact)
        if offset > LOOSE_S:
            raise MediaError(f"{str(path)!r}: a picture is {offset:.4f} s away from its place at {rate:g} per second")
    else:
        is_joinable = frame_ticks(exact, header.time_base) is not None
    size = path.stat().st_size
    return VideoFile(path, size, header.frames, rate, streams.number(path, header), is_exact, is_joinable)


def _is_joinable(header: Mp4Header, rate: Fraction) -> bool:
    """Whether times are so near the grid that each picture's place is plain."""
    ticks = frame_ticks(rate, header.time_base)
    if ticks is None:
        return False
    places = np.rint((header.times - header.times.min()) / ticks)
    return np.array_equal(np.sort(places), np.arange(header.frames))


def _short_files(source: Source, camera: str, shots: Shots) -> list[str]:
    needed = np.zeros(len(shots.files), np.int64)
    np.maximum.at(needed, shots.file_of, shots.start + shots.frames)
    return [
        f"{source.label}, camera {camera!r}: video has {file.frames} frames, table needs {need} ({file.path})"
        for file, need in zip(shots.files, needed.tolist(), strict=True)
        if file.frames < need
    ]


def can_cut(path: Path, rate: float, start: int, stop: int) -> bool:
    """Whether pictures ``start`` to ``stop`` of a file can be copied without the others.

    Raises:
        MediaError: the file is no readable video.
    """
    header = video_index(path)
    ticks = frame_ticks(exact_rate(rate), header.time_base)
    if ticks is None:
        return False
    numbers = np.rint((header.times - header.times.min()) / ticks).astype(np.int64)
    first = int(np.flatnonzero(numbers == start)[0])
    run = numbers[first : first + stop - start]
    return bool(header.is_keyframe[first]) and np.array_equal(np.sort(run), np.arange(start, stop))
