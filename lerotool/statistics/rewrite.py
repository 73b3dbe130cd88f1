"""Statistics recomputed and written: one call for what ``lerotool stats --write`` does."""

from __future__ import annotations

import functools
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.staging import finish_interrupted
from lerotool.dataset.writing.statistics import NewStatistics, write_statistics
from lerotool.errors import UsageError
from lerotool.execution import Progress, ignore_progress
from lerotool.statistics.measure import Measurement, Selection, measured
from lerotool.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RewriteReport:
    """What has been written.

    Attributes:
        files: that are new.
        features: that have been measured and written.
        problems: by camera, what could not be measured; such episodes and cameras keep what they had.
    """

    files: tuple[Path, ...]
    features: tuple[str, ...]
    problems: dict[str, tuple[str, ...]]


def rewrite(
    dataset: Dataset,
    selection: Selection | None = None,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
) -> RewriteReport:
    """Recompute statistics and write them, those of the episodes and those of the dataset, in one commit.

    A camera of which some episodes cannot be decoded keeps its old statistics altogether.
    """
    if finish_interrupted(Workspace(dataset.root)):
        dataset = Dataset.open(dataset.root)
    if not dataset.num_frames:
        raise UsageError(f"{str(dataset.root)!r} has no frames to measure")
    dataset.version.check_is_known(dataset.root)
    before = dataset.fingerprint()
    with measured(dataset, selection, executor, on_progress) as measurement:
        names = [name for name in measurement.features if name not in measurement.problems]
        new = NewStatistics(
            {name: measurement.features[name].stats for name in names},
            _FromMeasurement(dataset, measurement),
            dataset.num_episodes,
        )
        files: list[Path] = []
        if names:
            files = write_statistics(dataset.root, dataset.version, new, lambda: dataset.fingerprint() == before)
        return RewriteReport(tuple(files), tuple(names), measurement.problems)


class _FromMeasurement:
    """What the writer asks for, out of what has been measured; a block is looked up once for all its statistics."""

    def __init__(self, dataset: Dataset, measurement: Measurement) -> None:
        self._dataset = dataset
        self._segments = functools.lru_cache(maxsize=1)(measurement.episodes.segments)

    def values(self, feature: str, statistic: str, start: int, stop: int) -> npt.NDArray[Any]:
        segments = self._segments(feature, start, stop)
        if statistic == "count":
            return segments.counts[:, None]
        shape = self._dataset.version.statistics_shape(self._dataset.features[feature])
        return segments.statistic(statistic).reshape(stop - start, *shape)

    def is_measured(self, feature: str, start: int, stop: int) -> npt.NDArray[np.bool_]:
        return np.asarray(self._segments(feature, start, stop).counts > 0)
