"""Rows of the data files: found by their place in the dataset, read by the columns and row groups that are needed.

What the footers tell is compared with the episode table when a file is first touched: the number of rows, the columns,
and the episodes that a row group holds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.documents import RESTORE
from lerotool.dataset.parquet import column_names, described_columns, open_parquet, read_groups, stored_paths
from lerotool.dataset.reading.columns import conform
from lerotool.dataset.reading.datafiles import DataFiles, cumulated
from lerotool.errors import CorruptDatasetError, UsageError
from lerotool.features import Feature, columns

_FOOTERS_BYTES = 6 << 20
"""As they are stored; parsed they are up to 8 times as large."""


@dataclass(frozen=True, slots=True, eq=False)
class _Footer:
    """What a data file says about itself."""

    path: Path
    metadata: pq.FileMetaData
    names: tuple[str, ...]
    group_starts: np.ndarray
    stated: dict[int, tuple[float, float] | None] = field(default_factory=dict)
    """The range of ``episode_index`` of row groups that have been asked for."""


class RowReader:
    """Reads rows of one dataset; keeps a few footers, no open files and no rows."""

    def __init__(self, files: DataFiles, episode_starts: np.ndarray, features: Mapping[str, Feature]) -> None:
        self._files = files
        self._episode_starts = episode_starts
        self._features = features
        self._footers: OrderedDict[int, _Footer] = OrderedDict()
        self._footers_bytes = 0

    def read(self, start: int, stop: int, names: Sequence[str] | None) -> pa.Table:
        """Return the rows ``start`` to ``stop`` of the dataset, types conformed to the features (see `conform`)."""
        parts = list(self._read_parts(start, stop, names))
        if not parts:
            return self._empty(names)
        if len(parts) == 1:
            return parts[0]
        return _joined(parts)

    def _read_parts(self, start: int, stop: int, names: Sequence[str] | None) -> Iterator[pa.Table]:
        if start == stop:
            return
        for file in range(self._files.find(start), self._files.find(stop - 1) + 1):
            first, after = self._files.starts[file : file + 2].tolist()
            if first < after:
                yield self._read_file(file, max(start, first) - first, min(stop, after) - first, names)

    def _read_file(self, file: int, start: int, stop: int, names: Sequence[str] | None) -> pa.Table:
        footer = self._footer(file)
        wanted = self._columns(footer, names)
        groups = np.arange(
            np.searchsorted(footer.group_starts, start, side="right") - 1,
            np.searchsorted(footer.group_starts, stop, side="left"),
        ).tolist()
        with open_parquet(footer.path, footer.metadata) as opened:
            self._check_groups(file, footer, opened, groups)
            table = read_groups(opened, footer.path, groups, wanted)
        skipped = int(footer.group_starts[groups[0]])
        return conform(table.slice(start - skipped, stop - start), self._features)

    def _columns(self, footer: _Footer, names: Sequence[str] | None) -> list[str]:
        if names is None:
            wanted = columns(self._features)
            wanted += [name for name in footer.names if name not in self._features]
        else:
            wanted = list(names)
        for name in wanted:
            if name in footer.names:
                continue
            if name in columns(self._features):
                raise CorruptDatasetError(
                    f"{footer.path}: the column of feature {name!r} is missing; found {', '.join(footer.names)}",
                    hint=RESTORE,
                )
            raise UsageError(f"no column {name!r}", hint=f"columns: {', '.join(footer.names)}")
        return wanted

    def _empty(self, names: Sequence[str] | None) -> pa.Table:
        from lerotool.arrow_types import arrow_field
        from lerotool.features import Kind

        wanted = [name for name in columns(self._features) if names is None or name in names]
        return pa.schema(
            pa.field(name, pa.null())
            if self._features[name].kind is Kind.LANGUAGE
            else arrow_field(name, self._features[name])
            for name in wanted
        ).empty_table()

    def _footer(self, file: int) -> _Footer:
        if file in self._footers:
            self._footers.move_to_end(file)
            return self._footers[file]
        footer = _read_footer(self._files.path(file))
        expected = int(self._files.starts[file + 1] - self._files.starts[file])
        found = footer.metadata.num_rows
        if found != expected:
            raise CorruptDatasetError(
                f"{footer.path}: expected {expected} rows as the episode table says, found {found}", hint=RESTORE
            )
        self._footers[file] = footer
        self._footers_bytes += footer.metadata.serialized_size
        while self._footers_bytes > _FOOTERS_BYTES and len(self._footers) > 1:
            _, oldest = self._footers.popitem(last=False)
            self._footers_bytes -= oldest.metadata.serialized_size
        return footer

    def _check_groups(self, file: int, footer: _Footer, opened: pq.ParquetFile, groups: Sequence[int]) -> None:
        """Compare the range of ``episode_index`` that each row group states with the episodes that it must hold."""
        first_row = int(self._files.starts[file])
        for group in groups:
            start, stop = (first_row + footer.group_starts[group : group + 2]).tolist()
            if group not in footer.stated:
                footer.stated[group] = _stated_range(opened, footer.path, group)
            stated = footer.stated[group]
            if stated is None or start == stop:
                continue
            expected = tuple((np.searchsorted(self._episode_starts, [start, stop - 1], side="right") - 1).tolist())
            if stated != expected:
                place = f"{footer.path}, rows {start - first_row} to {stop - first_row}"
                raise CorruptDatasetError(
                    f"{place}: expected episodes {expected[0]} to {expected[1]} as the episode table says, "
                    f"found {stated[0]:g} to {stated[1]:g}",
                    hint=RESTORE,
                )


def _read_footer(path: Path) -> _Footer:
    with open_parquet(path) as file:
        metadata = file.metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        if min(sizes, default=0) < 0 or sum(sizes) != metadata.num_rows:
            raise CorruptDatasetError(
                f"{path}: the parquet footer states {metadata.num_rows} rows, its row groups {sum(sizes)}", hint=RESTORE
            )
        return _Footer(path, metadata, tuple(column_names(file, path)), cumulated(sizes))


def _stated_range(file: pq.ParquetFile, path: Path, group: int) -> tuple[float, float] | None:
    paths = stored_paths(file)
    if "episode_index" not in paths:
        return None
    (column,) = described_columns(file, path, group, [paths.index("episode_index")])
    statistics = column.statistics if column.is_stats_set else None
    if statistics is None or not statistics.has_min_max:
        return None
    low, high = statistics.min, statistics.max
    return (low, high) if isinstance(low, int | float) and isinstance(high, int | float) else None


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    for options in ("none", "permissive"):
        try:
            return pa.concat_tables(parts, promote_options=options)
        except MemoryError:
            raise
        except pa.ArrowException:
            continue
    # Columns of nested objects may differ from file to file in which fields they have at all (language, format.md 8).
    names = list(dict.fromkeys(name for part in parts for name in part.column_names))
    return pa.table(
        {name: _joined_column([part for part in parts if name in part.column_names], name) for name in names}
    )


def _joined_column(parts: Sequence[pa.Table], name: str) -> pa.ChunkedArray:
    chunks = [chunk for part in parts for chunk in part[name].chunks]
    if len({chunk.type for chunk in chunks}) == 1:
        return pa.chunked_array(chunks)
    return pa.chunked_array([pa.array([value for chunk in chunks for value in chunk.to_pylist()])])
