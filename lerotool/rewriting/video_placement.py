"""Which pictures go into which video file of the target; computed, nothing is read but for cutting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lerotool.choices import FileMode
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.numbering import FileNumber, numbers_after
from lerotool.dataset.reading.datafiles import cumulated
from lerotool.dataset.writing.packing import LONGEST_VIDEO_S
from lerotool.media.counting import Counting
from lerotool.media.format import EncoderSettings
from lerotool.rewriting.source import Source, unbroken
from lerotool.rewriting.video_plan import CameraPlan, Clip, Method, Part, Resampling, VideoOutput
from lerotool.rewriting.video_probe import Shots, VideoFile, can_cut

Ints = npt.NDArray[np.int64]
_CLIPS = -1
"""The number of the stream that all clips of a camera have."""
_CLIP_BYTES_PER_PIXEL = 0.05


@dataclass(frozen=True, slots=True)
class Rules:
    """How the files of a camera are made."""

    version: FormatVersion  # of the target
    files: FileMode  # what becomes of whole files
    limit_bytes: float  # of a video file
    chunks_size: int  # files (v2.1: episodes) of a chunk
    fps: float  # of the target
    reencode: bool  # whether videos that do not fit the first are encoded again
    settings: EncoderSettings  # of clips
    height: int  # of clips, pixels
    width: int  # of clips, pixels


@dataclass(frozen=True, slots=True)
class _Run:
    """Episodes of the target whose pictures stand side by side in one file.

    ``base`` is the frame of the part at which the first episode begins; it is not 0 where a file that cannot be cut
    is taken with pictures that nobody needs.
    """

    source: int
    first: int
    count: int
    part: Part
    stream: int
    bytes: int
    base: int
    is_exact: bool
    is_joinable: bool


@dataclass(slots=True)
class _Group:
    """Runs that become one file; ``is_shared``: all of them are in one file of a source, which is taken whole."""

    runs: list[_Run] = field(default_factory=list)
    is_shared: bool = False
    frames: int = 0
    bytes: int = 0

    def add(self, run: _Run) -> None:
        self.runs.append(run)
        if not (self.is_shared and self.frames):
            self.frames += run.part.frames
            self.bytes += run.bytes

    def fits(self, run: _Run, rules: Rules) -> bool:
        return (
            run.stream == self.runs[0].stream
            and run.is_joinable
            and self.bytes + run.bytes < rules.limit_bytes
            and (self.frames + run.part.frames) / rules.fps <= LONGEST_VIDEO_S
        )

    def output(self, number: FileNumber, rules: Rules) -> VideoOutput:
        first = self.runs[0]
        parts = (first.part,) if self.is_shared else tuple(run.part for run in self.runs)
        is_plain = len(parts) == 1 and parts[0].stop is None and (first.is_exact or not first.is_joinable)
        if not is_plain:
            return VideoOutput(number, Method.JOIN, parts, self.bytes)
        is_linked = rules.files is FileMode.LINK and not parts[0].is_clip
        return VideoOutput(number, Method.LINK if is_linked else Method.COPY, parts, self.bytes)


def place_camera(
    name: str, sources: Sequence[Source], shots: Mapping[int, Shots], rules: Rules
) -> tuple[CameraPlan, list[str]]:
    """Plan the files of one camera; return also what cannot be done.

    `shots`: by number of the source; those that lack the camera get black pictures.
    """
    placing = _Placing(name, rules, shots)
    runs: list[_Run] = []
    first = 0
    for source in sources:
        runs += placing.runs(source, first)
        first += len(source.episodes)
    output_of, frames = np.empty(first, np.int64), np.empty(first, np.int64)
    if rules.version.has_files_of_episodes:
        groups = [_Group() for _ in runs]
        for group, run in zip(groups, runs, strict=True):
            group.add(run)
        numbers = [FileNumber(run.first // rules.chunks_size, run.first) for run in runs]
    else:
        groups = _grouped(_with_whole_files(runs), rules)
        numbers = numbers_after(None, len(groups), rules.chunks_size)
    for place, group in enumerate(groups):
        base = 0
        for run in group.runs:
            episodes = slice(run.first, run.first + run.count)
            output_of[episodes] = place
            frames[episodes] = base + run.base + cumulated(placing.lengths[episodes])[:-1]
            base += 0 if group.is_shared else run.part.frames
    outputs = tuple(group.output(number, rules) for group, number in zip(groups, numbers, strict=True))
    return CameraPlan(outputs, output_of, frames, tuple(placing.clips)), placing.problems


class _Placing:
    """The runs of one camera while they are collected."""

    def __init__(self, name: str, rules: Rules, shots: Mapping[int, Shots]) -> None:
        self._name = name
        self._rules = rules
        self._shots = shots
        self._stream = next((shot.files[0].stream for shot in shots.values() if shot.files), None)
        self.clips: list[Clip] = []
        self.problems: list[str] = []
        self.lengths: Ints = np.empty(0, np.int64)
        self._place = 0

    def runs(self, source: Source, first: int) -> Iterator[_Run]:
        self._place = source.place
        resampling = None
        if source.dataset.fps != self._rules.fps:
            resampling = Resampling(source.dataset.fps, self._rules.fps)
        own = source.lengths
        if resampling is not None:
            own = resampling.lengths(own)
        self.lengths = np.concatenate([self.lengths, own])
        shots = self._shots.get(source.place)
        if shots is None:
            yield from (self._clip_run(first + k, None, 0, n, None) for k, n in enumerate(own.tolist()))
            return
        ends = shots.start[:-1] + shots.frames[:-1]
        breaks = (shots.file_of[1:] != shots.file_of[:-1]) | (shots.start[1:] != ends)
        for start, stop in unbroken(breaks, len(shots.file_of)):
            file = shots.files[int(shots.file_of[start])]
            if file.must_be_encoded and resampling is None and not self._rules.reencode:
                self.problems.append(
                    f"camera {self._name!r}: pictures of {file.path} are up to {file.fit.off_s:.3g} s off the times of "
                    "their rows, and must be encoded again (settle it with --reencode)"
                )
            is_foreign = file.stream != self._stream or file.must_be_encoded
            if resampling is not None or (self._rules.reencode and is_foreign):
                for k in range(start, stop):
                    at, frames = int(shots.start[k]), int(shots.frames[k])
                    yield self._clip_run(first + k, file, at, frames, resampling)
            elif self._rules.version.has_files_of_episodes:
                yield from (self._taken(file, shots, k, k + 1, first) for k in range(start, stop))
            elif self._rules.files is not FileMode.PACK:
                yield self._whole(file, shots, start, stop, first)
            else:
                yield from self._divided(file, shots, start, stop, first)

    def _divided(self, file: VideoFile, shots: Shots, start: int, stop: int, first: int) -> Iterator[_Run]:
        """Yield the run in pieces that are not too long for one file, if its episodes can be cut apart."""
        seconds = np.cumsum(shots.frames[start:stop]) / file.rate
        if seconds[-1] <= LONGEST_VIDEO_S or not file.is_joinable:
            yield self._taken(file, shots, start, stop, first)
            return
        edges = [start]
        for k in range(start, stop):
            begun = seconds[edges[-1] - start - 1] if edges[-1] > start else 0.0
            if seconds[k - start] - begun > LONGEST_VIDEO_S and k > edges[-1]:
                edges.append(k)
        pieces = [*zip(edges, [*edges[1:], stop], strict=True)]
        if all(self._is_cuttable(file, shots, a, b) for a, b in pieces):
            yield from (self._taken(file, shots, a, b, first) for a, b in pieces)
        else:
            yield self._taken(file, shots, start, stop, first)

    def _is_cuttable(self, file: VideoFile, shots: Shots, start: int, stop: int) -> bool:
        a, b = int(shots.start[start]), int(shots.start[stop - 1] + shots.frames[stop - 1])
        return file.is_joinable and can_cut(file.path, a, b)

    def _taken(self, file: VideoFile, shots: Shots, start: int, stop: int, first: int) -> _Run:
        a, b = int(shots.start[start]), int(shots.start[stop - 1] + shots.frames[stop - 1])
        is_own = a == 0 and not file.is_joinable and self._rules.version.has_files_of_episodes
        if is_own or (a == 0 and b == file.frames):
            return self._whole(file, shots, start, stop, first)
        if self._is_cuttable(file, shots, start, stop):
            size = file.size_bytes * (b - a) // file.frames
            part = Part(file.path, a, b, b - a, counting=file.fit.counting)
            return _Run(
                self._place, first + start, stop - start, part, file.stream, size, 0, file.is_exact, file.is_joinable
            )
        if self._rules.version.has_files_of_episodes:
            if self._rules.reencode:
                return self._clip_run(first + start, file, a, b - a, None)
            self.problems.append(
                f"camera {self._name!r}: the pictures {a} to {b} of {file.path} cannot be cut out, they do not begin "
                "with a keyframe (settle it with --reencode)"
            )
        return self._whole(file, shots, start, stop, first)

    def _whole(self, file: VideoFile, shots: Shots, start: int, stop: int, first: int) -> _Run:
        part = Part(file.path, 0, None, file.frames, counting=file.fit.counting)
        base = int(shots.start[start])
        return _Run(
            self._place,
            first + start,
            stop - start,
            part,
            file.stream,
            file.size_bytes,
            base,
            file.is_exact,
            file.is_joinable,
        )

    def _clip_run(
        self, episode: int, file: VideoFile | None, start: int, frames: int, resampling: Resampling | None
    ) -> _Run:
        rules = self._rules
        clip = Clip(
            episode,
            Path(f"{len(self.clips):06d}.mp4"),
            None if file is None else file.path,
            start,
            frames,
            rules.fps if file is None else file.rate,
            resampling,
            Counting.BY_TIME if file is None else file.fit.counting,
            rules.fps,
            (rules.width, rules.height),
            rules.settings,
        )
        self.clips.append(clip)
        size = int(clip.length * rules.height * rules.width * _CLIP_BYTES_PER_PIXEL) + 1
        part = Part(clip.path, 0, None, clip.length, is_clip=True)
        return _Run(self._place, episode, 1, part, _CLIPS, size, 0, is_exact=True, is_joinable=True)


def _with_whole_files(runs: Sequence[_Run]) -> list[_Run]:
    """Return runs that take the whole of every file that some of them cannot do with a part of."""
    whole = {(run.source, run.part.path): run for run in runs if run.part.stop is None and run.base}
    found = []
    for run in runs:
        same = whole.get((run.source, run.part.path))
        if same is not None and run.part.stop is not None:
            found.append(replace(run, part=same.part, bytes=same.bytes, base=run.part.start))
        else:
            found.append(run)
    return found


def _grouped(runs: Sequence[_Run], rules: Rules) -> list[_Group]:
    """Divide runs into files: packed, or one for each file of the sources."""
    groups: list[_Group] = []
    by_file: dict[tuple[int, Path], _Group] = {}
    packing: _Group | None = None
    for run in runs:
        stands_alone = run.part.stop is None and (run.base > 0 or not run.is_joinable)
        if not run.part.is_clip and (rules.files is not FileMode.PACK or stands_alone):
            group = by_file.setdefault((run.source, run.part.path), _Group())
            if not group.runs:
                groups.append(group)
            group.is_shared = True
            group.add(run)
            packing = None
            continue
        if packing is None or not packing.fits(run, rules):
            packing = _Group()
            groups.append(packing)
        packing.add(run)
    return groups
