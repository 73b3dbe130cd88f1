"""The statistics of cameras, from decoded frames: one pass, one job for some episodes of one camera.

Pixel values 0..255 are counted, so that statistics of any number of frames are exact and can be added up. LeRobot
takes those of videos before encoding; what is decoded differs from that by what the encoder has lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.reading.columns import iter_images
from lerotool.errors import CorruptDatasetError, DatasetError, MediaError
from lerotool.execution import run_jobs
from lerotool.features import Kind
from lerotool.media.decode import iter_frames, to_millimetres
from lerotool.media.depth import DepthScale
from lerotool.media.pictures import to_rgb
from lerotool.moments import GAPS, QUANTILES, Floats, PictureHistogram, merge_stats
from lerotool.statistics.sampling import Sampling, address, opened
from lerotool.statistics.segments import BARS, COLUMNS, EpisodeStore, Measured, measured_table, runs_of_rows

_JOB_FRAMES = 2000
_MM_PER_M = 1000


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    root: Path
    state: str
    camera: str
    first: int
    sampling: Sampling
    lengths: npt.NDArray[np.int64]  # of the episodes from the first on, 0 where one is not meant


@dataclass(slots=True)
class _Result:
    """By episode: its row of the store (15, C) and its frames; the histogram of all; what could not be measured."""

    rows: dict[int, tuple[Floats, int]] = field(default_factory=dict)
    histogram: PictureHistogram | None = None
    problems: list[str] = field(default_factory=list)


def measure_cameras(
    dataset: Dataset,
    cameras: Sequence[str],
    lengths: npt.NDArray[np.int64],
    sampling: Sampling,
    store: EpisodeStore,
    executor: Executor | None,
    on_progress: Callable[[int], None],
) -> tuple[dict[str, Measured], dict[str, tuple[str, ...]]]:
    """Measure cameras in episodes and of the dataset; returns by camera what was measured, and what could not be.

    `lengths`: (E,), the frames of each episode, 0 where it is not meant. `on_progress`: called with the frames done.
    Of the dataset all sampled frames count together, without those that a merge filled in.
    """
    root, state = address(dataset)
    spans = list(runs_of_rows(dataset.episodes.starts, range(1, dataset.num_episodes + 1), _JOB_FRAMES))
    jobs = [_Job(root, state, camera, a, sampling, lengths[a:b]) for camera in cameras for a, b in spans]
    histograms: dict[str, PictureHistogram] = {}
    problems: dict[str, list[tuple[int, list[str]]]] = {}
    done = 0
    for job, result in run_jobs(_run, jobs, executor):
        for episode, (row, frames) in result.rows.items():
            store.put(job.camera, episode, row[None], np.array([frames], np.int64))
        if result.histogram is not None:
            histograms.setdefault(job.camera, PictureHistogram(len(result.histogram.counts))).merge(result.histogram)
        if result.problems:
            problems.setdefault(job.camera, []).append((job.first, result.problems))
        done += int(job.lengths.sum())
        on_progress(done)
    found = {camera: _measured(dataset, store, camera, histograms.get(camera)) for camera in cameras}
    return (
        {camera: measured for camera, measured in found.items() if measured is not None},
        {camera: tuple(text for _, texts in sorted(parts) for text in texts) for camera, parts in problems.items()},
    )


def _measured(
    dataset: Dataset, store: EpisodeStore, camera: str, histogram: PictureHistogram | None
) -> Measured | None:
    if histogram is not None:
        return Measured(histogram.stats(), histogram.gaps(), _bars(histogram))
    segments = store.segments(camera, 0, store.episodes)
    used = np.flatnonzero((segments.counts > 0) & dataset.padding.pictures(camera, 0, store.episodes))
    if not len(used) or not dataset.features[camera].is_depth:
        return None
    # Depth has no histogram: its quantiles are those of the episodes, averaged by the frames they were taken from.
    stats = merge_stats([segments.stats(int(episode), (1, 1, 1)) for episode in used])
    gaps = {name: segments.statistic(gap)[used].max(axis=0) for name, gap in zip(QUANTILES, GAPS, strict=True)}
    return Measured(stats, {name: gap.reshape(1, 1, 1) for name, gap in gaps.items()})


def _bars(histogram: PictureHistogram) -> npt.NDArray[np.int64]:
    bars = np.zeros((len(histogram.counts), BARS), np.int64)
    for channel, counts in enumerate(histogram.counts):
        used = np.flatnonzero(counts)
        width = max(int(used[-1] - used[0]), 1)
        np.add.at(bars[channel], np.minimum((used - used[0]) * BARS // width, BARS - 1), counts[used])
    return bars


def _run(job: _Job) -> _Result:
    dataset = opened(job.root, job.state)
    result = _Result()
    for episode, length in enumerate(job.lengths.tolist(), start=job.first):
        if not length:
            continue
        frames = job.sampling.of_episode(length)
        try:
            if dataset.features[job.camera].is_depth:
                result.rows[episode] = (_depth(dataset, episode, job.camera, frames, job.sampling), len(frames))
                continue
            histogram = _histogram(dataset, episode, job.camera, frames, job.sampling)
        except (DatasetError, MediaError) as error:
            result.problems.append(str(error))
            continue
        result.rows[episode] = (_row(histogram), len(frames))
        if dataset.padding.is_filled(job.camera, episode):
            continue  # black pictures stand for missing ones and say nothing about a camera
        result.histogram = result.histogram or PictureHistogram(len(histogram.counts))
        result.histogram.merge(histogram)
    return result


def _row(histogram: PictureHistogram) -> Floats:
    stats, gaps = histogram.stats(), histogram.gaps()
    row: Floats = np.stack([*stats.rows(), *map(np.ravel, gaps.values()), overflown_std(histogram)])
    assert len(row) == len(COLUMNS)
    return row


def overflown_std(histogram: PictureHistogram) -> Floats:
    """Return the std (C,) in 0..1 that comes from squares of pixels cut to 8 bits (see `OVERFLOWN_STD`)."""
    counts = histogram.counts.astype(np.float64)
    levels = np.arange(counts.shape[1])
    pixels = counts.sum(axis=1)
    mean = (counts * levels).sum(axis=1) / pixels
    squares = (counts * (levels * levels % len(levels))).sum(axis=1) / pixels
    std: Floats = np.sqrt(np.maximum(squares - mean * mean, 0.0)) / 255
    return std


def _histogram(
    dataset: Dataset, episode: int, camera: str, frames: npt.NDArray[np.int64], sampling: Sampling
) -> PictureHistogram:
    histogram: PictureHistogram | None = None
    for picture in _colours(dataset, episode, camera, frames):
        histogram = histogram or PictureHistogram(picture.shape[2])
        step = sampling.step(*picture.shape[:2])
        histogram.add(picture[::step, ::step])
    assert histogram is not None
    return histogram


def _colours(dataset: Dataset, episode: int, camera: str, frames: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[Any]]:
    """Yield the pictures of some frames; videos are decoded in order, only wanted frames become RGB."""
    if dataset.features[camera].kind is Kind.IMAGE:
        yield from _images(dataset, episode, camera, frames)
        return
    yield from map(to_rgb, _chosen(dataset, *_video(dataset, episode, camera), frames))


def _chosen(dataset: Dataset, path: Path, start: int, frames: npt.NDArray[np.int64]) -> Iterator[Any]:
    """Yield some frames of a video; the others between are looked at too, so that a damaged one is found."""
    wanted = set(frames.tolist())
    for number, frame in enumerate(iter_frames(path, start, start + int(frames[-1]) + 1, dataset.fps)):
        if number in wanted:
            yield frame


def _images(dataset: Dataset, episode: int, camera: str, frames: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[Any]]:
    column = dataset.episode_rows(episode, [camera])[camera].take(frames)
    place = f"{dataset.root}, episode {episode}, camera {camera!r}"
    yield from iter_images(column, place, dataset.features[camera])


def _video(dataset: Dataset, episode: int, camera: str) -> tuple[Path, int]:
    span = dataset.episodes[episode].videos.get(camera)
    if span is None or not span.path.is_file():
        place = f"episode {episode}, camera {camera!r}" if span is None else str(span.path)
        raise CorruptDatasetError(f"{place}: the video is missing")
    return span.path, span.start_frame


def _depth(dataset: Dataset, episode: int, camera: str, frames: npt.NDArray[np.int64], sampling: Sampling) -> Floats:
    """Return the row of an episode of depth pictures, in the unit they were recorded in."""
    feature = dataset.features[camera]
    if feature.kind is Kind.IMAGE:
        pictures = list(_images(dataset, episode, camera, frames))
    else:
        path, start = _video(dataset, episode, camera)
        millimetres = DepthScale.of(feature.info).millimetres
        chosen = _chosen(dataset, path, start, frames)
        pictures = [to_millimetres(frame, path, millimetres) for frame in chosen]
    step = sampling.step(*pictures[0].shape[:2])
    line = np.concatenate([p[::step, ::step].ravel() for p in pictures])[None]
    table, _ = measured_table(line, np.array([0, line.shape[1]]))
    row: Floats = table[0] / (_MM_PER_M if feature.info.get("depth_unit") == "m" else 1)
    return row
