"""The episode table of the target, block by block: lengths, tasks, places of rows and pictures, statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.parquet import plain_array, plain_texts
from lerotool.dataset.reading.datafiles import cumulated
from lerotool.dataset.writing.measures import measured
from lerotool.features import Kind
from lerotool.merging.blocks import STATISTICS, Block
from lerotool.merging.camera_stats import CameraBlock
from lerotool.merging.plan import DataFile, Plan

Ints = npt.NDArray[np.int64]
_BEFORE_COUNT = 4  # LeRobot's order: min max mean std count q01 …


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeBlock:
    """Some episodes of the target, side by side in one data file.

    Attributes:
        first: number of the first.
        file: the data file they are in.
        block: lengths, tasks and statistics of columns.
        pictures: statistics of cameras.
        extra: columns that LeRobot does not know.
    """

    first: int
    file: DataFile
    block: Block
    pictures: Mapping[str, CameraBlock]
    extra: Mapping[str, pa.Array]

    @property
    def count(self) -> int:
        """How many episodes."""
        return len(self.block.lengths)

    def tasks(self, texts: tuple[str, ...]) -> list[list[str]]:
        """Return the task texts of each episode, in order of first appearance."""
        starts = self.block.task_starts.tolist()
        numbers = self.block.tasks.tolist()
        return [[texts[n] for n in numbers[a:b]] for a, b in pairwise(starts)]


def table_rows(plan: Plan, part: EpisodeBlock, first_index: int) -> pa.Table:
    """Return rows of the v3.0 episode table.

    Args:
        plan: of the merge.
        part: the episodes.
        first_index: number of the first row of data of the first episode.
    """
    count = part.count
    lengths = part.block.lengths
    starts = first_index + cumulated(lengths)
    fields: dict[str, Any] = {
        "episode_index": plain_array(np.arange(part.first, part.first + count)),
        "tasks": pa.ListArray.from_arrays(
            plain_array(part.block.task_starts.astype(np.int32)),
            plain_texts(plan.tasks).take(plain_array(part.block.tasks)),
        ),
        "length": plain_array(lengths),
        "data/chunk_index": _constant(part.file.number.chunk, count),
        "data/file_index": _constant(part.file.number.file, count),
        "dataset_from_index": plain_array(starts[:-1]),
        "dataset_to_index": plain_array(starts[1:]),
    }
    episodes = slice(part.first, part.first + count)
    for name, camera in plan.cameras.items():
        numbers = [camera.outputs[place].number for place in camera.output_of[episodes].tolist()]
        begin = camera.first_frame[episodes]
        fields[f"videos/{name}/chunk_index"] = plain_array(np.array([number.chunk for number in numbers], np.int64))
        fields[f"videos/{name}/file_index"] = plain_array(np.array([number.file for number in numbers], np.int64))
        fields[f"videos/{name}/from_timestamp"] = plain_array(begin / plan.fps)
        fields[f"videos/{name}/to_timestamp"] = plain_array((begin + lengths) / plan.fps)
    fields |= part.extra
    for name in measured(plan.features):
        fields |= _stats_columns(plan, part, name)
    return pa.table(fields)


def _constant(value: int, count: int) -> Any:
    return plain_array(np.full(count, value, np.int64))


def _stats_columns(plan: Plan, part: EpisodeBlock, name: str) -> Iterator[tuple[str, Any]]:
    if plan.features[name].kind is Kind.NUMERIC:
        values, counts = part.block.stats[name], part.block.lengths
        return _columns(name, values, counts, [0])
    block = part.pictures[name]
    return _columns(name, block.values, block.counts, [1, 1])


def _columns(name: str, values: npt.NDArray[np.float64], counts: Ints, inner: list[int]) -> Iterator[tuple[str, Any]]:
    """Yield the columns of one feature; what is not known is null.

    Args:
        name: of the feature.
        values: (statistics, episodes, d).
        counts: (episodes,).
        inner: lengths of the lists around each value: none for numbers, [1, 1] for channels of pictures.
    """
    columns = [(statistic, _nested(own, inner)) for statistic, own in zip(STATISTICS, values, strict=True)]
    counted = pa.ListArray.from_arrays(
        plain_array(np.arange(len(counts) + 1, dtype=np.int32)), plain_array(counts), mask=_mask(np.equal(counts, 0))
    )
    columns.insert(_BEFORE_COUNT, ("count", counted))
    yield from ((f"stats/{name}/{statistic}", array) for statistic, array in columns)


def _nested(values: npt.NDArray[np.float64], inner: list[int]) -> Any:
    episodes, width = values.shape
    array: Any = plain_array(values.reshape(-1))
    if inner != [0]:
        for size in inner:
            array = pa.ListArray.from_arrays(
                plain_array(np.arange(0, episodes * width + 1, size, dtype=np.int32)), array
            )
    offsets = plain_array((np.arange(episodes + 1) * width).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, array, mask=_mask(np.isnan(values).any(axis=1)))


def _mask(is_null: Any) -> Any:
    return plain_array(is_null) if is_null.any() else None


def line_entries(plan: Plan, part: EpisodeBlock) -> list[dict[str, Any]]:
    """Return the lines of v2.1's ``episodes.jsonl``."""
    tasks, lengths = part.tasks(plan.tasks), part.block.lengths.tolist()
    extra = {name: array.to_pylist() for name, array in part.extra.items()}
    return [
        {
            "episode_index": part.first + k,
            "tasks": tasks[k],
            "length": lengths[k],
            **{name: values[k] for name, values in extra.items() if values[k] is not None},
        }
        for k in range(part.count)
    ]


def stats_entries(plan: Plan, part: EpisodeBlock) -> list[dict[str, Any]]:
    """Return the lines of v2.1's ``episodes_stats.jsonl``, without quantiles, which that format does not have."""
    shown: dict[str, list[list[Any]]] = {}
    counts: dict[str, list[int]] = {}
    for name in measured(plan.features):
        feature = plan.features[name]
        if feature.kind is Kind.NUMERIC:
            values, counts[name] = part.block.stats[name], part.block.lengths.tolist()
            shape: tuple[int, ...] = (1,) if feature.is_scalar else feature.shape
        else:
            block = part.pictures[name]
            values, counts[name] = block.values, block.counts.tolist()
            shape = (block.values.shape[2], 1, 1)
        plain = values[:_BEFORE_COUNT]
        shown[name] = plain.reshape(_BEFORE_COUNT, part.count, *shape).tolist()
    return [
        {
            "episode_index": part.first + k,
            "stats": {
                name: {
                    **{s: values[row][k] for row, s in enumerate(STATISTICS[:_BEFORE_COUNT])},
                    "count": [counts[name][k]],
                }
                for name, values in shown.items()
                if counts[name][k]
            },
        }
        for k in range(part.count)
    ]
