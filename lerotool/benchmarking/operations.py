"""Single steps of merging and of statistics: lerotool's functions beside the row-by-row ones, on the same input."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from lerotool.benchmarking import rowwise
from lerotool.benchmarking.bench import Site
from lerotool.benchmarking.figures import Better, Figure
from lerotool.benchmarking.merges import CAMERA, OURS, RATIO, REFERENCE, make_clip, make_set
from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError
from lerotool.features import STATE, vector
from lerotool.moments import QUANTILES, FeatureStats, Pool, numeric_stats
from lerotool.rewriting.camera_statistics import CameraBlock, total_of
from lerotool.rewriting.conversion import converted
from lerotool.rewriting.data_part import ColumnRule, DataPart, Rows

GROUP = "single steps"
_NARROW, _WIDE = 6, 14
_REPEATS = 3
_LEAST_S = 0.02


@dataclass(frozen=True, slots=True)
class Operation:
    """One step, done two ways."""

    name: str
    reference: Callable[[], Any]
    ours: Callable[[], Any]
    is_equal: Callable[[Any, Any], bool]


def measure_operations(site: Site, rows: int, episodes: int) -> list[Figure]:
    """Compare results, then time both ways in turn."""
    rng = np.random.default_rng(0)
    values = rng.normal(0, 30, (rows, _NARROW)).astype(np.float32)
    column = pa.chunked_array([pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), _NARROW)])
    merged = _merged_statistics(rng, episodes)
    operations = [_padding(column), _statistics(column, values), *merged, _paths(site, episodes)]
    progress = site.progress(len(operations))
    figures = []
    for number, operation in enumerate(operations):
        progress.report(number)
        if not operation.is_equal(operation.reference(), operation.ours()):
            raise CorruptDatasetError(f"{operation.name}: the results differ from those of the row-by-row way")
        pairs = [(_seconds(operation.reference), _seconds(operation.ours)) for _ in range(_REPEATS)]
        reference, ours = (tuple(1e3 * value for value in values) for values in zip(*pairs, strict=True))
        ratios = tuple(a / b for a, b in pairs)
        figures += [
            Figure(GROUP, operation.name, REFERENCE, "ms", reference, Better.NEITHER),
            Figure(GROUP, operation.name, OURS, "ms", ours),
            Figure(GROUP, operation.name, RATIO, "x", ratios, Better.MORE),
        ]
    return figures


def _seconds(work: Callable[[], object]) -> float:
    """Return what a call takes; short ones are repeated until that can be measured."""
    calls, began = 0, time.perf_counter()
    while True:
        work()
        calls += 1
        elapsed = time.perf_counter() - began
        if elapsed >= _LEAST_S:
            return elapsed / calls


def _padding(column: pa.ChunkedArray) -> Operation:
    """From an Arrow column to a wider one."""
    wide = vector([f"joint_{n}.pos" for n in range(_WIDE)])
    narrow = vector([f"joint_{n}.pos" for n in range(_NARROW)])
    rows = Rows(np.array([0]), np.array([0]), np.array([len(column)]))
    part = DataPart("benchmark", (), {STATE: narrow}, rows, {}, np.zeros(1, np.int64), 30.0, None, retime=False)
    rule = ColumnRule(STATE, tuple(range(_NARROW)))

    def reference() -> Any:
        padded = rowwise.pad_column(column.to_pandas(), _WIDE)
        return pa.array(padded.tolist(), pa.list_(pa.float32(), _WIDE))

    return Operation(
        f"padding {len(column)} rows",
        reference,
        lambda: converted(column, part, rule, wide, rows)[0],
        lambda a, b: a.equals(b),
    )


def _statistics(column: pa.ChunkedArray, values: np.ndarray) -> Operation:
    """From an Arrow column to its statistics; ours has the quantiles too."""
    rows = column.to_pylist()
    return Operation(
        f"statistics of {len(rows)} rows", lambda: rowwise.column_stats(rows), lambda: numeric_stats(values), _is_close
    )


def _merged_statistics(rng: np.random.Generator, episodes: int) -> list[Operation]:
    """From the statistics of episodes to those of all, each way from what it has in memory when it merges."""
    joints = [numeric_stats(rng.normal(0, 30, (100, _WIDE))) for _ in range(episodes)]
    pictures = []
    for _ in range(episodes):
        mean, std = rng.uniform(0.3, 0.6, (3, 1, 1)), rng.uniform(0.1, 0.2, (3, 1, 1))
        spread = dict.fromkeys(QUANTILES, mean)
        pictures.append(FeatureStats(mean - std, mean + std, mean, std, int(rng.integers(50, 200)), spread))
    plain_joints, plain_pictures = [s.to_json() for s in joints], [s.to_json() for s in pictures]
    table = np.stack([[s.min, s.max, s.mean, s.std] for s in joints], axis=1)
    counts, present = np.array([s.count for s in joints]), np.ones((episodes, _WIDE), np.bool_)
    blocks = CameraBlock.unknown(episodes, 3)
    for place, stats in enumerate(pictures):
        blocks.put(place, stats, stats.count)

    def pooled() -> FeatureStats:
        pool = Pool(_WIDE)
        pool.add(table, counts, present)
        return pool.stats(int(counts.sum()), {})

    return [
        Operation(
            f"merging statistics of {episodes} episodes",
            lambda: rowwise.merge_column_stats(plain_joints),
            pooled,
            _is_close,
        ),
        Operation(
            f"merging picture statistics of {episodes} episodes",
            lambda: rowwise.merge_picture_stats(plain_pictures),
            lambda: total_of([blocks], CAMERA),
            _is_close,
        ),
    ]


def _is_close(reference: Mapping[str, Any], ours: FeatureStats) -> bool:
    return reference["count"] == [ours.count] and all(
        np.allclose(reference[name], getattr(ours, name), rtol=1e-9, atol=1e-9)
        for name in ("min", "max", "mean", "std")
    )


def _paths(site: Site, episodes: int) -> Operation:
    """From an episode's number to its video."""
    root = site.folder / "paths"
    make_set(root, episodes, _NARROW, *make_clip(site.folder))
    dataset = Dataset.open(root)
    return Operation(
        f"finding {episodes} videos",
        lambda: [rowwise.find_file(root, f"episode_{n:06d}.mp4", CAMERA) for n in range(episodes)],
        lambda: [dataset.episodes[n].videos[CAMERA].path for n in range(episodes)],
        lambda a, b: bool(a == b),
    )
