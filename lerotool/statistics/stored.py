"""The statistics that a dataset states, read as they are: what is missing or misshapen is reported, not refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.documents import read_lines, read_object, whole_number
from lerotool.dataset.episode_table import STATS_PREFIX
from lerotool.dataset.layout import EPISODE_STATS_LINES, EPISODES, STATS, inside
from lerotool.dataset.parquet import column_names, open_parquet, plain_values, read_groups
from lerotool.dataset.reading.datafiles import parquet_files
from lerotool.moments import Floats

_LINES = 256
_ROWS = 4096


@dataclass(slots=True)
class StoredValues:
    """One statistic of one feature in n episodes, or in the dataset (n = 1)."""

    values: Floats  # (n, d), NaN where there is none of the right shape
    is_there: npt.NDArray[np.bool_]  # (n,), whether anything is stated
    shape: tuple[int, ...]  # the right one
    shapes: dict[int, str] = field(default_factory=dict)  # what was found instead, by row

    @property
    def is_usable(self) -> npt.NDArray[np.bool_]:
        """Whether the value of each row has the right shape, (n,)."""
        usable = self.is_there.copy()
        usable[list(self.shapes)] = False
        return usable


Entries = dict[str, dict[str, StoredValues]]
"""By feature and statistic."""


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """What is stated about some episodes, or about the dataset."""

    place: str  # the file
    first: int | None  # number of the first episode; None for the dataset
    entries: Entries  # what is stated about features of the dataset
    unknown: frozenset[str]  # names that are not features with statistics
    rows: int  # how many episodes; 1 for the dataset


def stored_dataset(dataset: Dataset) -> StoredBlock | None:
    """Return what ``meta/stats.json`` states; None if there is none, or the format (v2.1) has none."""
    path = _metadata(dataset, STATS)
    if not dataset.version.has_dataset_statistics or not path.exists():
        return None
    return _from_documents(dataset, STATS.as_posix(), None, [read_object(path)])


def stored_episodes(dataset: Dataset) -> Iterator[StoredBlock]:
    """Yield what is stated about episodes, in order; nothing where the format or the dataset has none."""
    if not dataset.version.has_files_of_episodes:
        yield from _table_blocks(dataset)
    elif dataset.version.has_episode_statistics and _metadata(dataset, EPISODE_STATS_LINES).exists():
        yield from _line_blocks(dataset)


def _line_blocks(dataset: Dataset) -> Iterator[StoredBlock]:
    found: dict[int, Any] = {}
    for place, line in read_lines(_metadata(dataset, EPISODE_STATS_LINES)):
        found[whole_number(line, "episode_index", place)] = line.get("stats")
    for first in range(0, dataset.num_episodes, _LINES):
        documents = [found.get(episode) for episode in range(first, min(first + _LINES, dataset.num_episodes))]
        yield _from_documents(dataset, EPISODE_STATS_LINES.as_posix(), first, documents)


def _from_documents(dataset: Dataset, place: str, first: int | None, documents: list[Any]) -> StoredBlock:
    objects = [_object(document) for document in documents]
    entries: Entries = {}
    for name in dict.fromkeys(name for document in objects for name in document):
        if not _has_statistics(dataset, name):
            continue
        rows = [_object(document.get(name)) for document in objects]
        entries[name] = {
            statistic: _parsed([row.get(statistic) for row in rows], _shape(dataset, name, statistic))
            for statistic in dict.fromkeys(key for row in rows for key in row)
        }
    unknown = {name for document in objects for name in document if not _has_statistics(dataset, name)}
    return StoredBlock(place, first, entries, frozenset(unknown), len(objects))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _has_statistics(dataset: Dataset, name: str) -> bool:
    feature = dataset.features.get(name)
    return feature is not None and feature.dtype not in ("string", "language")


def _shape(dataset: Dataset, name: str, statistic: str) -> tuple[int, ...]:
    return (1,) if statistic == "count" else dataset.version.statistics_shape(dataset.features[name])


def _parsed(rows: list[Any], shape: tuple[int, ...]) -> StoredValues:
    result = _empty(len(rows), shape)
    for place, row in enumerate(rows):
        if row is None:
            continue
        result.is_there[place] = True
        try:
            array = np.asarray(row, dtype=np.float64)
        except (TypeError, ValueError):
            result.shapes[place] = f"no numbers: {str(row)[:40]}"
            continue
        if array.shape == shape:
            result.values[place] = array.ravel()
        else:
            result.shapes[place] = str(list(array.shape))
    return result


def _empty(rows: int, shape: tuple[int, ...]) -> StoredValues:
    return StoredValues(np.full((rows, int(np.prod(shape))), np.nan), np.zeros(rows, bool), shape)


def _table_blocks(dataset: Dataset) -> Iterator[StoredBlock]:
    first = 0
    for path in parquet_files(dataset.layout.files, EPISODES):
        with open_parquet(path) as file:
            names = [name for name in column_names(file, path) if name.startswith(STATS_PREFIX)]
            for group in range(file.num_row_groups):
                table = read_groups(file, path, [group], names)
                rows = file.metadata.row_group(group).num_rows
                place = path.relative_to(dataset.root).as_posix()
                for start in range(0, rows, _ROWS):
                    part = table.slice(start, _ROWS)
                    yield _from_table(dataset, place, first + start, part, min(_ROWS, rows - start))
                first += rows


def _from_table(dataset: Dataset, place: str, first: int, table: pa.Table, rows: int) -> StoredBlock:
    entries: Entries = {}
    unknown: set[str] = set()
    for column in table.column_names:
        name, _, statistic = column.removeprefix(STATS_PREFIX).rpartition("/")
        if _has_statistics(dataset, name):
            shape = _shape(dataset, name, statistic)
            entries.setdefault(name, {})[statistic] = _from_column(table[column], shape)
        else:
            unknown.add(name)
    return StoredBlock(place, first, entries, frozenset(unknown), rows)


def _from_column(column: pa.ChunkedArray, shape: tuple[int, ...]) -> StoredValues:
    flat = _flattened(column, shape)
    if flat is None:
        return _parsed(column.to_pylist(), shape)
    return StoredValues(flat.reshape(len(column), -1), np.ones(len(column), bool), shape)


def _flattened(column: pa.ChunkedArray, shape: tuple[int, ...]) -> Floats | None:
    """Return the numbers of nested lists that all have the right shape, without a Python object for each."""
    values = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    for size in shape:
        is_list = pa.types.is_list(values.type) or pa.types.is_large_list(values.type)
        if values.null_count or not is_list:
            return None
        lengths = _numbers(values.value_lengths())
        if len(lengths) and not (lengths == size).all():
            return None
        values = values.flatten()
    types = pa.types
    if values.null_count or not (types.is_floating(values.type) or types.is_integer(values.type)):
        return None
    return _numbers(values).astype(np.float64)


def _numbers(values: pa.Array) -> np.ndarray:
    return plain_values(values, np.dtype(values.type.to_pandas_dtype()))


def _metadata(dataset: Dataset, name: Path) -> Path:
    """Return where a metadata file is; raises CorruptDatasetError where a link leads out of the dataset."""
    files = dataset.layout.files
    return inside(files.root, files.name(name.as_posix()))
