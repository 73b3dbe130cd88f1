"""Merging beside the row-by-row reference, in turn and with equal results: end to end, and its single steps.

The sources are v2.1 datasets of two arms of different width, with tiny real videos and statistics of every episode.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # noqa: F401 - the reference imports it, which is not measured
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.benchmarking import rowwise
from lerotool.benchmarking.bench import Site, wall_s
from lerotool.benchmarking.clips import make_clips, make_dataset
from lerotool.benchmarking.effort import MergeSize, Rig
from lerotool.benchmarking.figures import Better, Figure
from lerotool.benchmarking.rowwise import merge_row_by_row
from lerotool.choices import FileMode
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.formats import FormatVersion, Totals
from lerotool.dataset.info import new_info, write_info
from lerotool.dataset.layout import EPISODE_LINES, EPISODE_STATS_LINES
from lerotool.dataset.writing.episode_writers import LineWriter
from lerotool.dataset.writing.tables import data_schema, default_columns
from lerotool.errors import CorruptDatasetError
from lerotool.features import ACTION, CAMERA_PREFIX, STATE, Feature, vector, with_defaults
from lerotool.merging.options import MergeOptions, SourceArgument
from lerotool.merging.planning import merge_datasets
from lerotool.moments import QUANTILES, FeatureStats, Pool, numeric_stats
from lerotool.rewriting.camera_statistics import CameraBlock, total_of
from lerotool.rewriting.conversion import converted
from lerotool.rewriting.data_part import ColumnRule, DataPart, Rows
from lerotool.rewriting.events import Advanced, Event

GROUP, STEPS = "merging", "single steps"
OURS, REFERENCE, COPY, RATIO = "lerotool", "row by row", "plain copy", "times faster"
_TOLERANCE = 1e-5
_COMPARED = 25
_NARROW, _WIDE = 6, 14
_REPEATS = 3
_LEAST_S = 0.02
FPS = 30
ROWS = 150
"""Of an episode."""
CAMERA = f"{CAMERA_PREFIX}front"
WIDTHS = (6, 7)
"""Of the two arms; the wider one's first joints are those of the other."""
_TASKS = ("pick the cube", "place the cube")
_CLIP = Rig(cameras=1, width=64, height=64, fps=FPS, take_s=ROWS / FPS)


