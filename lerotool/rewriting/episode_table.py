"""The episode table of the target, block by block: lengths, tasks, places of rows and pictures, statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.episode_table import Column, EpisodeTable, StatsColumns, data_places, video_places
from lerotool.dataset.writing.measures import measured
from lerotool.features import Kind
from lerotool.moments import QUANTILES, STATISTICS, VALUES
from lerotool.rewriting.camera_statistics import CameraBlock
from lerotool.rewriting.job_results import Block
from lerotool.rewriting.rewriting import DataFile, Rewriting

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeBlock:
    """Some episodes of the target, side by side in one data file."""

    first: int  # number of the first
    file: DataFile  # the data file they are in
    block: Block  # lengths, tasks and statistics of columns
    pictures: Mapping[str, CameraBlock]  # statistics of cameras
    extra: Mapping[str, pa.Array]  # columns that LeRobot does not know

    @property
    def count(self) -> int:
        """How many episodes."""
        return len(self.block.lengths)

    def tasks(self, texts: tuple[str, ...]) -> list[list[str]]:
        """Return the task texts of each episode, in order of first appearance."""
        starts = self.block.task_starts.tolist()
        numbers = self.block.tasks.tolist()
        return [[texts[n] for n in numbers[a:b]] for a, b in pairwise(starts)]


def episode_table(work: Rewriting, part: EpisodeBlock, first_index: int) -> EpisodeTable:
    """Return the table of some episodes; ``first_index`` is the number of the first row of data of the first."""
    lengths = part.block.lengths
    places = data_places([part.file.number] * part.count)
    episodes = slice(part.first, part.first + part.count)
    for name, camera in work.cameras.items():
        numbers = (camera.outputs[place].number for place in camera.output_of[episodes].tolist())
        found = list(zip(numbers, camera.first_frame[episodes].tolist(), strict=True))
        times = None if camera.first_time is None else camera.first_time[episodes]
        places |= video_places(name, found, lengths, work.fps, times)
    stats = {name: _statistics(work, part, name) for name in measured(work.features)}
    extra = {name: Column(array) for name, array in part.extra.items()}
    return EpisodeTable(part.first, first_index, lengths, part.tasks(work.tasks), places, stats, extra)


def _statistics(work: Rewriting, part: EpisodeBlock, name: str) -> StatsColumns:
    version, feature = work.format.version, work.features[name]
    shape = version.statistics_shape(feature)
    if feature.kind is Kind.NUMERIC:
        values, counts, known = part.block.stats[name], part.block.lengths, None
    else:
        block = part.pictures[name]
        values, counts, known = block.values, block.counts, block.counts > 0
        shape = (values.shape[2], 1, 1)
    columns = {"count": Column(counts[:, np.newaxis], known)}
    for statistic, own in zip(VALUES, values, strict=True):
        if statistic not in QUANTILES or version.has_quantiles:
            is_known = None if known is None else known & ~np.isnan(own).any(axis=1)
            columns[statistic] = Column(own.reshape(part.count, *shape), is_known)
    return {statistic: columns[statistic] for statistic in STATISTICS if statistic in columns}
