"""The repaired dataset as it will be: found from what there is, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lerotool.checking.check import Sight
from lerotool.checking.videos import VideoJob, look_at_videos
from lerotool.dataset.layout import EPISODES, Layout
from lerotool.errors import CorruptDatasetError, IncompleteError
from lerotool.findings import Code
from lerotool.mending.old_rows import read_old_rows
from lerotool.mending.restored_tables import Measured, restored_tables
from lerotool.mending.row_sources import in_order, read_source
from lerotool.mending.true_episodes import Truth, find_truth
from lerotool.rewriting.restoration import RestoredTables

OPAQUE = frozenset([Code.DATA_MISSING, Code.DATA_DAMAGED, Code.LINK_OUTSIDE, Code.PATH_TEMPLATE])
"""Findings behind which nobody can see what the dataset holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Rebuilt:
    """What the repaired dataset holds."""

    truth: Truth  # its episodes, and what is lost
    tables: RestoredTables  # its data files and its episode table
    problems: frozenset[Code]  # codes of what is still wrong with the videos

    @property
    def frames(self) -> int:
        """How many rows there are."""
        return sum(episode.length for episode in self.truth.episodes)

    @property
    def changed_bytes(self) -> int:
        """Size of the files that are rewritten."""
        changed = [file.rows.path for file in self.tables.files if file.is_changed]
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
        if source.lost_bytes is not None and not len(source):
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
    _check_counting(sight, truth)
    old = read_old_rows(sight.root, info.codebase_version)
    which = Measured.LOST_EPISODES if measures else Measured.NOTHING
    tables = restored_tables(info, layout, sources, truth.episodes, tasks, old, which)
    tables = replace(tables, shortened=_shortened(truth, layout))
    return Rebuilt(truth, tables, _video_problems(sight, truth))


def _shortened(truth: Truth, layout: Layout) -> dict[Path, int]:
    """Return the videos that end too early, and how many of their pictures are needed."""
    stops = dict.fromkeys(truth.shortened, 0)
    for episode in truth.episodes:
        for camera, (number, start) in episode.videos.items():
            path = layout.video_path(camera, number.chunk, number.file)
            if path in stops:
                stops[path] = max(stops[path], start + episode.length)
    return stops


def _check_counting(sight: Sight, truth: Truth) -> None:
    """Refuse to renumber rows of which some are missing in the middle: their pictures would be those of others."""
    table = sight.table
    stated = table.lengths.tolist() if table is not None else []
    for episode in truth.episodes:
        frames = truth.sources[episode.source].frames[episode.rows]
        is_whole = bool((frames - frames[0] == np.arange(episode.length)).all())
        is_as_stated = episode.number < len(stated) and stated[episode.number] == episode.length
        if not is_whole and not is_as_stated and (episode.videos or truth.absent):
            raise CorruptDatasetError(
                f"episode {episode.number}: frame_index has gaps, and nothing tells which picture belongs to which row"
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
    for episode in truth.episodes:
        is_late = abs(truth.sources[episode.source].times[episode.start]) > 0.5 / info.fps
        if is_late and frames.get(episode.number, episode.length) > episode.length:
            raise CorruptDatasetError(
                f"episode {episode.number}: timestamps start late and the video has more pictures than there are rows; "
                "nothing tells which belong together"
            )


def _video_problems(sight: Sight, truth: Truth) -> frozenset[Code]:
    """Return what will still be wrong with the videos, as they are."""
    info, layout = sight.info, sight.layout
    assert info is not None
    assert layout is not None
    spans: dict[tuple[str, Path], list[tuple[int, float, int]]] = {}
    for place, episode in enumerate(truth.episodes):
        for camera, (number, start) in episode.videos.items():
            path = layout.video_path(camera, number.chunk, number.file)
            spans.setdefault((camera, path), []).append((place, start / info.fps, episode.length))
    jobs = []
    for (camera, path), found in spans.items():
        episodes, starts, lengths = zip(*found, strict=True)
        ints = (np.array(episodes, np.int64), np.array(lengths, np.int64))
        jobs.append(VideoJob(path, camera, info.fps, ints[0], np.array(starts, np.float64), ints[1]))
    codes = {problem.code for fact in look_at_videos(jobs) for problem in fact.problems}
    return frozenset(codes - {Code.VIDEO_UNUSED, Code.VIDEO_KEYFRAMES, Code.VIDEO_TRUNCATED})
