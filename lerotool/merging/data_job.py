"""One data file of the target (in v2.1 some of them): rows are read, brought into the target's form, and written.

A job is a value and its result lies in files, so that it can run in another process or on another machine. Files appear
complete: a job that is run twice, even after the dataset was finished, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.info import FormatVersion
from lerotool.dataset.parquet import plain_array
from lerotool.dataset.reading.datafiles import cumulated
from lerotool.dataset.writing.tables import data_schema
from lerotool.errors import CorruptDatasetError
from lerotool.features import DEFAULT_FEATURES, Feature, Kind, columns
from lerotool.merging.blocks import StatsBlock, save_block
from lerotool.merging.convert import Rows, check_rows, converted
from lerotool.merging.data_part import DataPart
from lerotool.merging.rows import MOST_ROWS, RowStream
from lerotool.merging.segments import counting_stats, segment_stats
from lerotool.merging.videos import Resampling
from lerotool.storage import replacing

Ints = npt.NDArray[np.int64]
_MOST_EPISODES = 1024
_COUNTING = ("timestamp", "frame_index", "index")


@dataclass(frozen=True, slots=True, eq=False)
class DataJob:
    """Work on data files.

    Attributes:
        version: of the target.
        files: to write: one, or in v2.1 one for each episode; their folders are there.
        block: where statistics and tasks of the episodes go; files are written in its folder, then moved.
        parts: where rows come from, in order.
        features: of the target, the default ones among them.
        language: types of the target's language columns.
        fps: of the target.
        first_episode: number of the first episode.
        first_index: number of its first row.
        bytes: about how many are read, for progress.
    """

    version: FormatVersion
    files: tuple[Path, ...]
    block: Path
    parts: tuple[DataPart, ...]
    features: Mapping[str, Feature]
    language: Mapping[str, pa.DataType]
    fps: float
    first_episode: int
    first_index: int
    bytes: int

    @property
    def episodes(self) -> int:
        """How many episodes it has."""
        return sum(len(part.lengths) for part in self.parts)


def run_data_job(job: DataJob) -> int:
    """Write the files of a job and its block; return the number of rows.

    Raises:
        CorruptDatasetError: a source is not what its metadata say, or holds numbers that are none.
        OSError: the disk is full or fails.
    """
    # What reads v2.1 knows vectors as sequences only.
    sequence_type = "Sequence" if job.version.has_files_of_episodes else "List"
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


class _Writer:
    """Writes one row group per episode: into one file, or one file for each."""

    def __init__(self, job: DataJob, schema: pa.Schema) -> None:
        self._files = iter(job.files)
        self._folder = job.block.parent
        self._is_single = not job.version.has_files_of_episodes
        self._schema = schema
        self._open = ExitStack()
        self._single: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        if self._is_single:
            self._single = self._opened(self._open)
        return self

    def _opened(self, stack: ExitStack) -> pq.ParquetWriter:
        path = stack.enter_context(replacing(next(self._files), self._folder))
        sink = stack.enter_context(path.open("wb"))
        # No value comes twice in a column that counts; a dictionary of such is work for nothing.
        coded = [name for name in self._schema.names if name not in _COUNTING]
        return stack.enter_context(
            pq.ParquetWriter(sink, self._schema, compression="snappy", use_dictionary=coded or False)
        )

    def write(self, table: pa.Table) -> None:
        if self._single is not None:
            self._single.write_table(table, row_group_size=table.num_rows)
            return
        with ExitStack() as stack:
            self._opened(stack).write_table(table, row_group_size=table.num_rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)


def _batches(lengths: Ints) -> Iterator[tuple[int, int]]:
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
    own = [rule.original for rule in part.rules.values()]
    names = [*own, *(name for name in DEFAULT_FEATURES if name in part.features and name != "index")]
    stream = RowStream(part.slices, names, part.features)
    targets = part.target_lengths
    for start, stop in _batches(part.lengths):
        lengths = part.lengths[start:stop]
        table = stream.take(int(lengths.sum()))
        task_numbers = check_rows(table, part, part.first_episode + start, lengths)
        wanted = targets[start:stop]
        if part.resampling is not None:
            chosen = _resampled_rows(part.resampling, lengths)
            table, task_numbers = table.take(pa.array(chosen)), task_numbers[chosen]
            lengths = wanted
        arrays, stats = _columns(table, part, job, Rows(part.first_episode + start, lengths), wanted)
        defaults = _defaults(wanted, job.fps, episode, index, task_numbers)
        stats |= _default_stats(wanted, job.fps, episode, index, task_numbers)
        arrays |= {name: plain_array(values) for name, values in defaults.items()}
        block.add(stats, task_numbers, wanted)
        schema = data_schema(job.features, job.language).remove_metadata()
        yield pa.Table.from_arrays([_cast(arrays[f.name], f, part) for f in schema], schema=schema), wanted
        episode += stop - start
        index += int(wanted.sum())


def _cast(array: Any, field: pa.Field, part: DataPart) -> Any:
    if array.type.equals(field.type):
        return array
    try:
        return array.cast(field.type)
    except pa.ArrowException as error:
        text = str(error).split("\n", 1)[0]
        raise CorruptDatasetError(f"{part.place}, feature {field.name!r}: {text}") from error


def _resampled_rows(resampling: Resampling, lengths: Ints) -> Ints:
    starts = cumulated(lengths)[:-1].tolist()
    return np.concatenate([s + resampling.rows(n) for s, n in zip(starts, lengths.tolist(), strict=True)])


def _columns(
    table: pa.Table, part: DataPart, job: DataJob, rows: Rows, lengths: Ints
) -> tuple[dict[str, Any], dict[str, dict[str, npt.NDArray[np.float64]]]]:
    arrays: dict[str, Any] = {}
    stats = {}
    for name in columns(job.features):
        if name in DEFAULT_FEATURES:
            continue
        feature = job.features[name]
        array, values = converted(table[part.rules[name].original], part, part.rules[name], feature, rows)
        arrays[name] = array
        if feature.kind is Kind.NUMERIC and values is not None:
            stats[name] = _episode_stats(values, lengths, job.version)
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
