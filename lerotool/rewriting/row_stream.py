"""Rows of a source as a stream: each data file is opened once and read to the end, in pieces of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.documents import RESTORE
from lerotool.dataset.parquet import column_names, open_parquet
from lerotool.dataset.reading.columns import conform
from lerotool.dataset.reading.datafiles import cumulated
from lerotool.errors import CorruptDatasetError
from lerotool.features import Feature

MOST_ROWS = 16_384
_MOST_BYTES = 32 * 1024**2


@dataclass(frozen=True, slots=True)
class FileSlice:
    """Rows of one data file."""

    path: Path  # the file
    start: int  # first row in it
    stop: int  # the row after the last
    rows: int  # how many the file must have


def file_slices(dataset: Dataset, start: int, stop: int) -> tuple[FileSlice, ...]:
    """Return where the rows ``start`` to ``stop`` of a dataset lie."""
    files = dataset.data_files
    slices = []
    for number in range(files.find(start), files.find(stop - 1) + 1):
        first, after = files.starts[number : number + 2].tolist()
        if first < after:
            path = files.path(number)
            slices.append(FileSlice(path, max(start, first) - first, min(stop, after) - first, after - first))
    return tuple(slices)


class RowStream:
    """Gives columns of the rows of some slices in order, conformed to features, as many at a time as are asked for."""

    def __init__(self, slices: Sequence[FileSlice], names: Sequence[str], features: Mapping[str, Feature]) -> None:
        self._pieces = (piece for part in slices for piece in _read_slice(part, list(names), features))
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def take(self, count: int) -> pa.Table:
        """Return the next ``count`` rows."""
        while self._rows < count:
            piece = next(self._pieces)
            self._waiting.append(piece)
            self._rows += piece.num_rows
        taken, missing = [], count
        while missing:
            piece = self._waiting.pop(0)
            taken.append(piece.slice(0, missing))
            if piece.num_rows > missing:
                self._waiting.insert(0, piece.slice(missing))
            missing -= taken[-1].num_rows
        self._rows -= count
        return joined(taken)


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Join tables of the same columns; language columns may have a type of their own in each."""
    if len(tables) == 1:
        return tables[0]
    for options in ("none", "permissive"):
        try:
            return pa.concat_tables(tables, promote_options=options)
        except MemoryError:
            raise
        except pa.ArrowException:
            continue
    names = tables[0].column_names
    return pa.table({name: _joined_column([table[name] for table in tables]) for name in names})


def _joined_column(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    if len({column.type for column in columns}) == 1:
        return pa.chunked_array([chunk for column in columns for chunk in column.chunks], columns[0].type)
    return pa.chunked_array([pa.array([value for column in columns for value in column.to_pylist()])])


def _read_slice(part: FileSlice, names: list[str], features: Mapping[str, Feature]) -> Iterator[pa.Table]:
    with open_parquet(part.path) as file:
        _check(file, part, names)
        metadata = file.metadata
        starts = cumulated([metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)])
        first = int(np.searchsorted(starts, part.start, side="right")) - 1
        after = int(np.searchsorted(starts, part.stop, side="left"))
        position = int(starts[first])
        options: dict[str, Any] = {
            "batch_size": _batch_rows(metadata, first, after),
            "row_groups": list(range(first, after)),
        }
        options["use_threads"] = False  # jobs run side by side already, and most files are small
        try:
            for batch in file.iter_batches(columns=names, **options):
                begin = max(0, part.start - position)
                wanted = min(batch.num_rows, part.stop - position) - begin
                position += batch.num_rows
                if wanted > 0:
                    table = pa.Table.from_batches([batch.slice(begin, wanted)]).select(names)
                    # Damaged pages can decode to texts that are not UTF-8 and to offsets outside of their buffers.
                    table.validate(full=True)
                    yield conform(table, features)
        except MemoryError:
            raise
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            first_line = str(error).split("\n", 1)[0][:200]
            raise CorruptDatasetError(
                f"{part.path}: the parquet file is damaged: {first_line}", hint=RESTORE
            ) from error


def _check(file: pq.ParquetFile, part: FileSlice, names: Sequence[str]) -> None:
    if file.metadata.num_rows != part.rows:
        raise CorruptDatasetError(
            f"{part.path}: expected {part.rows} rows as the episode table says, found {file.metadata.num_rows}",
            hint=RESTORE,
        )
    found = column_names(file, part.path)
    if missing := [name for name in names if name not in found]:
        raise CorruptDatasetError(
            f"{part.path}: the column of feature {missing[0]!r} is missing; found {', '.join(found)}", hint=RESTORE
        )


def _batch_rows(metadata: pq.FileMetaData, first: int, after: int) -> int:
    """Return how many rows to read at a time: few where they are large."""
    groups = [metadata.row_group(group) for group in range(first, min(after, first + 3))]
    rows = sum(group.num_rows for group in groups)
    size = sum(group.total_byte_size for group in groups)
    return int(min(MOST_ROWS, max(1, _MOST_BYTES * rows // max(1, size))))
