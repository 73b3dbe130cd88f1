"""Which episodes have their pictures in the dataset's videos, and where.

The episodes table says it, as far as it can be read. For the rest there is what LeRobot's recorder does: it appends one
episode's frames after another's to a camera's file, and begins the next file with a new episode.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lerotool.dataset.parquet import column_names, open_parquet, read_groups
from lerotool.dataset.reading.footerless import has_footer
from lerotool.dataset.writing.numbering import FileNumber
from lerotool.errors import CorruptDatasetError, MediaError, MetadataError
from lerotool.features import Feature, cameras
from lerotool.media.probe import count_packets
from lerotool.moments import QUANTILES, FeatureStats

_STATISTICS = ("min", "max", "mean", "std", "count", *QUANTILES)


@dataclass(frozen=True, slots=True)
class Place:
    """The frames of an episode in a video file: its number, and the episode's first frame in it."""

    file: FileNumber
    start: int


@dataclass(frozen=True, slots=True)
class KnownEpisode:
    """What a readable row of the episodes table says.

    Attributes:
        length: frames.
        places: by camera, where its pictures are; cameras whose pictures were never encoded are left out.
        stats: by camera.
    """

    length: int
    places: Mapping[str, Place] = field(default_factory=dict)
    stats: Mapping[str, FeatureStats] = field(default_factory=dict)


def read_known(files: Iterable[Path], features: Mapping[str, Feature], fps: float) -> dict[int, KnownEpisode]:
    """Return what the closed files of an episodes table say, by episode; files that are not closed say nothing."""
    known: dict[int, KnownEpisode] = {}
    for path in files:
        if path.stat().st_size == 0 or not has_footer(path):
            continue
        with open_parquet(path) as file:
            present = set(column_names(file, path))
            wanted = [name for name in _wanted(features) if name in present]
            if not {"episode_index", "length"} <= present:
                raise CorruptDatasetError(f"{path}: the columns 'episode_index' and 'length' are missing")
            rows = read_groups(file, path, range(file.num_row_groups), wanted).to_pylist()
        for row in rows:
            known[int(row["episode_index"])] = _known(row, features, fps)
    return known


def _wanted(features: Mapping[str, Feature]) -> list[str]:
    names = ["episode_index", "length"]
    for key in cameras(features):
        names += [f"videos/{key}/{part}" for part in ("chunk_index", "file_index", "from_timestamp")]
        names += [f"stats/{key}/{part}" for part in _STATISTICS]
    return names


def _known(row: Mapping[str, Any], features: Mapping[str, Feature], fps: float) -> KnownEpisode:
    places: dict[str, Place] = {}
    stats: dict[str, FeatureStats] = {}
    for key in cameras(features):
        numbers = [row.get(f"videos/{key}/{part}") for part in ("chunk_index", "file_index", "from_timestamp")]
        if all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
            chunk, file, begin = (float(number) for number in numbers if number is not None)
            places[key] = Place(FileNumber(int(chunk), int(file)), round(begin * fps))
        entry = {part: row.get(f"stats/{key}/{part}") for part in _STATISTICS}
        try:
            found = FeatureStats.from_json({name: value for name, value in entry.items() if value is not None})
        except MetadataError:
            continue
        if found.mean.shape == (1 if features[key].is_depth else 3, 1, 1):
            stats[key] = found
    return KnownEpisode(int(row["length"]), places, stats)


class VideoFrames:
    """The video files of one camera and how their frames are given out to episodes, in order.

    Args:
        files: by number.
    """

    def __init__(self, files: Mapping[FileNumber, Path]) -> None:
        self.frames = {number: count_frames(path) for number, path in sorted(files.items())}
        self._order: Sequence[FileNumber] = list(self.frames)
        self._file = 0
        self._frame = 0

    def take(self, place: Place, length: int) -> Place | None:
        """Give the frames at a known place to an episode; None when there are none."""
        if place.file not in self.frames or place.start + length > self.frames[place.file]:
            return None
        self._file, self._frame = self._order.index(place.file), place.start + length
        return place

    def take_next(self, length: int) -> Place | None:
        """Give the next frames to an episode; None when there are none, or not so many in the file."""
        if self._file < len(self._order) and self._frame == self.frames[self._order[self._file]]:
            self._file, self._frame = self._file + 1, 0
        if self._file == len(self._order):
            return None
        number = self._order[self._file]
        if self._frame + length > self.frames[number]:
            return None
        self._frame += length
        return Place(number, self._frame - length)

    @property
    def left(self) -> int:
        """Frames that belong to no episode."""
        later = sum(self.frames[number] for number in self._order[self._file + 1 :])
        here = self.frames[self._order[self._file]] - self._frame if self._file < len(self._order) else 0
        return here + later


def count_frames(path: Path) -> int:
    """Return the number of frames of a video, 0 if it is none."""
    try:
        return count_packets(path)
    except MediaError:
        return 0
