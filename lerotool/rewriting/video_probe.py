"""Looks at every video file that a merge needs: is it there, complete, on its grid, and what goes with what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lerotool.errors import DatasetError, MediaError
from lerotool.media.counting import Fit, Spans, exact_rate, fit_rows, is_exact, misfit_text
from lerotool.media.mp4 import Mp4Header
from lerotool.media.probe import JoinKey, join_key, video_index
from lerotool.rewriting.source import Source
from lerotool.wording import as_argument, flag, ranges, shell_word

Ints = npt.NDArray[np.int64]
_LOOSE_S = 5e-5
"""How far from k/fps a picture may be in a file that is copied as it is; LeRobot refuses 1e-4."""


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A video file of a source."""

    path: Path  # the file
    size_bytes: int  # of the file
    frames: int  # pictures in it
    rate: float  # of its source
    stream: int  # number of what it can be joined with
    fit: Fit  # how its pictures belong to rows
    is_exact: bool  # every picture is at exactly k/rate

    @property
    def is_joinable(self) -> bool:
        """Whether its pictures can be put on exact times as they are."""
        return self.fit.is_dense

    @property
    def must_be_encoded(self) -> bool:
        """Whether its pictures are off their times and can only be put there by encoding them again."""
        return not self.fit.is_dense and self.fit.off_s > _LOOSE_S


@dataclass(frozen=True, slots=True, eq=False)
class Shots:
    """Where the pictures of a source's episodes are, for one camera; all arrays int64, (episodes,)."""

    files: tuple[VideoFile, ...]  # the files
    file_of: Ints  # which of them each episode is in
    start: Ints  # number of its first picture there
    frames: Ints  # how many it has


@dataclass(slots=True)
class Streams:
    """What videos can be joined with each other: numbers for equal `JoinKey`."""

    keys: list[JoinKey] = field(default_factory=list)
    _known: dict[bytes, int] = field(default_factory=dict)

    def number(self, path: Path, header: Mp4Header) -> int:
        """Return the number of a file's stream; FFmpeg is asked once for streams that are described alike."""
        description = header.description
        if description not in self._known:
            key = join_key(path)
            if key not in self.keys:
                self.keys.append(key)
            self._known[description] = self.keys.index(key)
        return self._known[description]


def survey_videos(source: Source, camera: str, streams: Streams) -> tuple[Shots | None, list[str]]:
    """Return where the pictures of one camera of a source are, or None, and everything that is wrong."""
    original = source.originals[camera]
    places: dict[Path, int] = {}
    file_of, starts, missing, problems = [], [], [], []
    for number, start in zip(source.episodes.tolist(), source.starts.tolist(), strict=True):
        try:
            span = source.dataset.episodes[number].videos.get(original)
        except DatasetError as error:
            problems.append(str(error))
            continue
        if span is None or (span.path not in places and not span.path.is_file()):
            missing.append((number, span.path if span else None))
            continue
        file_of.append(places.setdefault(span.path, len(places)))
        starts.append(span.start_frame + start)
    if missing:
        problems.append(_missing_text(source, original, missing))
    files = []
    episodes = _EpisodesOfFiles(source, original)
    for path in places:
        try:
            files.append(_look(path, episodes, streams))
        except (MediaError, OSError) as error:
            problems.append(str(error))
    if problems:
        return None, problems
    shots = Shots(tuple(files), np.array(file_of, np.int64), np.array(starts, np.int64), source.lengths)
    return shots, [*_short_files(source, original, shots), *_shared_pictures(source, original, shots)]


def _missing_text(source: Source, camera: str, missing: Sequence[tuple[int, Path | None]]) -> str:
    number, path = missing[0]
    where = str(path) if path else "the episode table names none"
    have = len(source.episodes) - len(missing)
    hint = flag("--drop", camera) + (f", or choose among the {have} episodes that have it" if have else "")
    what = f"{len(missing)} of {len(source.episodes)} videos of camera {camera!r}"
    return f"{source.label}: {what} are missing, the first of episode {number}: {where} ({hint})"


