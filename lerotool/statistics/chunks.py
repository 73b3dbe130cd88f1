"""Statistics of action chunks: what policies that predict several actions at once normalise.

For every frame i of an episode of n frames a policy is given the actions i, i+1, …, i+H-1; behind the end the last one
is repeated, as LeRobot's loader does. Dimensions that the policy takes relative to the state are
``action[min(i + h, n - 1)] - state[i]``. All of these numbers, for all i and h, are one sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.reading.columns import check_widths, to_numpy
from lerotool.errors import UsageError
from lerotool.execution import Progress, ignore_progress, run_jobs
from lerotool.moments import FeatureStats, Moments, Pool
from lerotool.quantiles import Answer, QuantileSearch, Question, answer
from lerotool.rewriting.provenance import runs
from lerotool.statistics.sampling import address, opened
from lerotool.statistics.segments import runs_of_rows

_BLOCK_VALUES = 2**21
_JOB_ROWS = 2**15
Real = tuple[bool, ...]
"""Which dimensions are real, not filled up by a merge."""


@dataclass(frozen=True, slots=True)
class Chunks:
    """How chunks are made."""

    action: str  # feature of the actions
    state: str | None  # feature of the state; None if all actions are absolute
    mask: tuple[bool, ...]  # which of the first dimensions are relative to the state
    horizon: int  # H

    @property
    def columns(self) -> list[str]:
        """The columns that are needed."""
        return [self.action] if self.state is None else [self.action, self.state]


@dataclass(frozen=True, slots=True)
class _Job:
    root: Path
    state: str
    first: int
    stop: int
    chunks: Chunks
    question: Question
    measures: bool


@dataclass(slots=True)
class _Result:
    moments: dict[Real, Moments] = field(default_factory=dict)
    answer: Answer = field(default_factory=Answer)


def measure_chunks(
    dataset: Dataset, chunks: Chunks, executor: Executor | None = None, on_progress: Progress = ignore_progress
) -> FeatureStats:
    """Return the statistics (d,) of all chunks of all episodes, exact; ``count`` is the number of actions in them."""
    _check(dataset, chunks)
    check_widths(dataset, chunks.columns)
    dtype = np.result_type(*(dataset.features[name].dtype for name in chunks.columns))
    search = QuantileSearch(dataset.features[chunks.action].shape[-1], dtype)
    moments: dict[Real, Moments] = {}
    pool = Pool(dataset.features[chunks.action].shape[-1])
    jobs = list(_jobs(dataset, chunks, search))
    while search.question is not None:
        total = Answer()
        is_first = not moments
        asked = [replace(job, question=search.question, measures=is_first) for job in jobs]
        done = 0
        for job, result in run_jobs(_run, asked, executor):
            total.add(result.answer)
            _merge(moments, result.moments)
            if is_first:
                done += int(dataset.episodes.lengths[job.first : job.stop].sum())
                on_progress(done, dataset.num_frames)
        if is_first:
            for real, found in moments.items():
                values = np.stack([found.min, found.max, found.mean, found.std])[:, None]
                pool.add(values, np.array([found.count]), np.array([real]))
        search.take(total, pool.counts, skip=np.flatnonzero(~pool.is_finite).tolist())
    return pool.stats(sum(found.count for found in moments.values()), search.quantiles())


def _merge(moments: dict[Real, Moments], other: dict[Real, Moments]) -> None:
    for real, found in other.items():
        moments[real] = moments[real].merge(found) if real in moments else found


def _check(dataset: Dataset, chunks: Chunks) -> None:
    if not dataset.num_frames:
        raise UsageError(f"{str(dataset.root)!r} has no frames to measure")
    for name in chunks.columns:
        shape = dataset.features[name].shape
        if len(shape) != 1:
            raise UsageError(f"feature {name!r} has shape {list(shape)}, expected one vector for each frame")
        if len(chunks.mask) > shape[0]:
            raise UsageError(
                f"the mask has {len(chunks.mask)} dimensions, feature {name!r} has {shape[0]}",
                hint="such as 6,-1 for six joints relative to the state and a gripper that is not",
            )


def _jobs(dataset: Dataset, chunks: Chunks, search: QuantileSearch) -> Iterator[_Job]:
    assert search.question is not None
    starts, (root, state) = dataset.episodes.starts, address(dataset)
    for first, stop in runs_of_rows(starts, range(1, len(starts)), _JOB_ROWS):
        if starts[stop] > starts[first]:
            yield _Job(root, state, first, stop, chunks, search.question, measures=True)


def _run(job: _Job) -> _Result:
    dataset = opened(job.root, job.state)
    starts = dataset.episodes.starts
    columns = job.chunks.columns
    table = dataset.rows(int(starts[job.first]), int(starts[job.stop]), columns)
    actions, *states = (to_numpy(table[name], name, dataset.features[name]).reshape(len(table), -1) for name in columns)
    bounds = starts[job.first : job.stop + 1] - starts[job.first]
    result = _Result()
    for first, stop, real in _runs(dataset, job):
        part = slice(bounds[first], bounds[stop])
        states_of_part = states[0][part] if states else None
        for lines in _blocks(actions[part], states_of_part, bounds[first : stop + 1] - bounds[first], job.chunks):
            lines_of_real = [line if is_real else line[:0] for line, is_real in zip(lines, real, strict=True)]
            result.answer.add(answer(job.question, lines_of_real))
            if job.measures:
                _merge(result.moments, {real: Moments.of(lines.T)})
    return result


def _runs(dataset: Dataset, job: _Job) -> Iterator[tuple[int, int, Real]]:
    """Yield runs of the job's episodes (first, after the last) in which the same dimensions are real."""
    chunks = job.chunks
    count, width = job.stop - job.first, dataset.features[chunks.action].shape[-1]
    real = np.ones((count, width), np.bool_)
    if (present := dataset.padding.dimensions(chunks.action, job.first, job.stop)) is not None:
        real &= present
    if chunks.state and (present := dataset.padding.dimensions(chunks.state, job.first, job.stop)) is not None:
        relative = np.flatnonzero(chunks.mask)
        real[:, relative] &= present[:, relative]
    for first, stop in runs(real):
        yield first, stop, tuple(real[first].tolist())


def _blocks(
    actions: npt.NDArray[Any], states: npt.NDArray[Any] | None, bounds: npt.NDArray[np.int64], chunks: Chunks
) -> Iterator[npt.NDArray[Any]]:
    """Yield the numbers of all chunks as (d, n) lines, some frames at a time."""
    last_of_row = np.repeat(bounds[1:] - 1, np.diff(bounds))
    rows = max(1, _BLOCK_VALUES // (chunks.horizon * actions.shape[1]))
    steps = np.arange(chunks.horizon)
    relative = len(chunks.mask)
    for first in range(0, len(actions), rows):
        frames = np.arange(first, min(first + rows, len(actions)))
        picked = np.minimum(frames[:, None] + steps, last_of_row[frames, None])
        values = actions[picked]
        if states is not None:
            values = values.astype(np.result_type(actions, states))
            offset = np.where(chunks.mask, states[frames, :relative], 0)
            values[..., :relative] -= offset[:, None].astype(values.dtype)
        yield np.ascontiguousarray(values.reshape(-1, actions.shape[1]).T)
