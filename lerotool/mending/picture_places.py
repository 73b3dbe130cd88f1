"""Where the pictures of each episode are: as the table says, as far as that can be, else one after another.

LeRobot's recorder appends one episode's frames after another's to a camera's file, and begins the next file with a new
episode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from lerotool.checking.check import Sight
from lerotool.dataset.numbering import FileNumber
from lerotool.errors import CorruptDatasetError, MediaError
from lerotool.media.probe import count_complete_packets, count_packets, video_index
from lerotool.rewriting.restoration import Place


@dataclass(frozen=True, slots=True, eq=False)
class CameraPlaces:
    """Where the pictures of one camera are."""

    # By episode, the file and the number of the first picture; None where pictures are lost.
    places: tuple[Place | None, ...]
    # Files that end too early, and how many pictures are complete.
    shortened: Mapping[Path, int] = field(default_factory=dict)
    is_absent: bool = False  # whether the camera has no file at all; what the table says of it stays as it is


@dataclass(frozen=True, slots=True)
class _Video:
    path: Path
    number: FileNumber
    frames: int
    is_cut: bool


def find_places(sight: Sight, camera: str, lengths: Sequence[int]) -> CameraPlaces:
    """Find the pictures of every episode."""
    videos = _videos(sight, camera)
    shortened = {video.path: video.frames for video in videos.values() if video.is_cut}
    assert sight.info is not None
    is_old = sight.info.codebase_version.has_files_of_episodes
    if not videos and (is_old or (sight.table is not None and camera in sight.table.videos)):
        return CameraPlaces((None,) * len(lengths), is_absent=True)
    if is_old:
        return CameraPlaces(_own_files(sight, videos, lengths), shortened)
    stated = _Stated.of(sight, camera, lengths, videos)
    if stated is not None and stated.is_possible:
        return CameraPlaces(stated.places, shortened)
    try:
        return CameraPlaces(_one_after_another(camera, lengths, videos), shortened)
    except CorruptDatasetError:
        if stated is None or stated.is_contradictory:
            raise
    # Where pictures are missing, those of the other episodes are still where the table says.
    return CameraPlaces(stated.places, shortened)


def _videos(sight: Sight, camera: str) -> dict[FileNumber, _Video]:
    assert sight.layout is not None
    found: dict[FileNumber, _Video] = {}
    for (chunk, file), path in sight.layout.videos(camera).items():
        number = FileNumber(chunk, file)
        try:
            found[number] = _Video(path, number, video_index(path).frames, is_cut=False)
        except MediaError:
            found[number] = _Video(path, number, count_complete_packets(path), is_cut=True)
    return found


def _own_files(sight: Sight, videos: Mapping[FileNumber, _Video], lengths: Sequence[int]) -> tuple[Place | None, ...]:
    """v2.x: every episode has a file, in which it begins at picture 0."""
    assert sight.info is not None
    places: list[Place | None] = []
    for episode, length in enumerate(lengths):
        number = FileNumber(episode // sight.info.chunks_size, episode)
        video = videos.get(number)
        places.append((number, 0) if video is not None and video.frames >= length else None)
    return tuple(places)


_OFF_GRID = 0.25
"""Frames that a start may lie beside the frame grid."""


@dataclass(frozen=True, slots=True)
class _Stated:
    """Where the table says that the pictures of one camera are."""

    places: tuple[Place | None, ...]  # by episode, on the frame grid; None where there are not as many pictures
    is_possible: bool  # whether all pictures are there, but for those that cut files have lost
    is_contradictory: bool  # whether a start is not a time, or episodes share pictures

    @classmethod
    def of(
        cls, sight: Sight, camera: str, lengths: Sequence[int], videos: Mapping[FileNumber, _Video]
    ) -> _Stated | None:
        """Read the table; None if it does not tell of every episode."""
        table, info = sight.table, sight.info
        columns = table.videos.get(camera) if table is not None else None
        if table is None or info is None or columns is None:
            return None
        if not np.array_equal(np.sort(table.numbers), np.arange(len(lengths))):
            return None
        rows = np.argsort(table.numbers)
        starts = columns.start[rows] * info.fps
        is_odd = bool((~(starts >= 0) | (np.abs(starts - np.rint(starts)) > _OFF_GRID)).any())
        if is_odd:
            return cls((), is_possible=False, is_contradictory=True)
        numbers = [FileNumber(int(columns.chunk[row]), int(columns.file[row])) for row in rows.tolist()]
        places: list[Place | None] = []
        taken: dict[FileNumber, list[tuple[int, int]]] = {}
        is_possible = True
        for number, start, length in zip(numbers, np.rint(starts).astype(int).tolist(), lengths, strict=True):
            video = videos.get(number)
            taken.setdefault(number, []).append((start, start + length))
            is_there = video is not None and start + length <= video.frames
            is_possible = is_possible and (is_there or (video is not None and video.is_cut))
            places.append((number, start) if is_there else None)
        shares = any(stop > start for spans in taken.values() for (_, stop), (start, _) in pairwise(sorted(spans)))
        return cls(tuple(places), is_possible=is_possible and not shares, is_contradictory=shares)


def _one_after_another(
    camera: str, lengths: Sequence[int], videos: Mapping[FileNumber, _Video]
) -> tuple[Place | None, ...]:
    """Fill the videos with the episodes, in order: right only if each is filled exactly."""
    if any(video.is_cut for video in videos.values()):
        raise CorruptDatasetError(f"{camera}: a video is cut, and the episode table does not tell what was in it")
    places: list[Place | None] = []
    waiting = sorted(videos.values(), key=lambda video: (video.number.chunk, video.number.file))
    offset = 0
    for episode, length in enumerate(lengths):
        if waiting and offset == waiting[0].frames:
            waiting, offset = waiting[1:], 0
        if not waiting or offset + length > waiting[0].frames:
            raise CorruptDatasetError(
                f"{camera}: the videos do not have exactly the pictures of the episodes; "
                f"nothing tells where those of episode {episode} are"
            )
        places.append((waiting[0].number, offset))
        offset += length
    if len(waiting) > 1 or (waiting and offset != waiting[0].frames):
        raise CorruptDatasetError(f"{camera}: the videos have more pictures than the episodes have rows")
    return tuple(places)


class VideoFrames:
    """The video files of one camera and how their frames are given out to episodes, in order."""

    def __init__(self, files: Mapping[FileNumber, Path]) -> None:
        self.frames = {number: count_frames(path) for number, path in sorted(files.items())}
        self._order: Sequence[FileNumber] = list(self.frames)
        self._file = 0
        self._frame = 0

    def take(self, place: Place, length: int) -> Place | None:
        """Give the frames at a known place to an episode; None when there are none."""
        number, start = place
        if number not in self.frames or start + length > self.frames[number]:
            return None
        self._file, self._frame = self._order.index(number), start + length
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
        return number, self._frame - length

    @property
    def left(self) -> int:
        """Frames that belong to no episode."""
        later = sum(self.frames[number] for number in self._order[self._file + 1 :])
        here = self.frames[self._order[self._file]] - self._frame if self._file < len(self._order) else 0
        return here + later


def count_frames(path: Path) -> int:
    """Return the number of frames of a video, 0 if it cannot be read."""
    try:
        return count_packets(path)
    except MediaError:
        return 0
