"""Merging row by row: the naive method, kept as the yardstick for `merge`. Right, but as slow as such scripts are.

Nested loops over rows and dimensions, a padded list per row, statistics value by value, a walk through the whole source
for every file. It is measured on a slice of the very sources that are merged, and the benchmark runs it as a whole.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.dataset import Dataset
from lerotool.features import Feature, Kind
from lerotool.merging.events import MergeReport
from lerotool.merging.plan import Plan

_SLICE_ROWS = 1500
_WORTH_COMPARING = 10_000
"""Rows from which on a comparison says something and its own time does not matter."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast something was.

    Attributes:
        rows: that were merged.
        seconds: that it took.
    """

    rows: int
    seconds: float

    @property
    def rows_per_s(self) -> float:
        """Rows in a second."""
        return self.rows / max(1e-9, self.seconds)


def speed_up(report: MergeReport) -> float | None:
    """Return how many times as fast as row by row a merge was, measured on a slice; None for what is over at once.

    Raises:
        CorruptDatasetError: the source cannot be read.
        OSError: the disk is full or fails.
    """
    if report.frames < _WORTH_COMPARING:
        return None
    with tempfile.TemporaryDirectory(prefix="lerotool-") as folder:
        reference = measure_reference(report.plan, Path(folder) / "slice")
    return report.frames / report.wall_s / reference.rows_per_s


def measure_reference(plan: Plan, folder: Path) -> Speed:
    """Merge the first rows of the first source row by row, into a folder that is removed afterwards.

    Raises:
        CorruptDatasetError: the source cannot be read.
        OSError: the disk is full or fails.
    """
    source = plan.contributions[0].source
    pa.array([0.0])  # imports pandas, which is no part of the method
    rows, began = 0, time.perf_counter()
    try:
        for number in source.episodes.tolist():
            rows += merge_episode(source.dataset, number, len(plan.tasks), plan.features, folder, rows)
            if rows >= _SLICE_ROWS:
                break
        return Speed(rows, time.perf_counter() - began)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def merge_episode(
    dataset: Dataset, number: int, new_number: int, features: Mapping[str, Feature], target: Path, first_index: int
) -> int:
    """Bring one episode into a v2.1 target, row by row; return its rows.

    Args:
        dataset: the source.
        number: of the episode there.
        new_number: of the episode in the target.
        features: of the target.
        target: its folder.
        first_index: number of its first row.
    """
    found = _walk(dataset.root, dataset.episodes[number].data.path.name)
    widths = {n: f.shape[0] for n, f in features.items() if f.kind is Kind.NUMERIC and len(f.shape) == 1}
    rows: list[dict[str, Any]] = []
    for place, row in enumerate(dataset.episode_rows(number).to_pylist()):
        new: dict[str, Any] = {}
        for name, value in row.items():
            if isinstance(value, list) and name in widths:
                padded = []
                for dimension in range(widths[name]):
                    padded.append(value[dimension] if dimension < len(value) else 0.0)  # noqa: PERF401 - naive on purpose
                new[name] = padded
            else:
                new[name] = value
        new["episode_index"], new["index"] = new_number, first_index + place
        rows.append(new)
    path = target / "data" / "chunk-000" / f"episode_{new_number:06d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    _statistics(rows)
    for camera in dataset.cameras:
        span = dataset.episodes[number].videos.get(camera)
        if span is not None and found and (video := _walk(dataset.root, span.path.name, camera)):
            copied = target / "videos" / "chunk-000" / camera / f"episode_{new_number:06d}.mp4"
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(video, copied)
    return len(rows)


def _walk(root: Path, name: str, folder: str = "") -> Path | None:
    for place, _, names in os.walk(root):
        if name in names and folder in place:
            return Path(place) / name
    return None


def _statistics(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[float, float, float, float]]]:
    stats: dict[str, list[tuple[float, float, float, float]]] = {}
    for name, first in rows[0].items():
        if not isinstance(first, list) or not first or not isinstance(first[0], float):
            continue
        stats[name] = []
        for dimension in range(len(first)):
            low, high, total, squares = float("inf"), float("-inf"), 0.0, 0.0
            for row in rows:
                value = row[name][dimension]
                low, high = min(low, value), max(high, value)
                total += value
                squares += value * value
            mean = total / len(rows)
            stats[name].append((low, high, mean, max(0.0, squares / len(rows) - mean * mean) ** 0.5))
    return stats
