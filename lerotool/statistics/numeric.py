"""The statistics of numeric columns, from the data files: every row is read once, and once more for quantiles.

Reading goes by pieces of whole episodes and row groups, so that memory does not grow with the dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.parquet import open_parquet
from lerotool.dataset.reading.columns import check_widths, to_numpy
from lerotool.dataset.reading.datafiles import cumulated
from lerotool.execution import run_jobs
from lerotool.features import Feature
from lerotool.moments import FeatureStats, Floats, Moments, Pool
from lerotool.quantiles import Answer, Lines, QuantileSearch, Question, answer
from lerotool.statistics.sampling import address, opened
from lerotool.statistics.segments import (
    BARS,
    EpisodeStore,
    Measured,
    dimensions,
    measured_table,
    runs_of_rows,
    values_pooled,
)

_TIME, _NUMBER = "timestamp", "frame_index"
_PIECE_VALUES = 2**20
_JOB_VALUES = 2**22
_BLOCK = 4096
_KEPT_BYTES = 128 * 1024**2
"""Values of a dataset up to which they stay in memory for the quantiles' further passes."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """Some whole data files."""

    root: Path  # the dataset
    state: str  # its stamp
    first: int  # number of the first episode
    stop: int  # the number after the last
    names: tuple[str, ...]  # features to read
    questions: Mapping[str, Question]  # what is asked for quantiles, by feature
    lengths: npt.NDArray[np.int64]  # rows of each of its episodes that are meant, 0 where none are
    measures: bool  # whether episodes are measured too
    keeps: bool  # whether the values come back too


@dataclass(slots=True)
class _Result:
    """What a job found, by feature; tables are those of the job's episodes, in order and in pieces."""

    tables: dict[str, list[Floats]] = field(default_factory=dict)
    moments: dict[str, Moments] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    lines: dict[str, list[Lines | list[Lines]]] = field(default_factory=dict)


def measure_columns(
    dataset: Dataset,
    names: Sequence[str],
    lengths: npt.NDArray[np.int64],
    store: EpisodeStore,
    executor: Executor | None,
    on_progress: Callable[[int], None],
) -> dict[str, Measured]:
    """Measure numeric columns of episodes and of the dataset.

    `lengths`: (E,), the rows of each episode, 0 where it is not meant. `on_progress`: called with the rows done.
    Returns the statistics of all rows together: equal to numpy's on the concatenated columns, quantiles included. Of
    padded vectors each dimension counts where it is real.
    """
    check_widths(dataset, names)
    searches = {
        name: QuantileSearch(dimensions(dataset.features[name], dataset.version), _dtype(name, dataset.features[name]))
        for name in names
    }
    jobs = _jobs(dataset, tuple(names), lengths)
    frames = int(lengths.sum())
    found = _Result()
    pools: dict[str, Pool] = {}
    is_first = True
    while questions := {name: search.question for name, search in searches.items() if search.question is not None}:
        answers = {name: Answer() for name in questions}
        if is_first or not jobs[0].keeps:
            asked = [replace(job, names=tuple(questions), questions=questions, measures=is_first) for job in jobs]
            done = 0
            for job, result in run_jobs(_run, asked, executor):
                for name in questions:
                    answers[name].add(result.answers[name])
                if is_first:
                    _keep(job, result, found, store)
                    done += int(job.lengths.sum())
                    on_progress(done)
        else:
            for name, question in questions.items():
                for lines in found.lines[name]:
                    answers[name].add(answer(question, lines))
        if is_first:
            pools = {name: _pooled(name, dataset, store) for name in names if name in dataset.padding.padded}
        for name in questions:
            moments, pool = found.moments[name], pools.get(name)
            spoilt = np.isnan(moments.min) if pool is None else ~pool.is_finite
            count = moments.count if pool is None else pool.counts
            searches[name].take(answers[name], count, skip=np.flatnonzero(spoilt).tolist())
        is_first = False
    return {
        name: _measured(name, dataset, frames, found.moments[name], pools.get(name), searches[name]) for name in names
    }


def _with(own: Moments | None, other: Moments) -> Moments:
    return other if own is None else own.merge(other)


def _keep(job: _Job, result: _Result, total: _Result, store: EpisodeStore) -> None:
    """Add what a job has found to what others have, and put its episodes away."""
    for name, tables in result.tables.items():
        store.put(name, job.first, np.concatenate(tables), job.lengths)
        total.moments[name] = _with(total.moments.get(name), result.moments[name])
        total.lines.setdefault(name, []).extend(result.lines.get(name, []))


def _pooled(name: str, dataset: Dataset, store: EpisodeStore) -> Pool:
    """Return the moments of padded vectors: each dimension counts in the episodes in which it is real."""
    pool = Pool(dimensions(dataset.features[name], dataset.version))
    for start in range(0, store.episodes, _BLOCK):
        segments = store.segments(name, start, min(start + _BLOCK, store.episodes))
        used = segments.counts > 0
        present = dataset.padding.dimensions(name, start, start + len(segments))
        assert present is not None
        values = np.stack([segments.statistic(statistic)[used] for statistic in ("min", "max", "mean", "std")])
        pool.add(values, segments.counts[used], present[used])
    return pool