def measure_merge(site: Site, size: MergeSize) -> list[Figure]:
    """Make the sources, then merge them both ways as often as asked for; results are compared every time."""
    progress = site.progress(2 * size.repeats * size.episodes)
    progress.report(0)
    clip, camera = make_clip(site.folder)
    sources = [site.folder / f"arm{width}" for width in WIDTHS]
    for source, width in zip(sources, WIDTHS, strict=True):
        make_set(source, size.episodes // 2, width, clip, camera)
    done = 0

    def advance(episodes: int) -> None:
        nonlocal done
        done += episodes
        progress.report(done)

    reference, ours, copied = [], [], []
    merged_row_by_row, merged, copies = (site.folder / name for name in ("naive", "ours", "copy"))
    for _ in range(size.repeats):
        copied.append(wall_s(lambda: [shutil.copytree(source, copies / source.name) for source in sources]))
        reference.append(wall_s(lambda: merge_row_by_row(sources, merged_row_by_row, lambda _: advance(1))))
        ours.append(wall_s(lambda: _merge(sources, merged, advance)))
        check_equal(merged, merged_row_by_row)
        for made in (merged_row_by_row, merged, copies):
            shutil.rmtree(made)
    case = f"{size.name}, {size.episodes} episodes"
    ratios = tuple(a / b for a, b in zip(reference, ours, strict=True))
    return [
        Figure(GROUP, case, REFERENCE, "s", tuple(reference), Better.NEITHER),
        Figure(GROUP, case, OURS, "s", tuple(ours)),
        Figure(GROUP, case, COPY, "s", tuple(copied), Better.NEITHER),
        Figure(GROUP, case, RATIO, "x", ratios, Better.MORE),
    ]


def _merge(sources: list[Path], target: Path, advance: Callable[[int], None]) -> None:
    def listen(event: Event) -> None:
        if isinstance(event, Advanced):
            advance(event.episodes)

    arguments = tuple(SourceArgument.parse(str(source)) for source in sources)
    options = MergeOptions(version=FormatVersion.V21, files=FileMode.KEEP, pad=True)
    merge_datasets(arguments, target, options, listen)


def check_equal(ours: Path, reference: Path) -> None:
    """Compare two merged datasets: all rows, and of some episodes spread over all the statistics and videos."""
    one, other = Dataset.open(ours), Dataset.open(reference)
    place = f"{ours.name} and {reference.name}: merged differently"
    if (one.num_episodes, one.num_frames, one.tasks) != (other.num_episodes, other.num_frames, other.tasks):
        raise CorruptDatasetError(f"{place}: {one!r}, {other!r}")
    if (name := differing_column(one, other)) is not None:
        raise CorruptDatasetError(f"{place}: column {name!r}")
    for number in range(0, one.num_episodes, max(1, one.num_episodes // _COMPARED)):
        mine, theirs = one.episodes[number], other.episodes[number]
        for camera in one.cameras:
            if mine.videos[camera].path.read_bytes() != theirs.videos[camera].path.read_bytes():
                raise CorruptDatasetError(f"{place}: video of episode {number}")
        for name, expected in theirs.stats.items():
            found = mine.stats[name]
            for statistic in ("min", "max", "mean", "std"):
                a, b = getattr(found, statistic), getattr(expected, statistic)
                if not np.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE):
                    raise CorruptDatasetError(f"{place}: {statistic} of {name!r} in episode {number}")


def differing_column(one: Dataset, other: Dataset) -> str | None:
    """Return the first column that is not the same in two datasets, None if all are."""
    columns = (name for name, feature in one.features.items() if not feature.is_camera)
    return next((name for name in columns if not np.array_equal(one.numpy(name), other.numpy(name))), None)


def make_clip(folder: Path) -> tuple[Path, Feature]:
    """Encode one small video of `ROWS` frames; return it and the feature of its camera."""
    root = folder / "clip"
    make_dataset(root, _CLIP, make_clips(_CLIP), 1, ROWS)
    dataset = Dataset.open(root)
    camera = next(iter(dataset.cameras))
    return dataset.episodes[0].videos[camera].path, dataset.features[camera]


def make_set(root: Path, episodes: int, width: int, clip: Path, camera: Feature) -> None:
    """Make a dataset, quickly and as LeRobot lays it out."""
    joints = vector([f"joint_{n}.pos" for n in range(width)])
    features = with_defaults({ACTION: joints, STATE: joints, CAMERA: camera})
    rng = np.random.default_rng(width)
    schema = data_schema(features, sequence_type="Sequence")
    data, videos = root / "data/chunk-000", root / "videos/chunk-000" / CAMERA
    data.mkdir(parents=True)
    videos.mkdir(parents=True)
    with LineWriter(root / EPISODE_LINES) as lines, LineWriter(root / EPISODE_STATS_LINES) as stats:
        for episode in range(episodes):
            table, measured = _episode(schema, rng, episode, width)
            pq.write_table(table, data / f"episode_{episode:06d}.parquet")
            shutil.copyfile(clip, videos / f"episode_{episode:06d}.mp4")
            lines.add([{"episode_index": episode, "tasks": [_TASKS[episode % 2]], "length": ROWS}])
            stats.add([{"episode_index": episode, "stats": measured | {CAMERA: _picture_stats(rng)}}])
    FormatVersion.V21.write_tasks(root, _TASKS)
    totals = Totals(episodes, episodes * ROWS, len(_TASKS))
    write_info(root, new_info(FormatVersion.V21, FPS, features, "so_follower", totals))


def _episode(schema: pa.Schema, rng: np.random.Generator, episode: int, width: int) -> tuple[pa.Table, dict[str, Any]]:
    defaults = default_columns(ROWS, FPS, episode, episode * ROWS, [episode % 2] * ROWS)
    arrays, stats = [], {}
    for field in schema:
        if field.name in defaults:
            values = defaults[field.name]
            arrays.append(pa.array(values, field.type))
        else:
            values = rng.normal(0, 1, (ROWS, width)).astype(np.float32).cumsum(axis=0)
            arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), width))
        stats[field.name] = _plain(numeric_stats(values))
    return pa.Table.from_arrays(arrays, schema=schema), stats


def _picture_stats(rng: np.random.Generator) -> dict[str, Any]:
    mean, std = rng.uniform(0.3, 0.6, (3, 1, 1)), rng.uniform(0.1, 0.2, (3, 1, 1))
    return _plain(FeatureStats(np.zeros((3, 1, 1)), np.ones((3, 1, 1)), mean, std, 100))


def _plain(stats: FeatureStats) -> dict[str, Any]:
    """Return what v2.1 keeps: no quantiles."""
    entry = stats.to_json()
    return {name: entry[name] for name in ("min", "max", "mean", "std", "count")}


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
            Figure(STEPS, operation.name, REFERENCE, "ms", reference, Better.NEITHER),
            Figure(STEPS, operation.name, OURS, "ms", ours),
            Figure(STEPS, operation.name, RATIO, "x", ratios, Better.MORE),
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
