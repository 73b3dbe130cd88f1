"""The rows that there are: data files, closed or not, read by columns and put in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.checking.rows import Runs, sum_up
from lerotool.dataset.parquet import column_names, open_parquet, plain_array, read_groups, read_whole
from lerotool.dataset.reading.footerless import has_footer, read_footerless
from lerotool.errors import CorruptDatasetError
from lerotool.features import Feature

Ints = npt.NDArray[np.int64]
_COUNTERS = ("episode_index", "frame_index", "index", "task_index", "timestamp")
_EMPTY = pa.table(
    {name: plain_array(np.empty(0, np.float64 if name == "timestamp" else np.int64)) for name in _COUNTERS}
)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A data file whose rows are in the dataset."""

    path: Path  # of the file
    runs: Runs  # its rows by episode, in the order of their index
    frames: Ints  # ``frame_index``; the others likewise, in the same order
    index: Ints  # int64
    tasks: Ints  # ``task_index``
    times: npt.NDArray[np.float64]  # ``timestamp``, float64
    order: Ints | None = None  # the row of the file that comes at each place, None where they are in order
    # At the end of a file that was never closed, that hold no complete rows; None for a closed file.
    lost_bytes: int | None = None
    recovered: pa.Table | None = field(default=None, repr=False)  # the rows of a file that was never closed
    columns: frozenset[str] = frozenset()  # of the file, those that number and time the rows

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.index)

    def table(self) -> pa.Table:
        """Return all columns of all rows, in order."""
        table = self.recovered
        if table is None:
            stat = self.path.stat()
            table = _closed_table(self.path, (stat.st_size, stat.st_mtime_ns))
        return table if self.order is None else table.take(pa.array(self.order))


@lru_cache(maxsize=1)
def _closed_table(path: Path, state: tuple[int, int]) -> pa.Table:
    """Return a file's columns; they are asked for episode by episode, so one file is remembered, in one state."""
    del state
    return read_whole(path)


def read_source(path: Path, features: Mapping[str, Feature], fps: float) -> Source:
    """Read the columns that number and time the rows of a data file, closed or not; it may have no rows."""
    lost_bytes, recovered = None, None
    if has_footer(path):
        with open_parquet(path) as file:
            names = [name for name in _COUNTERS if name in column_names(file, path)]
            table = read_groups(file, path, range(file.num_row_groups), names)
    else:
        found = read_footerless(path, features) if path.stat().st_size else None
        lost_bytes = 0 if found is None else found.lost_bytes
        table = recovered = _EMPTY if found is None or not found.groups else pa.concat_tables(found.groups)
    if "episode_index" not in table.column_names:
        raise CorruptDatasetError(f"{path}: the column 'episode_index' is missing")
    arrays = {name: _numbers(table, name, path) for name in _COUNTERS if name in table.column_names}
    rows = table.num_rows
    order = None
    index = arrays.get("index", np.arange(rows))
    if sum_up(arrays, fps).is_permuted:
        order = np.argsort(index, kind="stable")
        arrays = {name: values[order] for name, values in arrays.items()}
    runs = sum_up(arrays, fps)
    within = np.arange(rows) - np.repeat(runs.start, runs.length)
    return Source(
        path,
        runs,
        arrays.get("frame_index", within).astype(np.int64),
        arrays.get("index", np.arange(rows)).astype(np.int64),
        arrays.get("task_index", np.zeros(rows)).astype(np.int64),
        arrays.get("timestamp", within / fps).astype(np.float64),
        order,
        lost_bytes,
        recovered,
        frozenset(arrays),
    )


def _numbers(table: pa.Table, name: str, path: Path) -> npt.NDArray[np.float64]:
    column = table[name]
    if column.null_count:
        raise CorruptDatasetError(f"{path}, column {name!r}: missing values: {column.null_count}")
    try:
        kind = pa.float64() if name == "timestamp" else pa.int64()
        return np.asarray(column.cast(kind).to_numpy())
    except MemoryError:
        raise
    except pa.ArrowException as error:
        raise CorruptDatasetError(f"{path}, column {name!r}: expected numbers: {error}") from error


def in_order(sources: Sequence[Source]) -> list[Source]:
    """Return sources in the order of their first episodes; where that does not tell, in the order given."""
    firsts = [int(source.runs.episode[0]) for source in sources if source.rows]
    if len(set(firsts)) < len(sources):
        return list(sources)
    return sorted(sources, key=lambda source: int(source.runs.episode[0]))
