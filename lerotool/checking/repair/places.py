"""Where the pictures of each episode are: as the table says, as far as that can be, else one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from lerotool.checking.check import Sight
from lerotool.checking.table import CameraColumns
from lerotool.dataset.writing.numbering import FileNumber
from lerotool.dataset.writing.state import numbered
from lerotool.errors import CorruptDatasetError, MediaError

Place = tuple[FileNumber, int]


@dataclass(frozen=True, slots=True, eq=False)
class CameraPlaces:
    """Where the pictures of one camera are.

    Attributes:
        places: by episode, the file and the number of the first picture; None where pictures are lost.
        shortened: files that end too early, and how many pictures are complete.
    """

    places: tuple[Place | None, ...]
    shortened: Mapping[Path, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Video:
    path: Path
    number: FileNumber
    frames: int
    is_cut: bool


def find_places(sight: Sight, camera: str, lengths: Sequence[int]) -> CameraPlaces:
    """Find the pictures of every episode.

    Args:
        sight: what was read of the dataset.
        camera: whose pictures.
        lengths: rows of each episode.

    Raises:
        CorruptDatasetError: nothing tells where they are.
    """
    videos = _videos(sight, camera)
    shortened = {video.path: video.frames for video in videos.values() if video.is_cut}
    if sight.info is not None and sight.info.codebase_version.has_files_of_episodes:
        return CameraPlaces(_own_files(sight, videos, lengths), shortened)
    columns = sight.table.videos.get(camera) if sight.table is not None else None
    if (
        columns is not None
        and sight.table is not None
        and np.array_equal(np.sort(sight.table.numbers), np.arange(len(lengths)))
    ):
        stated = _stated(columns, np.argsort(sight.table.numbers), lengths, videos, float(sight.info.fps))  # type: ignore[union-attr]
        if stated is not None:
            return CameraPlaces(stated, shortened)
    return CameraPlaces(_one_after_another(camera, lengths, videos), shortened)


def _videos(sight: Sight, camera: str) -> dict[FileNumber, _Video]:
    from lerotool.media.index import video_index
    from lerotool.media.probe import count_complete_packets

    assert sight.layout is not None
    assert sight.info is not None
    is_old = sight.info.codebase_version.has_files_of_episodes
    folder = sight.root / "videos"
    found: dict[FileNumber, _Video] = {}
    for path in sorted(folder.glob(f"*/{camera}/*.mp4") if is_old else (folder / camera).glob("*/*.mp4")):
        number = _number_of(path, is_old=is_old)
        if number is None or sight.layout.video_path(camera, number.chunk, number.file) != path:
            continue
        try:
            found[number] = _Video(path, number, video_index(path).frames, is_cut=False)
        except MediaError:
            found[number] = _Video(path, number, count_complete_packets(path), is_cut=True)
    return found


def _number_of(path: Path, *, is_old: bool) -> FileNumber | None:
    if not is_old:
        return numbered(path)
    chunk, episode = path.parent.parent.name.removeprefix("chunk-"), path.stem.removeprefix("episode_")
    return FileNumber(int(chunk), int(episode)) if chunk.isdecimal() and episode.isdecimal() else None


def _own_files(sight: Sight, videos: Mapping[FileNumber, _Video], lengths: Sequence[int]) -> tuple[Place | None, ...]:
    """v2.x: every episode has a file, in which it begins at picture 0."""
    assert sight.info is not None
    places: list[Place | None] = []
    for episode, length in enumerate(lengths):
        number = FileNumber(episode // sight.info.chunks_size, episode)
        video = videos.get(number)
        places.append((number, 0) if video is not None and video.frames >= length else None)
    return tuple(places)


def _stated(
    columns: CameraColumns, rows: np.ndarray, lengths: Sequence[int], videos: Mapping[FileNumber, _Video], fps: float
) -> tuple[Place | None, ...] | None:
    """Return the places that the table states, on the grid; None if they cannot all be right."""
    places: list[Place | None] = []
    taken: dict[FileNumber, list[tuple[int, int]]] = {}
    for row, length in zip(rows.tolist(), lengths, strict=True):
        number, start = FileNumber(int(columns.chunk[row]), int(columns.file[row])), float(columns.start[row]) * fps
        video = videos.get(number)
        if video is None or not start >= 0 or abs(start - round(start)) > _OFF_GRID:
            return None
        taken.setdefault(number, []).append((round(start), round(start) + length))
        is_there = round(start) + length <= video.frames
        if not is_there and not video.is_cut:
            return None
        places.append((number, round(start)) if is_there else None)
    for spans in taken.values():
        spans.sort()
        if any(stop > start for (_, stop), (start, _) in pairwise(spans)):
            return None
    return tuple(places)


_OFF_GRID = 0.25
"""Frames that a start may lie beside the frame grid."""


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