class _EpisodesOfFiles:
    """Which episodes of a source are in each video file of a camera; looked up when it is first asked."""

    def __init__(self, source: Source, camera: str) -> None:
        self.source = source
        self.camera = camera

    def spans(self, path: Path) -> Spans:
        """Return the episodes in a file."""
        every = np.array(self._by_file.get(path, []), np.int64).reshape(-1, 3)
        return Spans(every[np.isin(every[:, 0], self.source.episodes), 1:], every[:, 1:])

    def way_out(self, path: Path) -> str:
        """Say how to merge without the episodes in a file."""
        here = {number for number, _, _ in self._by_file.get(path, [])}
        others = [number for number in self.source.episodes.tolist() if number not in here]
        drop = f"--drop {shell_word(self.camera)}"
        source = as_argument(f"{self.source.dataset.root}:{ranges(others)}")
        return f"{drop}, or {source}" if others else drop

    @cached_property
    def _by_file(self) -> dict[Path, list[tuple[int, int, int]]]:
        found: dict[Path, list[tuple[int, int, int]]] = {}
        for episode in self.source.dataset.episodes:
            span = episode.videos.get(self.camera)
            if span is not None:
                found.setdefault(span.path, []).append((episode.index, span.start_frame, span.frames))
        return found


def _look(path: Path, episodes: _EpisodesOfFiles, streams: Streams) -> VideoFile:
    header, rate = video_index(path), episodes.source.dataset.fps
    exact = exact_rate(rate)
    fit = fit_rows(header, exact, lambda: episodes.spans(path))
    if fit is None:
        text = misfit_text(path, header, episodes.spans(path))
        raise MediaError(f"{episodes.source.label}: {text} ({episodes.way_out(path)})")
    stream = streams.number(path, header)
    return VideoFile(path, path.stat().st_size, header.frames, rate, stream, fit, is_exact(header, exact))


def _short_files(source: Source, camera: str, shots: Shots) -> list[str]:
    needed = np.zeros(len(shots.files), np.int64)
    np.maximum.at(needed, shots.file_of, shots.start + shots.frames)
    return [
        f"{source.label}, camera {camera!r}: video has {file.fit.stop} frames, table needs {need} ({file.path})"
        for file, need in zip(shots.files, needed.tolist(), strict=True)
        if file.fit.stop < need
    ]


def _shared_pictures(source: Source, camera: str, shots: Shots) -> list[str]:
    """Return what is wrong where two of the episodes show the same pictures of a file."""
    problems = []
    for number, file in enumerate(shots.files):
        here = np.flatnonzero(shots.file_of == number)
        here = here[np.argsort(shots.start[here], kind="stable")]
        starts = shots.start[here]
        shared = np.flatnonzero(starts[1:] < np.maximum.accumulate(starts + shots.frames[here])[:-1])
        if len(shared):
            first, second = sorted(source.episodes[here[shared[0] : shared[0] + 2]].tolist())
            problems.append(
                f"{source.label}, camera {camera!r}: episodes {first} and {second} both show pictures of {file.path} "
                f"from number {starts[shared[0] + 1]} on (lerotool check {as_argument(source.dataset.root)})"
            )
    return problems


def can_cut(path: Path, start: int, stop: int) -> bool:
    """Whether pictures ``start`` to ``stop`` of a file can be copied without the others."""
    header = video_index(path)
    numbers = np.empty(header.frames, np.int64)
    numbers[np.argsort(header.times, kind="stable")] = np.arange(header.frames)
    first = int(np.flatnonzero(numbers == start)[0])
    run = numbers[first : first + stop - start]
    return bool(header.is_keyframe[first]) and np.array_equal(np.sort(run), np.arange(start, stop))
