"""The statistics that a dataset states, read as they are: what is missing or misshapen is reported, not refused."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.arrow_types import is_list
from lerotool.dataset.documents import read_lines, read_object, whole_number
from lerotool.dataset.episode_table import STATS_PREFIX
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.layout import EPISODE_STATS_LINES, EPISODES, STATS, Files, inside
from lerotool.dataset.parquet import column_names, joined_chunks, open_parquet, plain_values, read_groups
from lerotool.dataset.reading.datafiles import parquet_files
from lerotool.features import Feature, Kind
from lerotool.moments import QUANTILES, Floats

_LINES = 256
_ROWS = 4096
ROUNDING = 1e-5
"""Share of the range that float32 and histograms may put values out of order by."""
Flags = npt.NDArray[np.bool_]


@dataclass(slots=True)
class StoredValues:
    """One statistic of one feature in n episodes, or in the dataset (n = 1)."""

    values: Floats  # (n, d), NaN where there is none of the right shape
    is_there: Flags  # (n,), whether anything is stated
    shape: tuple[int, ...]  # the right one
    shapes: dict[int, str] = field(default_factory=dict)  # what was found instead, by row

    @property
    def is_usable(self) -> Flags:
        """Whether the value of each row has the right shape, (n,)."""
        usable = self.is_there.copy()
        usable[list(self.shapes)] = False
        return usable

    def found(self, row: int) -> str:
        """Return in words what is there in a row: what has the wrong shape, or the first value."""
        if not self.is_there[row]:
            return "missing"
        found = self.shapes.get(row, f"[{self.values[row, 0]:g}]")
        return f"of shape {found}" if row in self.shapes and found.startswith("[") else found

    @classmethod
    def parsed(cls, rows: Sequence[Any], shape: tuple[int, ...]) -> StoredValues:
        """Build from the lists of each row, None where nothing is stated."""
        is_there = np.array([row is not None for row in rows], bool)
        found: dict[int, Floats] = {}
        shapes: dict[int, str] = {}
        for row in np.flatnonzero(is_there).tolist():
            try:
                array = np.asarray(rows[row], dtype=np.float64)
            except (TypeError, ValueError, OverflowError):
                shapes[row] = f"no numbers: {str(rows[row])[:40]}"
                continue
            if array.shape == shape:
                found[row] = array.ravel()
            else:
                shapes[row] = str(list(array.shape))
        # Takes memory only where there are numbers: a shape can say anything.
        values: Floats = np.broadcast_to(np.nan, (len(rows), math.prod(shape)))
        if found:
            values = values.copy()
            values[list(found)] = list(found.values())
        return cls(values, is_there, shape, shapes)


Entries = dict[str, dict[str, StoredValues]]
"""By feature and statistic."""


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """What is stated about some episodes, or about the dataset."""

    place: str  # the file
    first: int | None  # place of the first episode in the table, from 0; None for the dataset
    entries: Entries  # what is stated about features of the dataset
    unknown: frozenset[str]  # names that are not features with statistics
    rows: int  # how many episodes; 1 for the dataset


@dataclass(frozen=True, slots=True)
class StoredStatistics:
    """Reads what a dataset states; links that lead out of it raise CorruptDatasetError."""

    files: Files
    version: FormatVersion
    features: Mapping[str, Feature]

    def dataset(self) -> StoredBlock | None:
        """Return what ``meta/stats.json`` states; None if there is none, or the format (v2.1) has none."""
        if not self.version.has_dataset_statistics or not self._metadata(STATS).exists():
            return None
        return self._from_documents(STATS, None, [read_object(self._metadata(STATS))])

    def episodes(self, numbers: Sequence[int]) -> Iterator[StoredBlock]:
        """Yield what is stated about episodes, in the order of the table; nothing where format or dataset have none.

        `numbers`: of the episodes in that order, for formats that state them by number.
        """
        if not self.version.has_files_of_episodes:
            yield from self._table_blocks()
        elif self.version.has_episode_statistics and self._metadata(EPISODE_STATS_LINES).exists():
            found: dict[int, Any] = {}
            for place, line in read_lines(self._metadata(EPISODE_STATS_LINES)):
                found[whole_number(line, "episode_index", place)] = line.get("stats")
            for first in range(0, len(numbers), _LINES):
                documents = [found.get(number) for number in numbers[first : first + _LINES]]
                yield self._from_documents(EPISODE_STATS_LINES, first, documents)

    def _metadata(self, name: Path) -> Path:
        return inside(self.files.root, self.files.name(name.as_posix()))

    def _shape(self, name: str, statistic: str) -> tuple[int, ...] | None:
        """Return the right shape of a statistic; None of a name that is not a feature with statistics."""
        feature = self.features.get(name)
        if feature is None or feature.kind in (Kind.STRING, Kind.LANGUAGE):
            return None
        return (1,) if statistic == "count" else self.version.statistics_shape(feature)

    def _from_documents(self, place: Path, first: int | None, documents: list[Any]) -> StoredBlock:
        objects = [_object(document) for document in documents]
        entries: Entries = {}
        unknown = set()
        for name in dict.fromkeys(name for document in objects for name in document):
            rows = [_object(document.get(name)) for document in objects]
            if self._shape(name, "") is None:
                unknown.add(name)
                continue
            entries[name] = {
                statistic: StoredValues.parsed([row.get(statistic) for row in rows], shape)
                for statistic in dict.fromkeys(key for row in rows for key in row)
                if (shape := self._shape(name, statistic)) is not None
            }
        return StoredBlock(place.as_posix(), first, entries, frozenset(unknown), len(objects))

    def _table_blocks(self) -> Iterator[StoredBlock]:
        first = 0
        for path in parquet_files(self.files, EPISODES):
            with open_parquet(path) as file:
                names = [name for name in column_names(file, path) if name.startswith(STATS_PREFIX)]
                for group in range(file.num_row_groups):
                    rows = file.metadata.row_group(group).num_rows
                    table = read_groups(file, path, [group], names)
                    for start in range(0, rows, _ROWS):
                        place = path.relative_to(self.files.root).as_posix()
                        count = min(_ROWS, rows - start)
                        yield self._from_table(place, first + start, table.slice(start, _ROWS), count)
                    first += rows

    def _from_table(self, place: str, first: int, table: pa.Table, rows: int) -> StoredBlock:
        entries: Entries = {}
        unknown: set[str] = set()
        for column in table.column_names:
            name, _, statistic = column.removeprefix(STATS_PREFIX).rpartition("/")
            shape = self._shape(name, statistic)
            if shape is None:
                unknown.add(name)
            else:
                entries.setdefault(name, {})[statistic] = _from_column(table[column], shape)
        return StoredBlock(place, first, entries, frozenset(unknown), rows)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _from_column(column: pa.ChunkedArray, shape: tuple[int, ...]) -> StoredValues:
    flat = _flattened(joined_chunks(column), shape)
    if flat is None:
        return StoredValues.parsed(column.to_pylist(), shape)
    return StoredValues(flat.reshape(len(column), -1), np.ones(len(column), bool), shape)


def _flattened(values: pa.Array, shape: tuple[int, ...]) -> Floats | None:
    """Return the numbers of nested lists that all have the right shape, without a Python object for each."""
    for size in shape:
        if values.null_count or not is_list(values.type) or pa.types.is_fixed_size_list(values.type):
            return None
        lengths = plain_values(values.value_lengths().cast(pa.int64()), np.dtype(np.int64))
        if not (lengths == size).all():
            return None
        values = values.flatten()
    types = pa.types
    if values.null_count or not (
        types.is_float32(values.type) or types.is_float64(values.type) or types.is_integer(values.type)
    ):
        return None
    return plain_values(values.cast(pa.float64(), safe=False), np.dtype(np.float64))


def disorder(values: Mapping[str, Floats]) -> Iterator[tuple[str, str, Flags]]:
    """Yield neighbours in min <= q01 <= … <= q99 <= max and min <= mean <= max, and where (n, d) they are out of order.

    `values`: by statistic, (n, d) each; min and max among them.
    """
    slack = rounding(values["min"], values["max"])
    with np.errstate(invalid="ignore", over="ignore"):
        for chain in (("min", *QUANTILES, "max"), ("min", "mean", "max")):
            for smaller, larger in pairwise(name for name in chain if name in values):
                yield smaller, larger, values[smaller] > values[larger] + slack


def rounding(low: Floats, high: Floats) -> Floats:
    """Return by how much values between two may be off for no other reason than their rounding."""
    with np.errstate(invalid="ignore", over="ignore"):
        return ROUNDING * np.maximum(high - low, np.maximum(np.abs(low), np.abs(high))) + 1e-9
