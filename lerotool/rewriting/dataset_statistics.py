"""Statistics of the whole target: exact for numbers, padded dimensions counted only where they exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.dataset.reading.columns import to_numpy
from lerotool.dataset.reading.datafiles import cumulated
from lerotool.dataset.writing.measures import measured
from lerotool.features import DEFAULT_FEATURES, Feature, Kind
from lerotool.moments import FeatureStats, Pool, counting_stats, weighted_stats
from lerotool.quantiles import Answer, QuantileSearch, answer
from lerotool.rewriting.camera_statistics import CameraBlock, total_of
from lerotool.rewriting.episode_table import EpisodeBlock
from lerotool.rewriting.job_results import Block
from lerotool.rewriting.provenance import real_dimensions, real_pictures, runs
from lerotool.rewriting.rewriting import Contribution, Rewriting, Share
from lerotool.rewriting.row_stream import FileSlice, RowStream

_VALUES_AT_A_TIME = 262_144
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Present = npt.NDArray[np.bool_]
Batches = Callable[[], Iterable[tuple[npt.NDArray[np.generic], Present]]]
"""Starts again on each call: (rows, d) values, and which dimensions exist in all of these rows."""


class DatasetStatistics:
    """Statistics of the whole target, collected while its episodes go by."""

    def __init__(self, work: Rewriting) -> None:
        self._work = work
        is_v30 = not work.format.version.has_files_of_episodes
        # Episodes of v2.1 have statistics of whole matrices, which GR00T does not read.
        self._numeric = {
            name: feature
            for name, feature in work.features.items()
            if feature.kind is Kind.NUMERIC and name not in DEFAULT_FEATURES and (is_v30 or len(feature.shape) == 1)
        }
        self._pools: dict[str, Pool] = {}
        self._pictures: dict[str, list[CameraBlock]] = {}
        self._task_rows: dict[int, int] = {}

    def add_tasks(self, block: Block) -> None:
        """Count the rows of each task."""
        for number, rows in block.task_rows.tolist():
            self._task_rows[number] = self._task_rows.get(number, 0) + rows

    def add(self, shares: Sequence[Share], part: EpisodeBlock) -> None:
        """Count some episodes in; v2.1 has statistics of the whole for GR00T only."""
        if not self._work.with_stats:
            return
        for name in self._numeric:
            stats = part.block.stats[name]
            pool = self._pools.setdefault(name, Pool(stats.shape[2]))
            present = np.concatenate([share.part(self._present(share.contribution, name)) for share in shares])
            pool.add(stats, part.block.lengths, present)
        for name, block in part.pictures.items():
            # Black pictures stand for missing ones and say nothing about a camera.
            is_real = np.concatenate([s.part(real_pictures(s.contribution, name)) for s in shares])
            self._pictures.setdefault(name, []).append(block.chosen(is_real))

    def _present(self, contribution: Contribution, name: str) -> Present:
        return real_dimensions(contribution, name, self._numeric[name].shape[-1])

    def stats(self, root: Path) -> dict[str, FeatureStats]:
        """Return the statistics by feature; quantiles are taken from the data files."""
        work = self._work
        found = default_totals(work.lengths, self._task_rows, work.fps)
        for name, feature in self._numeric.items():
            batches = partial(self._batches, root, name, feature)
            quantiles = exact_quantiles(batches, np.dtype(feature.dtype), feature.shape[-1])
            found[name] = self._pools[name].stats(work.frames, quantiles)
        for name, blocks in self._pictures.items():
            total = total_of(blocks, name)
            if total is not None:
                found[name] = total
        return {name: found[name] for name in measured(work.features) if name in found}

    def _batches(self, root: Path, name: str, feature: Feature) -> Iterator[tuple[npt.NDArray[np.generic], Present]]:
        """Yield the values of a column as they stand in the target's data files, those of one source together."""
        work = self._work
        starts = cumulated(work.lengths)
        slices = []
        for file in work.data:
            rows = int(starts[file.stop] - starts[file.first])
            path = file.stays or root / work.format.version.data_file(file.number)
            slices.append(FileSlice(path, 0, rows, rows))
        stream = RowStream(slices, [name], work.features)
        for present, rows in self._runs(name):
            left = rows
            while left:
                count = min(left, _VALUES_AT_A_TIME)
                values = to_numpy(stream.take(count)[name], name, feature)
                yield values.reshape(-1, feature.shape[-1]), present
                left -= count

    def _runs(self, name: str) -> Iterator[tuple[Present, int]]:
        """Yield how many rows one after another have the same dimensions."""
        present, rows = None, 0
        for contribution in self._work.contributions:
            every = self._present(contribution, name)
            for first, stop in runs(every):
                own = every[first]
                if present is not None and not np.array_equal(own, present):
                    yield present, rows
                    rows = 0
                present, rows = own, rows + int(contribution.lengths[first:stop].sum())
        if present is not None:
            yield present, rows


def exact_quantiles(batches: Batches, dtype: np.dtype[Any], width: int) -> dict[str, Floats]:
    """Return numpy's linear quantiles of any number of rows of ``width`` values, without NaN, in little memory.

    Each dimension must exist in one row at least.
    """
    search = QuantileSearch(width, dtype)
    while (question := search.question) is not None:
        total, counts = Answer(), np.zeros(width, np.int64)
        for values, present in batches():
            counts += present * len(values)
            total.add(
                answer(
                    question, [line if is_there else line[:0] for line, is_there in zip(values.T, present, strict=True)]
                )
            )
        search.take(total, counts)
    return search.quantiles()


def default_totals(lengths: Ints, task_rows: Mapping[int, int], fps: float) -> dict[str, FeatureStats]:
    """Return the statistics of the five default columns, which follow from the lengths of the episodes."""
    frames = int(lengths.sum())
    longest = int(lengths.max())
    # Frame k is there in every episode that is longer than k.
    having = np.bincount(lengths, minlength=longest + 1)[::-1].cumsum()[::-1][1:]
    counted = weighted_stats(np.arange(longest, dtype=np.float64), having)
    tasks = sorted(task_rows.items())
    parts = {
        "timestamp": {name: value / fps for name, value in counted.items()},
        "frame_index": counted,
        "episode_index": weighted_stats(np.arange(len(lengths), dtype=np.float64), lengths),
        "index": {name: value[0] for name, value in counting_stats(np.zeros(1, np.int64), np.array([frames])).items()},
        "task_index": weighted_stats(
            np.array([number for number, _ in tasks], np.float64), np.array([rows for _, rows in tasks], np.int64)
        ),
    }
    return {name: FeatureStats.of_values(stats, frames) for name, stats in parts.items()}
