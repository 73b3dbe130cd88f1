"""The statistics of cameras, from decoded frames: one pass, one job for some episodes of one camera.

Pixel values 0..255 are counted, so that statistics of any number of frames are exact and can be added up. LeRobot
takes those of videos before encoding; what is decoded differs from that by what the encoder has lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.reading.columns import iter_images
from lerotool.dataset.reading.episodes import Episode
from lerotool.errors import CorruptDatasetError, DatasetError, MediaError
from lerotool.execution import Progress, ignore_progress, run_jobs
from lerotool.features import Kind
from lerotool.media.decode import iter_depth, iter_frames, to_rgb
from lerotool.moments import GAPS, QUANTILES, Floats, PictureHistogram, merge_stats
from lerotool.statistics.jobs import address, opened
from lerotool.statistics.sampling import Sampling
from lerotool.statistics.segments import BARS, COLUMNS, Measured, meant_lengths, measured_table
from lerotool.statistics.store import EpisodeStore

_JOB_FRAMES = 2000
_MM_PER_M = 1000


@dataclass(frozen=True, slots=True)
class CameraMeasure:
    """What has been measured of a camera."""

    # All sampled frames together, without those that a merge filled in; None if there was none.
    measured: Measured | None
    histogram: PictureHistogram | None  # of the pixel values; None for depth
    problems: tuple[str, ...]  # what could not be decoded


@dataclass(frozen=True, slots=True)
class _Job:
    root: Path
    state: str
    camera: str
    first: int
    stop: int
    sampling: Sampling
    episodes: frozenset[int] | None


@dataclass(slots=True)
class _Result:
    """By episode: its row of the store (15, C) and its frames; the histogram of all; what could not be measured."""

    rows: dict[int, tuple[Floats, int]] = field(default_factory=dict)
    histogram: PictureHistogram | None = None
    problems: list[str] = field(default_factory=list)


def measure_cameras(
    dataset: Dataset,
    cameras: Sequence[str],
    sampling: Sampling,
    store: EpisodeStore,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
    *,
    episodes: frozenset[int] | None = None,
) -> dict[str, CameraMeasure]:
    """Measure cameras in all episodes and of the dataset."""
    root, state = address(dataset)
    jobs = [_Job(root, state, c, *span, sampling, episodes) for c in cameras for span in _spans(dataset)]
    lengths = meant_lengths(dataset.episodes.lengths, episodes)
    histograms: dict[str, PictureHistogram] = {}
    problems: dict[str, list[tuple[int, list[str]]]] = {camera: [] for camera in cameras}
    done = 0
    for job, result in run_jobs(_run, jobs, executor):
        for episode, (row, frames) in result.rows.items():
            store.put(job.camera, episode, row[None], np.array([frames], np.int64))
        if result.histogram is not None:
            _add(histograms, job.camera, result.histogram)
        problems[job.camera].append((job.first, result.problems))
        done += int(lengths[job.first : job.stop].sum())
        on_progress(done, int(lengths.sum()) * len(cameras))
    return {
        camera: CameraMeasure(
            _measured(dataset, store, camera, histograms.get(camera)),
            histograms.get(camera),
            tuple(problem for _, texts in sorted(problems[camera]) for problem in texts),
        )
        for camera in cameras
    }


def _add(histograms: dict[str, PictureHistogram], camera: str, histogram: PictureHistogram) -> None:
    if camera in histograms:
        histograms[camera].merge(histogram)
    else:
        histograms[camera] = histogram


def _spans(dataset: Dataset) -> Iterator[tuple[int, int]]:
    """Yield runs of episodes of some thousand frames."""
    starts = dataset.episodes.starts
    cuts = [0]
    for episode in range(len(starts) - 1):
        if starts[episode + 1] - starts[cuts[-1]] >= _JOB_FRAMES or episode == len(starts) - 2:
            cuts.append(episode + 1)
    yield from pairwise(cuts)


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
    is_real = dataset.padding.pictures(job.camera, job.first, job.stop)
    for episode in dataset.episodes[job.first : job.stop]:
        if not episode.length or (job.episodes is not None and episode.index not in job.episodes):
            continue
        frames = job.sampling.of_episode(episode.length)
        try:
            if dataset.features[job.camera].is_depth:
                result.rows[episode.index] = (_depth(dataset, episode, job.camera, frames, job.sampling), len(frames))
                continue
            histogram = _histogram(dataset, episode, job.camera, frames, job.sampling)
        except (DatasetError, MediaError) as error:
            result.problems.append(str(error))
            continue
        result.rows[episode.index] = (_row(histogram), len(frames))
        if not is_real[episode.index - job.first]:
            continue  # black pictures stand for missing ones and say nothing about a camera
        if result.histogram is None:
            result.histogram = histogram
        else:
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
    dataset: Dataset, episode: Episode, camera: str, frames: npt.NDArray[np.int64], sampling: Sampling
) -> PictureHistogram:
    histogram: PictureHistogram | None = None
    for picture in _colours(dataset, episode, camera, frames):
        histogram = histogram or PictureHistogram(picture.shape[2])
        step = sampling.step(*picture.shape[:2])
        histogram.add(picture[::step, ::step])
    assert histogram is not None
    return histogram


def _colours(
    dataset: Dataset, episode: Episode, camera: str, frames: npt.NDArray[np.int64]
) -> Iterator[npt.NDArray[Any]]:
    """Yield the pictures of some frames; videos are decoded in order, only wanted frames become RGB."""
    if dataset.features[camera].kind is Kind.IMAGE:
        yield from _images(dataset, episode, camera, frames)
        return
    path, start = _video(episode, camera)
    wanted = set((frames + start).tolist())
    for number, frame in enumerate(iter_frames(path, start, start + int(frames[-1]) + 1, dataset.fps), start=start):
        if number in wanted:
            yield to_rgb(frame)


def _images(
    dataset: Dataset, episode: Episode, camera: str, frames: npt.NDArray[np.int64]
) -> Iterator[npt.NDArray[Any]]:
    column = dataset.episode_rows(episode.index, [camera])[camera].take(frames)
    place = f"{dataset.root}, episode {episode.index}, camera {camera!r}"
    yield from iter_images(column, place, dataset.features[camera])


def _video(episode: Episode, camera: str) -> tuple[Path, int]:
    span = episode.videos.get(camera)
    if span is None or not span.path.is_file():
        place = f"episode {episode.index}, camera {camera!r}" if span is None else str(span.path)
        raise CorruptDatasetError(f"{place}: the video is missing")
    return span.path, span.start_frame


def _depth(
    dataset: Dataset, episode: Episode, camera: str, frames: npt.NDArray[np.int64], sampling: Sampling
) -> Floats:
    """Return the row of an episode of depth pictures, in the unit they were recorded in."""
    feature = dataset.features[camera]
    if feature.kind is Kind.IMAGE:
        pictures = list(_images(dataset, episode, camera, frames))
    else:
        path, start = _video(episode, camera)
        every = iter_depth(path, start, start + int(frames[-1]) + 1, dataset.fps, feature.info)
        wanted = set(frames.tolist())
        pictures = [picture for number, picture in enumerate(every) if number in wanted]
    step = sampling.step(*pictures[0].shape[:2])
    line = np.concatenate([p[::step, ::step].ravel() for p in pictures])[None]
    table, _ = measured_table(line, np.array([0, line.shape[1]]))
    row: Floats = table[0] / (_MM_PER_M if feature.info.get("depth_unit") == "m" else 1)
    return row
