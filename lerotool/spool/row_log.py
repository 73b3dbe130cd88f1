"""``rows.log``: one record per row, each an Arrow record batch of one row."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from lerotool.errors import IncompatibleDatasetError, SpoolError
from lerotool.features import Feature, Kind
from lerotool.spool.log import iter_records
from lerotool.spool.row_columns import (
    BOOKKEEPING,
    PICTURE_PREFIX,
    PICTURE_TYPE,
    MismatchError,
    column,
    row_schema,
    text_array,
)

ROWS = "rows.log"
# Batches of one row cost some kB of memory each, so they are joined before there are many.
_SLAB = 1024
_TIME_TYPES = [data_type for name, data_type in BOOKKEEPING.items() if name != "task"]
_TIMES = struct.Struct("=3q2Q")


@dataclass(frozen=True, slots=True)
class RowTimes:
    """When a row happened, in nanoseconds of the monotonic clock, and which joints were not fresh."""

    tick_ns: int
    observed_ns: int
    acted_ns: int
    stale: int = 0  # bit i: joint i of the state was not fresh
    stale_action: int = 0  # bit i: joint i of the leader was not fresh when the action was made from it

    def numbers(self) -> tuple[int, ...]:
        """Return them in this order."""
        return self.tick_ns, self.observed_ns, self.acted_ns, self.stale, self.stale_action


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """A row ready to be written."""

    payload: memoryview
    not_finite: tuple[str, ...]


class RowEncoder:
    """Turns rows of the given recorded features and cameras into payloads of records."""

    def __init__(self, features: Mapping[str, Feature], cameras: Iterable[str]) -> None:
        self._columns = {name: column(f) for name, f in features.items() if f.kind is not Kind.VIDEO}
        self._cameras = tuple(cameras)
        self._schema = row_schema(features, self._cameras)
        self._task = ("", text_array(""))
        self._number_types = [PICTURE_TYPE] * len(self._cameras)
        self._numbers = struct.Struct(f"={len(self._cameras)}i")

    def encode(
        self, values: Mapping[str, object], task: str, times: RowTimes, pictures: Mapping[str, int]
    ) -> EncodedRow:
        """Return a row ready to be written."""
        problems = _wrong_names("feature", self._columns, values) + _wrong_names("camera", self._cameras, pictures)
        arrays: list[pa.Array[Any]] = []
        not_finite = []
        for name, converter in self._columns.items():
            if name not in values:
                continue
            try:
                array, finite = converter.convert(values[name])
            except MismatchError as error:
                problems.append(f"feature {name!r}: expected {converter.expected}, found {error}")
                continue
            arrays.append(array)
            if not finite:
                not_finite.append(name)
        if problems:
            raise IncompatibleDatasetError("; ".join(problems))
        arrays.append(self._task_array(task))
        arrays.extend(_integers(_TIMES, _TIME_TYPES, times.numbers()))
        arrays.extend(_integers(self._numbers, self._number_types, [pictures[key] for key in self._cameras]))
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        return EncodedRow(memoryview(batch.serialize()), tuple(not_finite))

    def _task_array(self, task: str) -> pa.Array[Any]:
        if task != self._task[0] or not isinstance(task, str):
            if not isinstance(task, str):
                raise IncompatibleDatasetError(f"task: expected a text, found {type(task).__name__}")
            try:
                self._task = (task, text_array(task))
            except MismatchError as error:
                raise IncompatibleDatasetError(f"task: expected a text, found {error}") from None
        return self._task[1]


def _integers(layout: struct.Struct, types: Iterable[pa.DataType], values: Sequence[int]) -> Iterator[pa.Array[Any]]:
    """Yield an array of one for each value; much quicker than ``pa.array``, which looks for pandas each time."""
    try:
        buffer = pa.py_buffer(layout.pack(*values))
    except struct.error as error:
        found = ", ".join(map(repr, values))
        raise IncompatibleDatasetError(f"times, stale or picture numbers: {error}, found {found}") from error
    offset = 0
    for data_type in types:
        size = data_type.bit_width // 8
        yield pa.Array.from_buffers(data_type, 1, [None, buffer.slice(offset, size)])
        offset += size


def _wrong_names(what: str, wanted: Iterable[str], given: Mapping[str, object]) -> list[str]:
    if given.keys() == set(wanted):
        return []
    missing = [f"{what} {name!r} is missing" for name in wanted if name not in given]
    return missing + [f"{what} {name!r} is not one that is recorded" for name in given if name not in set(wanted)]


def count_rows(folder: Path) -> int:
    """Return the number of complete rows in a pending episode's log; 0 when there is no log."""
    try:
        data = (folder / ROWS).read_bytes()
    except FileNotFoundError:
        return 0
    return sum(1 for _ in iter_records(data))


def read_rows(folder: Path, features: Mapping[str, Feature], cameras: Iterable[str], length: int) -> pa.Table:
    """Return the first ``length`` rows, each column in one chunk."""
    path = folder / ROWS
    schema = row_schema(features, cameras)
    try:
        records = islice(iter_records(path.read_bytes()), length)
    except FileNotFoundError:
        raise SpoolError(f"pending episode {str(folder)!r}: {ROWS} is missing") from None
    tables = []
    while slab := [_read_batch(path, record, schema) for record in islice(records, _SLAB)]:
        tables.append(pa.Table.from_batches(slab, schema).combine_chunks())
    table = pa.concat_tables(tables).combine_chunks() if tables else schema.empty_table()
    if len(table) != length:
        raise SpoolError(f"{str(path)!r}: expected {length} complete rows, found {len(table)}")
    return table


def _read_batch(path: Path, record: memoryview, schema: pa.Schema) -> pa.RecordBatch:
    try:
        batch = pa.ipc.read_record_batch(pa.py_buffer(record), schema)
        batch.validate(full=True)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise SpoolError(f"{str(path)!r}: a row does not fit the header: {error}") from error
    if len(batch) != 1:
        raise SpoolError(f"{str(path)!r}: a record holds {len(batch)} rows, expected 1")
    return batch


def picture_columns(cameras: Iterable[str]) -> dict[str, str]:
    """Return the name of the row column that names each camera's packets."""
    return {key: PICTURE_PREFIX + key for key in cameras}
