"""Statistics of pictures that are measured: of pieces of episodes, and where those of a recorder are lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lerotool.dataset.writing.measures import image_stats
from lerotool.features import Feature, Kind, picture_size
from lerotool.media.decode import iter_chosen, iter_depth
from lerotool.media.pictures import sampled_rgb
from lerotool.moments import DepthHistogram, FeatureStats, PictureHistogram, sampled_frames, shrink_step
from lerotool.rewriting.rewriting import Contribution, Rewriting
from lerotool.rewriting.row_stream import FileSlice, RowStream, file_slices

_MM_PER_M = 1000


def measure_pictures(path: Path, start: int, length: int, fps: float, feature: Feature) -> dict[str, Any]:
    """Return the statistics of an episode's pictures as ``stats.json`` has them, by LeRobot's sampling rule.

    `start`: number of its first frame in the video. They are taken after the encoder, so they differ a little from
    those that LeRobot took before.
    """
    sampled = sampled_frames(length)
    if feature.is_depth:
        return _measure_depths(path, start, length, fps, feature, frozenset(sampled.tolist()))
    histogram = PictureHistogram()
    for frame in iter_chosen(path, (start + sampled).tolist(), fps):
        histogram.add(sampled_rgb(frame, shrink_step(frame.height, frame.width)))
    return histogram.stats().to_json()


def _measure_depths(
    path: Path, start: int, length: int, fps: float, feature: Feature, sampled: frozenset[int]
) -> dict[str, Any]:
    histogram = DepthHistogram()
    is_metres = feature.info.get("depth_unit") == "m"
    for number, depths in enumerate(iter_depth(path, start, start + length, fps, feature.info)):
        if number in sampled:
            step = shrink_step(*depths.shape[:2])
            small = depths[::step, ::step]
            histogram.add(small / np.float32(_MM_PER_M) if is_metres else small.astype(np.uint16))
    return histogram.stats().to_json()


@dataclass(frozen=True, slots=True)
class MeasureJob:
    """A piece of an episode whose pictures have to be measured."""

    camera: str  # its key in the target
    episode: int  # the number of the piece's episode in the target
    # The video and the number of the first picture there, or the rows that hold the pictures.
    place: tuple[Path, int] | tuple[FileSlice, ...]
    column: str  # of those rows
    frames: int  # how many pictures there are
    fps: float  # of the source
    feature: Feature  # of the camera in the source


def run_measure_job(job: MeasureJob) -> FeatureStats:
    """Return the statistics of a piece's pictures."""
    match job.place:
        case (Path() as path, int() as start):
            return FeatureStats.from_json(measure_pictures(path, start, job.frames, job.fps, job.feature))
        case slices:
            rows = RowStream(slices, [job.column], {job.column: job.feature}).take(job.frames)
            return image_stats(rows[job.column], picture_size(job.feature))


def measure_jobs(work: Rewriting) -> Iterator[MeasureJob]:
    """Yield what has to be measured: pieces that are not whole episodes; what is encoded is measured on the way."""
    encoded = {name: {clip.episode for clip in camera.clips} for name, camera in work.cameras.items()}
    for contribution in work.contributions:
        for place in contribution.source.is_trimmed.nonzero()[0].tolist():
            episode = contribution.first_episode + place
            for name, feature in contribution.source.features.items():
                if feature.is_camera and name in work.features and episode not in encoded.get(name, ()):
                    yield _measure_job(contribution, place, name, feature)


def _measure_job(contribution: Contribution, place: int, name: str, feature: Feature) -> MeasureJob:
    source = contribution.source
    dataset, original = source.dataset, source.originals[name]
    frames, start = int(source.lengths[place]), int(source.starts[place])
    where: tuple[Path, int] | tuple[FileSlice, ...]
    if feature.kind is Kind.IMAGE:
        row = int(source.first_rows(place, place + 1)[0])
        where = file_slices(dataset, row, row + frames)
    else:
        span = dataset.episodes[int(source.episodes[place])].videos[original]
        where = span.path, span.start_frame + start
    return MeasureJob(name, contribution.first_episode + place, where, original, frames, dataset.fps, feature)
