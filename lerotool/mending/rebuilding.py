"""The repaired dataset as it will be: found from what there is, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lerotool.checking.check import Sight
from lerotool.checking.videos import VideoJob, look_at_videos
from lerotool.dataset.layout import EPISODES
from lerotool.errors import CorruptDatasetError, IncompleteError
from lerotool.findings import Code
from lerotool.mending.data_rewrite import NewFile, new_files
from lerotool.mending.episode_rows import Measured, NewRow, OldRows, new_rows, read_old_rows
from lerotool.mending.row_sources import in_order, read_source
from lerotool.mending.true_episodes import Truth, find_truth

OPAQUE = frozenset([Code.DATA_MISSING, Code.DATA_DAMAGED, Code.LINK_OUTSIDE, Code.PATH_TEMPLATE])
"""Findings behind which nobody can see what the dataset holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Rebuilt:
    """What the repaired dataset holds."""

    truth: Truth  # its episodes, and what is lost
    files: tuple[NewFile, ...]  # its data files
    rows: tuple[NewRow, ...]  # its episode table
    old: OldRows  # what the old table says
    problems: frozenset[Code]  # codes of what is still wrong with the videos

    @property
    def frames(self) -> int:
        """How many rows there are."""
        return sum(row.true.span.length for row in self.rows)

    @property
    def changed_bytes(self) -> int:
        """Size of the files that are rewritten."""
        changed = [file.source.path for file in self.files if file.is_changed]
        return sum(path.stat().st_size for path in [*changed, *self.truth.shortened])


def rebuild(
    sight: Sight, paths: Sequence[Path], tasks: Mapping[int, str], *, drops: bool, measures: bool = True
) -> Rebuilt:
    """Find out what the dataset really holds."""
    info, layout = sight.info, sight.layout
    assert info is not None
    assert layout is not None
    if not paths:
        raise CorruptDatasetError("no rows are left to find the episodes in; restore the files from a copy")
    for path in sorted((sight.root / EPISODES).glob("*/*.parquet")):
        if path.is_dir():
            name = path.relative_to(sight.root).as_posix()
            raise CorruptDatasetError(f"{name} is a folder where a file belongs; move it away by hand")
    sources = in_order([read_source(path, info.features, info.fps) for path in paths])
    for source in sources:
        if source.lost_bytes is not None and not source.rows:
            raise CorruptDatasetError(f"{source.path}: no complete row in the file")
    truth = find_truth(sight, sources)
    if truth.lost and not drops:
        number, why = next(iter(sorted(truth.lost.items())))
        more = f" and of {len(truth.lost) - 1} more" if len(truth.lost) > 1 else ""
        raise IncompleteError(
            f"of episode {number}{more}: {why}; leave them out: lerotool check DATASET --repair --drop-episodes"
        )
    if not truth.episodes:
        raise CorruptDatasetError("no episode would be left")
    unknown = {task for source in sources for task in np.unique(source.tasks).tolist()} - set(tasks)
    if unknown:
        raise CorruptDatasetError(f"rows have task {min(unknown)}, which the tasks do not tell")
    files = new_files(truth, info, layout)
    _check_counting(sight, truth)
    old = read_old_rows(sight.root, info.codebase_version)
    measured = Measured.LOST_EPISODES if measures else Measured.NOTHING
    rows = new_rows(info, layout, files, tasks, old, measured)
    return Rebuilt(truth, tuple(files), tuple(rows), old, _video_problems(sight, rows))


def _check_counting(sight: Sight, truth: Truth) -> None:
    """Refuse to renumber rows of which some are missing in the middle: their pictures would be those of others."""
    table = sight.table
    stated = table.lengths.tolist() if table is not None else []
    for true in truth.episodes:
        span, source = true.span, truth.sources[true.span.source]
        frames = source.frames[span.start : span.start + span.length]
        is_whole = bool((frames - frames[0] == np.arange(span.length)).all())
        is_as_stated = span.number < len(stated) and stated[span.number] == span.length
        if not is_whole and not is_as_stated and (true.videos or truth.absent):
            raise CorruptDatasetError(
                f"episode {span.number}: frame_index has gaps, and nothing tells which picture belongs to which row"
            )
    _check_surplus(sight, truth)


def _check_surplus(sight: Sight, truth: Truth) -> None:
    """Refuse to shift times of rows in v2.x whose video has more pictures: the first may be the missing one."""
    info = sight.info
    assert info is not None
    if not info.codebase_version.has_files_of_episodes:
        return
    layout = sight.layout
    assert layout is not None
    numbers = [layout.video_number(fact.camera, fact.path) for fact in sight.videos]
    frames = {
        number[1]: fact.frames
        for number, fact in zip(numbers, sight.videos, strict=True)
        if number is not None and fact.frames
    }
    for true in truth.episodes:
        span, source = true.span, truth.sources[true.span.source]
        is_late = abs(source.times[span.start]) > 0.5 / info.fps
        if is_late and frames.get(span.number, span.length) > span.length:
            raise CorruptDatasetError(
                f"episode {span.number}: timestamps start late and the video has more pictures than there are rows; "
                "nothing tells which belong together"
            )


def _video_problems(sight: Sight, rows: Sequence[NewRow]) -> frozenset[Code]:
    """Return what will still be wrong with the videos, as they are."""
    info, layout = sight.info, sight.layout
    assert info is not None
    assert layout is not None
    spans: dict[tuple[str, Path], list[tuple[int, float, int]]] = {}
    for row in rows:
        for camera, (number, start) in row.true.videos.items():
            path = layout.video_path(camera, number.chunk, number.file)
            spans.setdefault((camera, path), []).append((row.number, start / info.fps, row.true.span.length))
    jobs = []
    for (camera, path), found in spans.items():
        episodes, starts, lengths = zip(*found, strict=True)
        ints = (np.array(episodes, np.int64), np.array(lengths, np.int64))
        jobs.append(VideoJob(path, camera, info.fps, ints[0], np.array(starts, np.float64), ints[1]))
    codes = {problem.code for fact in look_at_videos(jobs) for problem in fact.problems}
    return frozenset(codes - {Code.VIDEO_UNUSED, Code.VIDEO_KEYFRAMES, Code.VIDEO_TRUNCATED})
