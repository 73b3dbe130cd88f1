"""Which episodes there are: from the rows, with their pictures found in the videos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lerotool.checking.check import Sight
from lerotool.checking.repair.places import CameraPlaces, find_places
from lerotool.checking.repair.sources import Source
from lerotool.dataset.writing.numbering import FileNumber
from lerotool.errors import CorruptDatasetError
from lerotool.features import cameras


@dataclass(frozen=True, slots=True)
class Span:
    """The rows of one episode.

    Attributes:
        number: that the episode has among all whose rows are there, from 0; what the old table calls it.
        source: place of its file among the sources.
        start: first row there.
        length: rows.
    """

    number: int
    source: int
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class TrueEpisode:
    """An episode of the repaired dataset.

    Attributes:
        span: its rows.
        videos: by camera, the video file and the number of its first picture there.
    """

    span: Span
    videos: Mapping[str, tuple[FileNumber, int]]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What a dataset really holds.

    Attributes:
        sources: its data files, in the order of their rows.
        episodes: that stay, in order.
        lost: numbers of the others, with why.
        shortened: video files that end too early, and how many of their pictures are complete.
    """

    sources: tuple[Source, ...]
    episodes: tuple[TrueEpisode, ...]
    lost: Mapping[int, str] = field(default_factory=dict)
    shortened: Mapping[Path, int] = field(default_factory=dict)


def find_truth(sight: Sight, sources: Sequence[Source]) -> Truth:
    """Find the episodes in the rows, and their pictures in the videos.

    Raises:
        CorruptDatasetError: rows of an episode stand in several places, rows are missing, or nothing tells where the
            pictures of an episode are.
    """
    assert sight.info is not None
    spans = list(_spans(sight, sources))
    lengths = [span.length for span in spans]
    lost: dict[int, str] = _short_of_rows(sight, spans)
    shortened: dict[Path, int] = {}
    places: dict[str, CameraPlaces] = {}
    for camera in cameras(sight.info.features):
        found = places[camera] = find_places(sight, camera, lengths)
        shortened |= found.shortened
        lost |= {number: f"pictures of {camera} are lost" for number, place in enumerate(found.places) if place is None}
    kept = []
    for number, span in enumerate(spans):
        videos = {camera: place for camera, found in places.items() if (place := found.places[number]) is not None}
        if number not in lost:
            kept.append(TrueEpisode(span, videos))
    return Truth(tuple(sources), tuple(kept), lost, shortened)


def _spans(sight: Sight, sources: Sequence[Source]) -> Iterator[Span]:
    """Yield the rows of each episode: as their episode_index says, or as the table does where that cannot be."""
    numbers = [number for source in sources for number in source.runs.episode.tolist()]
    steps = np.diff(numbers)
    if numbers and (steps == 1).all():
        place = 0
        for which, source in enumerate(sources):
            for start, length in zip(source.runs.start.tolist(), source.runs.length.tolist(), strict=True):
                yield Span(place, which, start, length)
                place += 1
        return
    yield from _spans_of_table(sight, sources)


def _spans_of_table(sight: Sight, sources: Sequence[Source]) -> Iterator[Span]:
    table, rows = sight.table, sum(source.rows for source in sources)
    if table is None or int(table.lengths.sum()) != rows or not np.array_equal(table.numbers, np.arange(len(table))):
        raise CorruptDatasetError("rows of episodes are missing or stand in several places, and nothing tells where")
    which, start = 0, 0
    for number, length in enumerate(table.lengths.tolist()):
        if which < len(sources) and start + length > sources[which].rows:
            raise CorruptDatasetError(f"episode {number} would be in two data files")
        yield Span(number, which, start, length)
        start += length
        if start == sources[which].rows:
            which, start = which + 1, 0


def _short_of_rows(sight: Sight, spans: Sequence[Span]) -> dict[int, str]:
    """Return episodes of which rows are missing, if the totals say so too."""
    table, info = sight.table, sight.info
    assert info is not None
    rows = sum(span.length for span in spans)
    if table is None or len(table) != len(spans) or rows == info.total_frames:
        return {}
    if int(table.lengths.sum()) != info.total_frames:
        return {}
    stated = table.lengths.tolist()
    return {
        span.number: f"{stated[span.number] - span.length} rows are lost"
        for span in spans
        if span.length < stated[span.number]
    }
