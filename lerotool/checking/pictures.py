"""Decoded pictures: can they be decoded, are they black, do they ever change. All, or of each camera some episodes.

A black or frozen camera encodes to almost nothing, so it is found among the episodes whose videos are smallest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.checking.data import DataView
from lerotool.checking.episodes import moving_episodes
from lerotool.checking.report import Problem
from lerotool.checking.videos import VideoFacts, VideoJob
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.parquet import open_parquet, read_groups
from lerotool.errors import CorruptDatasetError, MediaError
from lerotool.features import Feature, Kind, cameras
from lerotool.findings import Code

_BLOCK = 16
_DARK = 12
"""Level of 255 below which every block of a black picture is."""
_SAME = 1.0
"""Levels by which a block of the same picture may differ, encoded twice."""
_SAMPLES = 5
Blocks = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PictureJob:
    """The pictures of one episode and camera."""

    path: Path  # the video, or the data file
    camera: str  # its feature's name
    feature: Feature  # the feature
    episode: int  # its number
    start: int  # number of its first picture in the file
    length: int  # how many
    fps: float  # frames a second
    moves: bool  # whether the robot moves in the episode
    is_deep: bool  # whether every picture is decoded, not a few


def look_at_pictures(jobs: Sequence[PictureJob]) -> list[list[Problem]]:
    """Decode the pictures of some episodes, and return what is wrong with them."""
    return [list(_problems(job)) for job in jobs]


def _problems(job: PictureJob) -> Iterator[Problem]:
    decoded: list[tuple[int, Blocks]] = []
    try:
        decoded.extend((number, _blocks(picture)) for number, picture in _decode(job))
    except (MediaError, CorruptDatasetError) as error:
        code = Code.IMAGE_UNREADABLE if job.feature.kind is Kind.IMAGE else Code.VIDEO_UNDECODABLE
        text = str(error).removeprefix(f"{str(job.path)!r}: ")
        yield Problem(code, text, job.camera, episodes=(job.episode,))
        return
    if not decoded or job.feature.is_depth:
        return
    if job.feature.kind is Kind.VIDEO and (other := _other_size(decoded)) is not None:
        text = f"picture {other} of the episode has another size than the ones before"
        yield Problem(Code.VIDEO_UNDECODABLE, text, job.camera, episodes=(job.episode,))
        return
    if all(float(blocks.max(initial=0)) < _DARK for _, blocks in decoded):
        yield Problem(Code.CAMERA_BLACK, f"all {len(decoded)} pictures looked at", job.camera, episodes=(job.episode,))
        return
    still = _longest_still(decoded)
    if job.moves and still is not None and (still[1] - still[0]) * 4 >= job.length > _SAMPLES:
        text = f"the pictures {still[0]} to {still[1]} of {job.length} are the same"
        yield Problem(Code.CAMERA_FROZEN, text, job.camera, episodes=(job.episode,))


def _other_size(decoded: Sequence[tuple[int, Blocks]]) -> int | None:
    """Return the first picture whose size is not that of the first one, as in a video whose header is damaged."""
    return next((number for number, blocks in decoded if blocks.shape != decoded[0][1].shape), None)


def _is_same(one: Blocks, other: Blocks) -> bool:
    return one.shape == other.shape and float(np.abs(one - other).max()) < _SAME


def _longest_still(decoded: Sequence[tuple[int, Blocks]]) -> tuple[int, int] | None:
    """Return the longest range of pictures that do not differ from its first."""
    best: tuple[int, int] | None = None
    first = 0
    for place in range(1, len(decoded)):
        if not _is_same(decoded[place][1], decoded[first][1]):
            first = place
            continue
        start, stop = decoded[first][0], decoded[place][0]
        if best is None or stop - start > best[1] - best[0]:
            best = (start, stop)
    return best


def _blocks(picture: npt.NDArray[Any]) -> Blocks:
    """Return the mean of each block of pixels: small, and blind to the noise of an encoder."""
    height, width = (max(_BLOCK, size - size % _BLOCK) for size in picture.shape[:2])
    cut = picture[:height, :width].astype(np.float32)
    rows = np.add.reduceat(cut, np.arange(0, cut.shape[0], _BLOCK), axis=0)
    sums = np.add.reduceat(rows, np.arange(0, cut.shape[1], _BLOCK), axis=1)
    tall, wide = min(_BLOCK, cut.shape[0]), min(_BLOCK, cut.shape[1])
    blocks: Blocks = sums / (tall * wide)
    return blocks


def _decode(job: PictureJob) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Yield pictures with their numbers in the episode: all, or a few from the first to the last."""
    few = np.linspace(0, job.length - 1, min(_SAMPLES, job.length))
    wanted = range(job.length) if job.is_deep else np.unique(np.round(few).astype(int)).tolist()
    if job.feature.kind is Kind.IMAGE:
        yield from _decode_rows(job, wanted)
        return
    from lerotool.dataset.reading.columns import iter_video
    from lerotool.dataset.reading.episodes import VideoSpan

    span = VideoSpan(job.path, job.start, job.length, job.start / job.fps, (job.start + job.length) / job.fps, 0, 0)
    for first, stop in [(0, job.length)] if job.is_deep else [(number, number + 1) for number in wanted]:
        yield from enumerate(iter_video(span, first, stop, job.fps, job.feature), start=first)


