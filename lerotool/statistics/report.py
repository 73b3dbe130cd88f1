"""What is shown of a dataset's statistics, as plain values: measured columns, and cameras measured or as stored."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from lerotool.dataset.dataset import Dataset
from lerotool.execution import Progress, ignore_progress
from lerotool.moments import VALUES, Floats
from lerotool.statistics.measure import Selection, measured
from lerotool.statistics.segments import Measured, Segments, dimension_labels


class Source(StrEnum):
    """Where numbers come from."""

    MEASURED = "measured"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class FeatureReport:
    """One feature's statistics.

    Attributes:
        name: of the feature.
        dtype: of its values.
        labels: of the dimensions (d,).
        source: where the numbers come from.
        count: frames they were taken from.
        values: (9, d), by `VALUES`; NaN where a statistic is not stored.
        bars: (d, n), values in equal parts of the range; None if only stored numbers are known.
        episodes: of every episode, if asked for.
        counts: (d,), frames in which each dimension is real; None where that is every frame.
    """

    name: str
    dtype: str
    labels: tuple[str, ...]
    source: Source
    count: int
    values: Floats
    bars: npt.NDArray[np.int64] | None
    episodes: Segments | None
    counts: npt.NDArray[np.int64] | None = None

    def statistic(self, name: str) -> Floats:
        """Return one statistic, (d,)."""
        row: Floats = self.values[VALUES.index(name)]
        return row


def report_features(
    dataset: Dataset,
    selection: Selection,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
    *,
    with_episodes: bool = False,
    with_stored: bool = True,
) -> Iterator[FeatureReport]:
    """Yield the statistics of every feature that is meant, in the dataset's order.

    Numeric columns are measured. Cameras are measured where the selection has a sampling; else they are shown as
    stored, and left out where nothing is stored or ``with_stored`` is not set.
    """
    cameras = [name for name in dataset.cameras if with_stored and (not selection.only or name in selection.only)]
    with measured(dataset, selection, executor, on_progress) as measurement:
        for name, feature in dataset.features.items():
            found, source = measurement.features.get(name), Source.MEASURED
            segments = measurement.episodes.segments(name, 0, dataset.num_episodes) if found and with_episodes else None
            if found is None:
                stats = dataset.stats.get(name) if name in cameras else None
                if stats is None or stats.mean.shape != dataset.version.statistics_shape(feature):
                    continue
                found, source = Measured(stats, {}), Source.STORED
            labels, stats = dimension_labels(feature, dataset.version), found.stats
            yield FeatureReport(
                name, feature.dtype, labels, source, stats.count, stats.rows(), found.bars, segments, found.counts
            )
