"""Files of a dataset that is rewritten in its place: which stay, which are made again, and under which names.

The sources are pieces of one dataset, in the order of its episodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lerotool.choices import FileMode
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.reading.episodes import VideoSpan
from lerotool.errors import IncompatibleDatasetError
from lerotool.features import DEFAULT_FEATURES, columns
from lerotool.media.counting import Counting
from lerotool.rewriting.rewriting import Contribution, DataFile
from lerotool.rewriting.source import Source
from lerotool.rewriting.video_plan import CameraPlan, Method, Part, VideoOutput
from lerotool.rewriting.video_probe import Streams, can_cut, survey_videos
from lerotool.wording import as_argument

Ints = npt.NDArray[np.int64]


def standing_data(
    contributions: Sequence[Contribution], placed: tuple[DataFile, ...], mode: FileMode = FileMode.KEEP
) -> tuple[DataFile, ...]:
    """Return the data files: of each file of the dataset what is left of it, under its number.

    `placed`: where the rows would go in a new dataset; they do where the files have no numbers, and in the mode PACK
    if these are fewer.
    """
    dataset = contributions[0].source.dataset
    files = dataset.data_files
    if files.numbers is None:
        return placed
    rows = np.concatenate([c.source.first_rows(0, len(c.lengths)) for c in contributions])
    file_of: Ints = np.searchsorted(files.starts, rows, side="right") - 1
    is_packed = mode is FileMode.PACK and len(placed) < len(files)
    if not dataset.version.has_files_of_episodes and not is_packed:
        placed = tuple(_what_is_left(file_of, files.numbers, placed))
    unmoved, lengths = _unmoved(contributions), np.concatenate([c.lengths for c in contributions])
    found = []
    for file in placed:
        own = slice(file.first, file.stop)
        old = int(file_of[file.first])
        is_whole = bool((file_of[own] == old).all()) and int(lengths[own].sum()) == int(
            files.starts[old + 1] - files.starts[old]
        )
        is_same = is_whole and bool(unmoved[own].all()) and FileNumber(*files.numbers[old].tolist()) == file.number
        found.append(replace(file, stays=files.path(old)) if is_same else file)
    return tuple(found)


def _what_is_left(file_of: Ints, numbers: Ints, placed: Sequence[DataFile]) -> Iterator[DataFile]:
    bytes_of_episode = sum(file.bytes for file in placed) / max(1, len(file_of))
    first = 0
    for old, group in groupby(file_of.tolist()):
        stop = first + len(list(group))
        size = int(bytes_of_episode * (stop - first))
        yield DataFile(FileNumber(*numbers[old].tolist()), first, stop, size)
        first = stop


def _unmoved(contributions: Sequence[Contribution]) -> npt.NDArray[np.bool_]:
    """Return which episodes keep all columns, their rows, their tasks and their numbers."""
    found = []
    for contribution in contributions:
        source, count = contribution.source, len(contribution.lengths)
        dataset, tasks = source.dataset, contribution.tasks
        names = {name for name in columns(dataset.features) if name not in DEFAULT_FEATURES}
        has_all = names == contribution.rules.keys() and all(r.original == n for n, r in contribution.rules.items())
        has_tasks = bool(((tasks == np.arange(len(tasks))) | (tasks < 0)).all())
        new_rows = contribution.first_index + np.cumsum([0, *contribution.lengths])[:-1]
        unmoved = ~source.is_trimmed & (source.episodes == contribution.first_episode + np.arange(count))
        unmoved &= dataset.episodes.starts[source.episodes] == new_rows
        found.append(unmoved & (has_all and has_tasks))
    return np.concatenate(found)


def standing_videos(name: str, sources: Sequence[Source]) -> tuple[CameraPlan, list[str]]:
    """Return the video files of a camera: those of the dataset, where many episodes share them, else one of each.

    Where episodes have files of their own, pieces of them are cut out by copying packets. Returns also what cannot be
    done. `IncompatibleDatasetError`: a piece does not begin at a keyframe of the episode's video.
    """
    dataset = sources[0].dataset
    found = _Files(name, sources[0].originals[name] == name, dataset.root)
    has_files_of_episodes = dataset.version.has_files_of_episodes
    for source in sources:
        own = zip(source.episodes.tolist(), source.starts.tolist(), source.lengths.tolist(), strict=True)
        for place, (number, start, length) in enumerate(own):
            span = dataset.episodes[number].videos.get(source.originals[name])
            if span is None:
                found.problems.append(f"episode {number}: the episode table names no video of camera {name!r}")
            elif not has_files_of_episodes:
                found.share(span, start, dataset.fps, dataset.version.video_file(name, _number(span)))
            else:
                new = len(found.output_of)
                target = FileNumber(new // dataset.info.chunks_size, new)
                piece = replace(
                    source,
                    episodes=source.episodes[place : place + 1],
                    starts=source.starts[place : place + 1],
                    lengths=source.lengths[place : place + 1],
                )
                found.take(span, piece, length, target, dataset.version.video_file(name, target))
    plan = CameraPlan(
        tuple(found.outputs),
        np.array(found.output_of, np.int64),
        np.array(found.frames, np.int64),
        first_time=None if has_files_of_episodes else np.array(found.times),
    )
    return plan, found.problems


def packed_videos(dataset: Dataset, name: str, standing: CameraPlan, packed: CameraPlan) -> CameraPlan:
    """Return the video files of a camera as a new dataset would have them, if these are fewer, or smaller.

    Files that would be copied whole stay, or are linked under another number.
    """
    is_smaller = sum(o.bytes for o in packed.outputs) < sum(o.bytes for o in standing.outputs)
    if not is_smaller and len(packed.outputs) >= len(standing.outputs):
        return standing
    outputs = []
    for output in packed.outputs:
        method = output.method
        if method is Method.COPY:
            own = dataset.root / dataset.version.video_file(name, output.number)
            method = Method.STAY if output.parts[0].path == own else Method.LINK
        outputs.append(replace(output, method=method))
    return replace(packed, outputs=tuple(outputs))


def _number(span: VideoSpan) -> FileNumber:
    return FileNumber(span.chunk_index, span.file_index)


@dataclass(slots=True)
class _Files:
    """The video files of a camera while they are collected."""

    name: str
    keeps_name: bool
    root: Path
    outputs: list[VideoOutput] = field(default_factory=list)
    output_of: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _known: dict[Path, int] = field(default_factory=dict)

    def share(self, span: VideoSpan, start: int, fps: float, path: str) -> None:
        """Add an episode that begins at a frame of one in a file of many."""
        if span.path not in self._known:
            self._known[span.path] = len(self.outputs)
            self._add_whole(span, _number(span), path)
        self.output_of.append(self._known[span.path])
        self.frames.append(span.start_frame + start)
        self.times.append(span.from_timestamp + start / fps)

    def take(self, span: VideoSpan, piece: Source, length: int, number: FileNumber, path: str) -> None:
        """Add an episode that has a file of its own."""
        self.output_of.append(len(self.outputs))
        self.frames.append(0)
        if not piece.is_trimmed[0]:
            self._add_whole(span, number, path)
            return
        shots, problems = survey_videos(piece, self.name, Streams())
        self.problems += problems
        if shots is None or problems:
            return
        (file,), start = shots.files, int(shots.start[0])
        if not file.is_joinable or not can_cut(span.path, start, start + length):
            raise IncompatibleDatasetError(
                f"{span.path}: frames {start} to {start + length - 1} cannot be cut out as they are, "
                "because the first of them is not a keyframe of the video",
                hint="cut a frame more or less; or make it v3.0 first, where videos are not cut: "
                f"lerotool merge {as_argument(self.root)} -o COPY",
            )
        part = Part(span.path, start, start + length, length, counting=file.fit.counting)
        size = file.size_bytes * length // max(1, file.frames)
        self.outputs.append(VideoOutput(number, Method.JOIN, (part,), size))

    def _add_whole(self, span: VideoSpan, number: FileNumber, path: str) -> None:
        stays = self.keeps_name and span.path == self.root / path
        if not stays and not span.path.is_file():
            self.problems.append(f"{span.path}: the video is missing")
            return
        size = span.path.stat().st_size if span.path.is_file() else 0
        part = Part(span.path, 0, None, span.frames, counting=Counting.BY_TIME)
        self.outputs.append(VideoOutput(number, Method.STAY if stays else Method.LINK, (part,), size))