def _decode_rows(job: PictureJob, wanted: Sequence[int]) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    from lerotool.media.pictures import decode_image

    with open_parquet(job.path) as file:
        starts = np.cumsum([0, *(file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))])
        held, table = -1, None
        for number in wanted:
            row = job.start + number
            group = int(np.searchsorted(starts, row, side="right")) - 1
            if group != held:
                held, table = group, read_groups(file, job.path, [group], [job.camera])
            assert table is not None
            stored = table[job.camera][row - int(starts[group])].as_py()
            data = stored.get("bytes") if isinstance(stored, dict) else stored
            if not data:
                raise CorruptDatasetError(f"frame {number}: the row has no picture")
            try:
                yield number, decode_image(data)
            except MediaError as error:
                raise MediaError(f"frame {number}: {error}") from error


_SPREAD = 8
_SMALLEST = 8


def picture_jobs(
    info: DatasetInfo, view: DataView, videos: Collection[tuple[VideoJob, VideoFacts]], *, is_deep: bool
) -> list[PictureJob]:
    """Return the episodes whose pictures are decoded, of videos and data files in which they are all there."""
    moves = moving_episodes(view)
    jobs: list[PictureJob] = []
    for name in (*cameras(info.features), *(n for n, f in info.features.items() if f.kind is Kind.IMAGE)):
        feature = info.features[name]
        places = list(_in_rows(name, view) if feature.kind is Kind.IMAGE else _in_videos(name, videos))
        for place in range(len(places)) if is_deep else _chosen(places):
            _, path, episode, start, length = places[place]
            is_moving = moves is not None and 0 <= episode < len(moves) and bool(moves[episode])
            jobs.append(PictureJob(path, name, feature, episode, start, length, info.fps, is_moving, is_deep))
    return jobs


_Place = tuple[float, Path, int, int, int]
"""Of an episode the bytes of a picture, the file, its number, the first picture in the file, how many there are."""


def _in_videos(camera: str, videos: Collection[tuple[VideoJob, VideoFacts]]) -> Iterator[_Place]:
    for job, facts in videos:
        if job.camera != camera or facts.episode_bytes is None:
            continue
        doubtful = {number for problem in facts.problems for number in problem.episodes}
        columns = (job.episodes, job.first_frames, job.lengths, facts.episode_bytes)
        for episode, start, length, size in zip(*(column.tolist() for column in columns), strict=True):
            if length and start + length <= facts.frames and episode not in doubtful:
                yield size / length, job.path, episode, start, length


def _in_rows(name: str, view: DataView) -> Iterator[_Place]:
    for fact in view.facts:
        if fact.runs is not None and not any(problem.column == name for problem in fact.problems):
            columns = (fact.runs.episode, fact.runs.start, fact.runs.length)
            for episode, start, length in zip(*(column.tolist() for column in columns), strict=True):
                yield 0.0, fact.path, episode, start, length


def _chosen(places: Sequence[_Place]) -> list[int]:
    """Return the numbers of the places that are looked at: some from the first to the last, and the smallest."""
    spread = np.linspace(0, len(places) - 1, min(_SPREAD, len(places))).round().astype(int).tolist()
    smallest = sorted(range(len(places)), key=lambda place: places[place][0])[:_SMALLEST]
    return sorted({*spread, *smallest})
