"""The repaired dataset as it will be: found from what there is, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lerotool.checking.check import Sight
from lerotool.checking.table import EpisodeTable
from lerotool.checking.videos import VideoJob, look_at_videos
from lerotool.dataset.layout import EPISODES, Layout
from lerotool.errors import CorruptDatasetError, IncompleteError
from lerotool.features import cameras
from lerotool.findings import Code
from lerotool.mending.old_rows import read_old_rows
from lerotool.mending.picture_places import CameraPlaces, find_places
from lerotool.mending.restored_tables import Measured, restored_tables
from lerotool.mending.row_sources import episodes_in, in_order, read_source
from lerotool.rewriting.restoration import FoundEpisode, FoundRows, RestoredTables

OPAQUE = frozenset([Code.DATA_MISSING, Code.DATA_DAMAGED, Code.LINK_OUTSIDE, Code.PATH_TEMPLATE])
"""Findings behind which nobody can see what the dataset holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What a dataset really holds."""

    sources: tuple[FoundRows, ...]  # its data files, in the order of their rows
    episodes: tuple[FoundEpisode, ...]  # that stay, in order
    lost: Mapping[int, str]  # numbers of the others, with why
    shortened: Mapping[Path, int]  # video files that end too early, and how many of their pictures are complete
    absent: tuple[str, ...]  # cameras that have no file at all


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
    truth = _find_truth(sight, sources)
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


def _find_truth(sight: Sight, sources: Sequence[FoundRows]) -> Truth:
    """Find the episodes in the rows, and their pictures in the videos."""
    assert sight.info is not None
    episodes = _in_rows(sight, sources)
    lengths = [episode.length for episode in episodes]
    lost: dict[int, str] = _short_of_rows(sight, episodes)
    shortened: dict[Path, int] = {}
    places: dict[str, CameraPlaces] = {}
    for camera in cameras(sight.info.features):
        found = places[camera] = find_places(sight, camera, lengths)
        shortened |= found.shortened
        if found.is_absent:
            continue
        lost |= {number: f"pictures of {camera} are lost" for number, place in enumerate(found.places) if place is None}
    kept = []
    for number, episode in enumerate(episodes):
        videos = {camera: place for camera, found in places.items() if (place := found.places[number]) is not None}
        if number not in lost:
            kept.append(replace(episode, videos=videos))
    absent = tuple(camera for camera, found in places.items() if found.is_absent)
    return Truth(tuple(sources), tuple(kept), lost, shortened, absent)


def _in_rows(sight: Sight, sources: Sequence[FoundRows]) -> list[FoundEpisode]:
    """Return the rows of each episode: as their episode_index says, or as the table does where that cannot be."""
    found = list(episodes_in(sources))
    if found and (np.diff([episode.number for episode in found]) == 1).all():
        return [replace(episode, number=number) for number, episode in enumerate(found)]
    return list(_in_table(sight, sources))


def _in_table(sight: Sight, sources: Sequence[FoundRows]) -> Iterator[FoundEpisode]:
    table, rows = sight.table, sum(len(source) for source in sources)
    if table is None or int(table.lengths.sum()) != rows or not np.array_equal(table.numbers, np.arange(len(table))):
        raise CorruptDatasetError("rows of episodes are missing or stand in several places, and nothing tells where")
    which, start = 0, 0
    for number, length in enumerate(table.lengths.tolist()):
        if which < len(sources) and start + length > len(sources[which]):
            raise CorruptDatasetError(f"episode {number} would be in two data files")
        yield FoundEpisode(number, which, start, length)
        start += length
        if start == len(sources[which]):
            which, start = which + 1, 0


def _short_of_rows(sight: Sight, spans: Sequence[FoundEpisode]) -> dict[int, str]:
    """Return episodes with fewer rows than the table says, if it has another witness or the rows have none."""
    table, info = sight.table, sight.info
    assert info is not None
    if table is None or not np.array_equal(np.sort(table.numbers), np.arange(len(spans))):
        return {}
    is_stated = info.total_frames == int(table.lengths.sum())
    is_found = info.total_frames == sum(span.length for span in spans)
    lost: dict[int, str] = {}
    for span, row in zip(spans, np.argsort(table.numbers).tolist(), strict=True):
        stated = int(table.lengths[row])
        if span.length >= stated:
            continue
        pictures = _stated_pictures(sight, table, row)
        if is_stated or pictures == {stated} or not (is_found or pictures == {span.length}):
            are = "row is" if stated - span.length == 1 else "rows are"
            lost[span.number] = f"{stated - span.length} {are} lost"
    return lost


def _stated_pictures(sight: Sight, table: EpisodeTable, row: int) -> set[int]:
    """Return how many pictures an episode has in the videos, where the table says that they are, by each camera."""
    info, layout = sight.info, sight.layout
    assert info is not None
    assert layout is not None
    number = int(table.numbers[row])
    facts = {(fact.camera, fact.path): fact.frames for fact in sight.videos if fact.frames}
    found: set[int] = set()
    for camera in cameras(info.features):
        if info.codebase_version.has_files_of_episodes:
            frames = facts.get((camera, layout.video_path(camera, number // info.chunks_size, number)))
            found |= set() if frames is None else {frames}
            continue
        columns = table.videos.get(camera)
        if columns is None:
            continue
        path = layout.video_path(camera, int(columns.chunk[row]), int(columns.file[row]))
        start, stop = columns.start[row] * info.fps, columns.stop[row] * info.fps
        if np.isfinite([start, stop]).all() and (camera, path) in facts:
            found.add(min(round(stop), facts[camera, path]) - round(start))
    return found
