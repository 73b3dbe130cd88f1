"""Episode tables of new datasets, written piece by piece, so that any number of episodes takes the same memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.episode_table import CHUNK, FILE, STATS_PREFIX, EpisodeTable
from lerotool.dataset.formats import FormatVersion, Sizes
from lerotool.dataset.layout import EPISODE_LINES, EPISODE_STATS_LINES, EPISODES_PATH
from lerotool.dataset.numbering import FileNumber, numbers_after
from lerotool.dataset.parquet import arrow_schema, column_names, open_parquet, read_groups
from lerotool.storage import json_lines, replacing

_MB = 1024**2
_GROUP_EPISODES = 1000
"""Readers parse what the footer says of each row group and column, which takes more memory than small groups."""


class LineWriter:
    """Writes a file of JSON lines as it goes; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("wb")
        return self

    def add(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Write some lines."""
        assert self._file is not None
        self._file.write(json_lines(entries))

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


class EpisodeLinesWriter(ExitStack):
    """Writes the episode table of v2.x; a context manager."""

    def __init__(self, root: Path, version: FormatVersion) -> None:
        super().__init__()
        self._version = version
        self._lines = self.enter_context(LineWriter(root / EPISODE_LINES))
        has_stats = version.has_episode_statistics
        self._stats = self.enter_context(LineWriter(root / EPISODE_STATS_LINES)) if has_stats else None

    def add(self, table: EpisodeTable) -> None:
        """Write the next episodes."""
        table = self._version.completed(table)
        self._lines.add(table.lines())
        if self._stats is not None:
            self._stats.add(table.stats_lines())


class EpisodeFilesWriter:
    """Writes the episode table of v3.0 into as many files as the size limit asks for; a context manager.

    LeRobot's tools take no null for a statistic: what is not known of every episode is a column less, in all files.
    """

    def __init__(self, root: Path, version: FormatVersion, sizes: Sizes) -> None:
        self._root = root
        self._version = version
        self._limit_bytes = sizes.data_files_size_in_mb * _MB
        self._chunks_size = sizes.chunks_size
        self._number: FileNumber | None = None
        self._paths: list[Path] = []
        self._stack = ExitStack()
        self._file: BinaryIO | None = None
        self._writer: pq.ParquetWriter | None = None
        self._names: list[str] | None = None
        self._waiting: list[pa.Table] = []
        self._unknown: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def add(self, table: EpisodeTable) -> FileNumber:
        """Write the next episodes; return the number of their file. Few share a row group with those that follow."""
        table = self._version.completed(table)
        columns = table.columns()
        self._unknown |= {n for n, c in columns.items() if n.startswith(STATS_PREFIX) and not c.is_complete}
        if self._names is None:
            self._names = [name for name in columns if name not in self._unknown]
        if self._is_full():
            self._stack.close()
            self._writer = None
        arrays = {name: columns[name].array() for name in self._names}
        if self._writer is None:
            (self._number,) = numbers_after(self._number, 1, self._chunks_size)
            fields = [pa.field(name, array.type) for name, array in arrays.items()]
            self._open(pa.schema([*fields, pa.field(CHUNK, pa.int64()), pa.field(FILE, pa.int64())]))
        assert self._number is not None
        assert self._writer is not None
        own = table.of_file(self._number)
        written = pa.table({**arrays, **{name: column.array() for name, column in own.items()}})
        self._waiting.append(written)
        if sum(map(len, self._waiting)) >= _GROUP_EPISODES:
            self._write_group()
        return self._number

    def _is_full(self) -> bool:
        """Whether the file has reached its size; what may do that is written first, to know it."""
        if self._file is None:
            return False
        if self._file.tell() + sum(table.nbytes for table in self._waiting) >= self._limit_bytes:
            self._write_group()
        return self._file.tell() >= self._limit_bytes

    def _write_group(self) -> None:
        """Write what waits as one row group."""
        if self._waiting:
            assert self._writer is not None
            group = pa.concat_tables(self._waiting)
            self._waiting.clear()
            self._writer.write_table(group, row_group_size=max(1, len(group)))

    def _open(self, schema: pa.Schema) -> None:
        assert self._number is not None
        path = self._root / EPISODES_PATH.format(chunk_index=self._number.chunk, file_index=self._number.file)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._paths.append(path)
        self._file = self._stack.enter_context(path.open("wb"))
        self._writer = self._stack.enter_context(pq.ParquetWriter(self._file, schema, compression="snappy"))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._write_group()
        self._waiting.clear()
        self._stack.close()
        late = self._unknown.intersection(self._names or ())
        if kind is None and late:
            for path in self._paths:
                _drop_columns(path, late)


def _drop_columns(path: Path, names: Collection[str]) -> None:
    with replacing(path) as partial, open_parquet(path) as file:
        left = [name for name in column_names(file, path) if name not in names]
        schema = pa.schema([arrow_schema(file, path).field(name) for name in left])
        with pq.ParquetWriter(partial, schema, compression="snappy") as writer:
            for group in range(file.num_row_groups):
                table = read_groups(file, path, [group], left)
                writer.write_table(table, row_group_size=max(1, table.num_rows))
