"""Which pictures are decoded: all, or of each camera some episodes, those among them whose videos are smallest.

A black or frozen camera encodes to almost nothing, so it is found among a camera's smallest episodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lerotool.checking.data import DataView
from lerotool.checking.motion import moving_episodes
from lerotool.checking.pictures import PictureJob
from lerotool.checking.videos import VideoFacts, VideoJob
from lerotool.dataset.info import DatasetInfo
from lerotool.features import Kind, cameras

_SPREAD = 8
_SMALLEST = 8


def picture_jobs(
    info: DatasetInfo,
    view: DataView,
    videos: Mapping[Path, tuple[VideoJob, VideoFacts]],
    *,
    is_deep: bool,
) -> list[PictureJob]:
    """Return the episodes whose pictures are decoded, of videos and data files in which they are all there."""
    moves = moving_episodes(view)
    jobs: list[PictureJob] = []
    for camera in cameras(info.features):
        own = [
            (job, facts) for job, facts in videos.values() if job.camera == camera and facts.episode_bytes is not None
        ]
        jobs += _of_camera(camera, info, own, moves, is_deep=is_deep)
    for name in (name for name, feature in info.features.items() if feature.kind is Kind.IMAGE):
        jobs += _of_column(name, info, view, moves, is_deep=is_deep)
    return jobs


def _of_camera(
    camera: str,
    info: DatasetInfo,
    own: Sequence[tuple[VideoJob, VideoFacts]],
    moves: np.ndarray | None,
    *,
    is_deep: bool,
) -> list[PictureJob]:
    found: list[tuple[float, PictureJob]] = []
    for job, facts in own:
        assert facts.episode_bytes is not None
        doubtful = {number for problem in facts.problems for number in problem.episodes}
        starts = np.rint(job.starts * job.fps).astype(np.int64)
        rows = zip(
            job.episodes.tolist(), starts.tolist(), job.lengths.tolist(), facts.episode_bytes.tolist(), strict=True
        )
        for episode, start, length, size in rows:
            if length and start + length <= facts.frames and episode not in doubtful:
                is_moving = moves is not None and episode < len(moves) and bool(moves[episode])
                picture = PictureJob(
                    job.path, camera, info.features[camera], episode, start, length, info.fps, is_moving, is_deep
                )
                found.append((size / length, picture))
    if is_deep:
        return [job for _, job in found]
    return _chosen(found)


def _of_column(
    name: str, info: DatasetInfo, view: DataView, moves: np.ndarray | None, *, is_deep: bool
) -> list[PictureJob]:
    found: list[tuple[float, PictureJob]] = []
    for fact in view.facts:
        runs = fact.runs
        if runs is None or any(problem.column == name for problem in fact.problems):
            continue
        for episode, start, length in zip(
            runs.episode.tolist(), runs.start.tolist(), runs.length.tolist(), strict=True
        ):
            is_moving = moves is not None and 0 <= episode < len(moves) and bool(moves[episode])
            job = PictureJob(fact.path, name, info.features[name], episode, start, length, info.fps, is_moving, is_deep)
            found.append((0.0, job))
    return [job for _, job in found] if is_deep else _chosen(found)


def _chosen(found: Sequence[tuple[float, PictureJob]]) -> list[PictureJob]:
    spread = np.linspace(0, len(found) - 1, min(_SPREAD, len(found))).round().astype(int).tolist()
    smallest = sorted(range(len(found)), key=lambda place: found[place][0])[:_SMALLEST]
    return [found[place][1] for place in sorted({*spread, *smallest})]
