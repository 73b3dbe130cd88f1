"""The rows that are there, episode by episode, in data files closed and not closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from lerotool.dataset.parquet import open_parquet, read_groups
from lerotool.dataset.reading.footerless import has_footer, read_footerless
from lerotool.errors import CorruptDatasetError
from lerotool.features import Feature, columns


@dataclass(frozen=True, slots=True)
class Span:
    """The rows of one episode in one data file.

    Attributes:
        episode: its number, as the rows say.
        start: its first row in the file.
        length: how many.
        is_sound: whether their frames are 0, 1, 2, …
    """

    episode: int
    start: int
    length: int
    is_sound: bool


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file and the episodes in it.

    Attributes:
        path: of the file.
        spans: in the order of the file.
        lost_bytes: at the end of a file that was not closed, that hold no complete episode; None for a closed file.
        table: the rows of a file that was not closed.
    """

    path: Path
    spans: tuple[Span, ...]
    lost_bytes: int | None = None
    table: pa.Table | None = None

    def rows(self, span: Span, features: Mapping[str, Feature]) -> pa.Table:
        """Return all columns of an episode's rows.

        Raises:
            CorruptDatasetError: the file is damaged.
        """
        table = self.table
        if table is None:
            stat = self.path.stat()
            table = _closed_table(self.path, tuple(columns(features)), (stat.st_size, stat.st_mtime_ns))
        return table.slice(span.start, span.length)


@lru_cache(maxsize=1)
def _closed_table(path: Path, names: tuple[str, ...], state: tuple[int, int]) -> pa.Table:
    """Return a file's columns; episodes are asked for file by file, so one file is remembered, in one state."""
    del state
    with open_parquet(path) as file:
        return read_groups(file, path, range(file.num_row_groups), names)


def read_data_file(path: Path, features: Mapping[str, Feature]) -> DataFile:
    """Look at a data file, closed or not.

    Raises:
        CorruptDatasetError: it is something else, or damaged.
        IncompatibleDatasetError: it is not closed and has columns that cannot be known beforehand.
    """
    numbers = ("episode_index", "frame_index")
    if has_footer(path):
        with open_parquet(path) as file:
            return DataFile(path, _spans(read_groups(file, path, range(file.num_row_groups), numbers)))
    if path.stat().st_size == 0:
        return DataFile(path, (), 0, pa.table({}))
    found = read_footerless(path, features)
    if not found.groups:
        return DataFile(path, (), found.lost_bytes, pa.table({}))
    table = pa.concat_tables(found.groups).combine_chunks()
    return DataFile(path, _spans(table.select(list(numbers))), found.lost_bytes, table)


def _spans(table: pa.Table) -> tuple[Span, ...]:
    if table.num_rows == 0:
        return ()
    if table["episode_index"].null_count or table["frame_index"].null_count:
        raise CorruptDatasetError("rows without an episode or frame number")
    episodes, frames = (np.asarray(table[name].to_pylist(), np.int64) for name in table.column_names)
    starts = [0, *(np.flatnonzero(np.diff(episodes)) + 1).tolist(), len(episodes)]
    return tuple(
        Span(int(episodes[a]), a, b - a, bool((frames[a:b] == np.arange(b - a)).all())) for a, b in pairwise(starts)
    )