def _measured(
    name: str, dataset: Dataset, frames: int, moments: Moments, pool: Pool | None, search: QuantileSearch
) -> Measured:
    shape = dataset.version.statistics_shape(dataset.features[name])
    if pool is not None:
        stats = pool.stats(frames, search.quantiles())
    else:
        stats = FeatureStats(moments.min, moments.max, moments.mean, moments.std, frames, search.quantiles())
    bars = search.histogram(stats.min, stats.max, BARS)
    gaps = {quantile: gap.reshape(shape) for quantile, gap in search.gaps().items()}
    return Measured(
        stats.mapped(lambda values: values.reshape(shape), frames), gaps, bars, None if pool is None else pool.counts
    )


def _jobs(dataset: Dataset, names: tuple[str, ...], lengths: npt.NDArray[np.int64]) -> list[_Job]:
    """Divide the dataset at file boundaries, many small files to a job; files without rows that are meant have none."""
    width = sum(_width(dataset.features[name]) for name in names)
    starts, files = dataset.episodes.starts, dataset.data_files.starts
    jobs: list[_Job] = []
    root, state = address(dataset)
    row_bytes = sum(_width(dataset.features[name]) * _dtype(name, dataset.features[name]).itemsize for name in names)
    keeps = dataset.num_frames * row_bytes <= _KEPT_BYTES
    ends = np.searchsorted(starts, files[1:], side="right") - 1
    for first, stop in runs_of_rows(starts, ends.tolist(), _JOB_VALUES / max(1, width)):
        own = lengths[first:stop]
        if own.any():
            jobs.append(_Job(root, state, first, stop, names, {}, own, measures=True, keeps=keeps))
    return jobs


def _width(feature: Feature) -> int:
    return int(np.prod(feature.shape))


def _run(job: _Job) -> _Result:
    """Measure the episodes of a job and answer its questions."""
    dataset = opened(job.root, job.state)
    result = _Result()
    if job.measures:
        result.tables = {name: [] for name in job.names}
    for start, stop, every in _pieces(dataset, job):
        meant, lengths = job.lengths[start - job.first : stop - job.first], dataset.episodes.lengths[start:stop]
        rows = every if (meant == lengths).all() else every.filter(pa.array(np.repeat(meant > 0, lengths)))
        for name in job.names:
            feature = dataset.features[name]
            lines = _lines(rows, name, feature, dataset)
            if job.measures:
                table, moments = measured_table(lines, cumulated(meant) * values_pooled(feature, dataset.version))
                result.tables[name].append(table)
                result.moments[name] = _with(result.moments.get(name), moments)
            present = dataset.padding.dimensions(name, start, stop)
            real = lines if present is None else _real(lines, present, meant)
            if name in job.questions:
                result.answers.setdefault(name, Answer()).add(answer(job.questions[name], real))
            if job.measures and job.keeps:
                result.lines.setdefault(name, []).append(real)
    return result


def _real(
    lines: npt.NDArray[Any], present: npt.NDArray[np.bool_], lengths: npt.NDArray[np.int64]
) -> list[npt.NDArray[Any]]:
    """Return each line without the rows of episodes in which its dimension was filled up."""
    return [line[np.repeat(own, lengths)] for line, own in zip(lines, present.T, strict=True)]


def _pieces(dataset: Dataset, job: _Job) -> Iterator[tuple[int, int, pa.Table]]:
    """Yield runs of episodes (first, after the last) with their rows; no row group is read twice."""
    needed = [*job.names, *([_NUMBER] if _TIME in job.names and _NUMBER in dataset.features else [])]
    names = list(dict.fromkeys(needed))
    most = max(1, _PIECE_VALUES // sum(_width(dataset.features[name]) for name in names))
    starts = dataset.episodes.starts
    cuts = np.intersect1d(_group_ends(dataset, starts[job.first], starts[job.stop]), starts[job.first : job.stop + 1])
    ends = np.searchsorted(starts, cuts, side="right") - 1
    for first, stop in runs_of_rows(starts, ends.tolist(), most, job.first):
        yield first, stop, dataset.rows(int(starts[first]), int(starts[stop]), names)


def _group_ends(dataset: Dataset, start: int, stop: int) -> npt.NDArray[np.int64]:
    """Return the rows of the dataset before which a row group ends, from ``start`` to ``stop``."""
    files = dataset.data_files
    ends = []
    for file in range(files.find(start), files.find(max(start, stop - 1)) + 1):
        with open_parquet(files.path(file)) as opened_file:
            footer = opened_file.metadata
            sizes = [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]
        ends.append(cumulated(sizes)[1:] + files.starts[file])
    return np.concatenate([np.empty(0, np.int64), *ends])


def _dtype(name: str, feature: Feature) -> np.dtype[Any]:
    return np.dtype(np.float64 if name == _TIME else feature.dtype)


def _lines(rows: pa.Table, name: str, feature: Feature, dataset: Dataset) -> npt.NDArray[Any]:
    """Return a column as (d, n) contiguous lines in its own dtype, bools as 0 and 1."""
    values = to_numpy(rows[name], name, feature)
    if name == _TIME:
        values = _exact_times(values, rows, dataset)
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    return np.ascontiguousarray(values.reshape(-1, dimensions(feature, dataset.version)).T)


def _exact_times(values: npt.NDArray[Any], rows: pa.Table, dataset: Dataset) -> npt.NDArray[np.float64]:
    """Return times before their rounding to float32 where they are on the grid: LeRobot's recorder measures those."""
    if _NUMBER in rows.column_names:
        exact = to_numpy(rows[_NUMBER], _NUMBER, dataset.features[_NUMBER]).astype(np.float64) / dataset.fps
        if np.array_equal(exact.astype(values.dtype), values):
            return exact
    return values.astype(np.float64)
