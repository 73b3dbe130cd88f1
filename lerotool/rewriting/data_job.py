"""One data file of the target (in v2.1 some of them): rows are read, brought into the target's form, and written.

A job is a value and its result lies in files, so that it can run in another process or on another machine. Files appear
complete: a job that is run twice, even after the dataset was finished, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.parquet import leaf_paths, plain_array
from lerotool.dataset.reading.datafiles import cumulated
from lerotool.dataset.writing.tables import data_schema
from lerotool.errors import CorruptDatasetError
from lerotool.features import DEFAULT_FEATURES, Feature, Kind, columns
from lerotool.moments import counting_stats, segment_stats
from lerotool.rewriting.conversion import check_rows, converted, to_arrow
from lerotool.rewriting.data_part import DataPart, Rows
from lerotool.rewriting.job_results import StatsBlock, save_block
from lerotool.rewriting.row_stream import MOST_ROWS, RowStream
from lerotool.rewriting.video_plan import Resampling
from lerotool.storage import replacing

Ints = npt.NDArray[np.int64]
_MOST_EPISODES = 1024
_COUNTING = ("timestamp", "frame_index", "index")


@dataclass(frozen=True, slots=True, eq=False)
class DataJob:
    """Work on data files."""

    version: FormatVersion  # of the target
    # To write: one, or in v2.1 one for each episode; their folders are there. None where rows are only looked at,
    # because their files stay: then pictures in them are left alone.
    files: tuple[Path, ...] | None
    block: Path  # where statistics and tasks of the episodes go; files are written in its folder, then moved
    parts: tuple[DataPart, ...]  # where rows come from, in order
    features: Mapping[str, Feature]  # of the target, the default ones among them
    language: Mapping[str, pa.DataType]  # types of the target's language columns
    fps: float  # of the target
    first_episode: int  # number of the first episode
    first_index: int  # number of its first row
    bytes: int  # about how many are read, for progress
    compression: str  # of the files, as pyarrow calls it

    @property
    def episodes(self) -> int:
        """How many episodes it has."""
        return sum(len(part.rows.lengths) for part in self.parts)


def run_data_job(job: DataJob) -> int:
    """Write the files of a job and its block; return the number of rows."""
    # What reads v2.1 knows vectors as sequences only.
    sequence_type = job.version.list_type
    if job.files is None:
        job = replace(job, features={n: f for n, f in job.features.items() if f.kind is not Kind.IMAGE})
    schema = data_schema(job.features, job.language, sequence_type=sequence_type)
    block = StatsBlock()
    episode, index = job.first_episode, job.first_index
    with _Writer(job, schema) as writer:
        for part in job.parts:
            for table, lengths in _converted_batches(part, job, episode, index, block):
                for start, length in zip(cumulated(lengths)[:-1].tolist(), lengths.tolist(), strict=True):
                    writer.write(table.slice(start, length))
                episode += len(lengths)
                index += int(lengths.sum())
    save_block(job.block, block)
    return index - job.first_index


class _Writer(ExitStack):
    """Writes one row group per episode: into one file, or one file for each."""

    def __init__(self, job: DataJob, schema: pa.Schema) -> None:
        super().__init__()
        self._files = iter(job.files or ())
        self._is_writing = job.files is not None
        self._folder = job.block.parent
        self._is_single = not job.version.has_files_of_episodes
        self._schema = schema
        self._compression = job.compression
        # No value comes twice in a column that counts; a dictionary of such is work for nothing.
        self._coded = [path for field in schema if field.name not in _COUNTING for path in leaf_paths(field)]
        self._single: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        if self._is_single and self._is_writing:
            self._single = self._opened(self)
        return self

    def _opened(self, stack: ExitStack) -> pq.ParquetWriter:
        path = stack.enter_context(replacing(next(self._files), self._folder))
        sink = stack.enter_context(path.open("wb"))
        return stack.enter_context(
            pq.ParquetWriter(sink, self._schema, compression=self._compression, use_dictionary=self._coded or False)
        )

    def write(self, table: pa.Table) -> None:
        if self._single is not None:
            self._single.write_table(table, row_group_size=table.num_rows)
            return
        if not self._is_writing:
            return
        with ExitStack() as stack:
            self._opened(stack).write_table(table, row_group_size=table.num_rows)


def batches(lengths: Ints) -> Iterator[tuple[int, int]]:
    """Yield ranges of episodes that are handled together: as many as fit, one at least."""
    start = rows = 0
    for episode, length in enumerate(lengths.tolist()):
        if episode > start and (rows + length > MOST_ROWS or episode - start >= _MOST_EPISODES):
            yield start, episode
            start, rows = episode, 0
        rows += length
    if start < len(lengths):
        yield start, len(lengths)


def _converted_batches(
    part: DataPart, job: DataJob, episode: int, index: int, block: StatsBlock
) -> Iterator[tuple[pa.Table, Ints]]:
    own = [rule.original for name, rule in part.rules.items() if name in job.features and rule.added is None]
    names = [*own, *(name for name in DEFAULT_FEATURES if name in part.features and name != "index")]
    stream = RowStream(part.slices, names, part.features)
    targets, begins = part.target_lengths, cumulated(part.rows.lengths)
    for start, stop in batches(part.rows.lengths):
        rows = part.rows.chosen(start, stop)
        own_rules = {n: rule.of_rows(int(begins[start]), int(begins[stop])) for n, rule in part.rules.items()}
        table = stream.take(int(rows.lengths.sum()))
        task_numbers = check_rows(table, part, rows)
        lengths = targets[start:stop]
        if part.resampling is not None:
            chosen = resampled_rows(part.resampling, rows.lengths)
            table, task_numbers = table.take(pa.array(chosen)), task_numbers[chosen]
            rows = Rows(rows.episodes, rows.starts, lengths)
        arrays, stats = _columns(table, replace(part, rules=own_rules), job, rows)
        defaults = _defaults(lengths, job.fps, episode, index, task_numbers)
        stats |= _default_stats(lengths, job.fps, episode, index, task_numbers)
        arrays |= {name: plain_array(values) for name, values in defaults.items()}
        block.add(stats, task_numbers, lengths)
        schema = data_schema(job.features, job.language).remove_metadata()
        yield pa.Table.from_arrays([_cast(arrays[f.name], f, part) for f in schema], schema=schema), lengths
        episode += stop - start
        index += int(lengths.sum())


def _cast(array: Any, field: pa.Field, part: DataPart) -> Any:
    if array.type.equals(field.type):
        return array
    try:
        return array.cast(field.type)
    except MemoryError:
        raise
    except pa.ArrowException as error:
        text = str(error).split("\n", 1)[0]
        raise CorruptDatasetError(f"{part.place}, feature {field.name!r}: {text}") from error


def resampled_rows(resampling: Resampling, lengths: Ints) -> Ints:
    """Return the numbers of the rows, of episodes one after another, that are taken at another rate."""
    starts = cumulated(lengths)[:-1].tolist()
    return np.concatenate([s + resampling.rows(n) for s, n in zip(starts, lengths.tolist(), strict=True)])


def _columns(
    table: pa.Table, part: DataPart, job: DataJob, rows: Rows
) -> tuple[dict[str, Any], dict[str, dict[str, npt.NDArray[np.float64]]]]:
    arrays: dict[str, Any] = {}
    stats = {}
    for name in columns(job.features):
        if name in DEFAULT_FEATURES:
            continue
        feature = job.features[name]
        rule = part.rules[name]
        if rule.added is None:
            array, values = converted(table[rule.original], part, rule, feature, rows)
        else:
            array, values = to_arrow(rule.added, feature), rule.added
        arrays[name] = array
        if feature.kind is Kind.NUMERIC and values is not None:
            stats[name] = _episode_stats(values, rows.lengths, job.version)
    return arrays, stats


def _episode_stats(
    values: npt.NDArray[Any], lengths: Ints, version: FormatVersion
) -> dict[str, npt.NDArray[np.float64]]:
    """Return statistics per episode; of a matrix v3.0 keeps only the last axis, v2.1 all of it, flattened here."""
    if values.ndim > 2 and not version.has_files_of_episodes:
        width = values.shape[-1]
        return segment_stats(values.reshape(-1, width), lengths * (values[0].size // width))
    return segment_stats(values.reshape(len(values), -1), lengths)


def _defaults(lengths: Ints, fps: float, episode: int, index: int, task_numbers: Ints) -> dict[str, npt.NDArray[Any]]:
    total = int(lengths.sum())
    frames = np.arange(total) - np.repeat(cumulated(lengths)[:-1], lengths)
    return {
        "timestamp": (frames / fps).astype(np.float32),
        "frame_index": frames,
        "episode_index": np.repeat(np.arange(episode, episode + len(lengths)), lengths),
        "index": np.arange(index, index + total),
        "task_index": task_numbers,
    }


def _default_stats(
    lengths: Ints, fps: float, episode: int, index: int, task_numbers: Ints
) -> dict[str, dict[str, npt.NDArray[np.float64]]]:
    zero = np.zeros(len(lengths), np.int64)
    numbers = np.arange(episode, episode + len(lengths))
    return {
        "timestamp": counting_stats(zero, lengths, fps),
        "frame_index": counting_stats(zero, lengths),
        "episode_index": counting_stats(numbers, np.ones_like(lengths)),
        "index": counting_stats(index + cumulated(lengths)[:-1], lengths),
        "task_index": segment_stats(task_numbers[:, np.newaxis], lengths),
    }
