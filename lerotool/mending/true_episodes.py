"""Which episodes there are: from the rows, with their pictures found in the videos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lerotool.checking.check import Sight
from lerotool.checking.table import EpisodeTable
from lerotool.errors import CorruptDatasetError
from lerotool.features import cameras
from lerotool.mending.picture_places import CameraPlaces, find_places
from lerotool.mending.row_sources import episodes_in
from lerotool.rewriting.restoration import FoundEpisode, FoundRows


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What a dataset really holds."""

    sources: tuple[FoundRows, ...]  # its data files, in the order of their rows
    episodes: tuple[FoundEpisode, ...]  # that stay, in order
    lost: Mapping[int, str] = field(default_factory=dict)  # numbers of the others, with why
    # Video files that end too early, and how many of their pictures are complete.
    shortened: Mapping[Path, int] = field(default_factory=dict)
    absent: tuple[str, ...] = ()  # cameras that have no file at all


def find_truth(sight: Sight, sources: Sequence[FoundRows]) -> Truth:
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
