"""``rows.log``: one record per row, each an Arrow record batch of one row.

Its columns are those of the recorded features that are columns, the recorder's own, and one of numbers per camera.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lerotool.arrow_types import IMAGE_TYPE, arrow_field, arrow_type, value_type
from lerotool.errors import IncompatibleDatasetError, SpoolError
from lerotool.features import Feature, Kind, columns
from lerotool.spool.log import iter_records

ROWS = "rows.log"
_PICTURE_PREFIX = "picture/"
_BOOKKEEPING: Mapping[str, pa.DataType] = {
    "task": pa.string(),
    "tick_ns": pa.int64(),
    "observed_ns": pa.int64(),
    "acted_ns": pa.int64(),
    "stale": pa.uint64(),
    "stale_action": pa.uint64(),
}
_PICTURE_TYPE = pa.int32()
_IMAGE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
"""How PNG, JPEG and TIFF files begin."""
# Batches of one row cost some kB of memory each, so they are joined before there are many.
_SLAB = 1024
_TIME_TYPES = [data_type for name, data_type in _BOOKKEEPING.items() if name != "task"]
_TIMES = struct.Struct("=3q2Q")


def check_columns(features: Mapping[str, Feature]) -> None:
    """Check that features can be recorded."""
    for name, feature in features.items():
        if name in _BOOKKEEPING:
            raise IncompatibleDatasetError(f"feature {name!r}: the name is one of the recorder's own")
        if feature.kind is Kind.LANGUAGE:
            raise IncompatibleDatasetError(f"feature {name!r}: language is annotated after recording, not recorded")
        if feature.kind is not Kind.VIDEO:
            arrow_field(name, feature)


def picture_columns(cameras: Iterable[str]) -> dict[str, str]:
    """Return the name of the row column that names each camera's packets."""
    return {key: _PICTURE_PREFIX + key for key in cameras}


def _row_schema(features: Mapping[str, Feature], cameras: Iterable[str]) -> pa.Schema:
    recorded = [arrow_field(name, features[name]) for name in columns(features)]
    own = [pa.field(name, data_type) for name, data_type in _BOOKKEEPING.items()]
    return pa.schema(recorded + own + [pa.field(name, _PICTURE_TYPE) for name in picture_columns(cameras).values()])


class _MismatchError(Exception):
    """A value is not what its feature says; the text is what was found."""


class _NumberColumn:
    """Numbers and bools: arrays of exactly the feature's dtype and shape; Python's own numbers where one is wanted."""

    def __init__(self, feature: Feature) -> None:
        self.expected = f"{feature.dtype} {feature.shape}"
        self._dtype = np.dtype(feature.dtype)
        self._shape = feature.shape
        self._scalar = feature.is_scalar
        self._type = arrow_type(feature)
        self._value_type = value_type(feature.dtype)
        self._size = int(np.prod(feature.shape))
        self._levels = _list_levels(feature.shape) if len(feature.shape) > 1 else []

    def convert(self, value: object) -> tuple[pa.Array[Any], bool]:
        """Return the array, and whether all numbers in it are finite."""
        array = self._as_array(value)
        return self._to_arrow(array), self._dtype.kind != "f" or bool(np.isfinite(array).all())

    def _as_array(self, value: object) -> NDArray[Any]:
        if isinstance(value, np.ndarray | np.generic):
            if value.dtype != self._dtype or not (value.shape == self._shape or (self._scalar and value.shape == ())):
                raise _MismatchError(f"{value.dtype} {value.shape}")
            return np.ascontiguousarray(value)
        kinds = {bool: "b", int: "iuf", float: "f"}.get(type(value), "")
        if not self._scalar or self._dtype.kind not in kinds:
            raise _MismatchError(type(value).__name__)
        try:
            with np.errstate(over="raise"):
                return np.array([value], self._dtype)
        except (OverflowError, FloatingPointError):
            raise _MismatchError(repr(value)) from None

    def _to_arrow(self, array: NDArray[Any]) -> pa.Array[Any]:
        if self._dtype.kind == "b":
            values = pa.array(array.reshape(-1), self._value_type)
        else:
            values = pa.Array.from_buffers(self._value_type, self._size, [None, pa.py_buffer(array)])
        if self._scalar:
            return values
        if not self._levels:
            return pa.Array.from_buffers(self._type, 1, [None], children=[values])
        for offsets in self._levels:
            values = pa.ListArray.from_arrays(offsets, values)
        return values


def _list_levels(shape: tuple[int, ...]) -> list[pa.Int32Array]:
    """Return the offsets of nested lists of a shape, innermost first."""
    levels = []
    for depth in range(len(shape) - 1, -1, -1):
        lists = int(np.prod(shape[:depth]))
        levels.append(pa.array(np.arange(lists + 1, dtype=np.int32) * shape[depth]))
    return levels


class _TextColumn:
    """Texts: a str, or for a vector a list or array of them."""

    def __init__(self, feature: Feature) -> None:
        self.expected = f"string {feature.shape}"
        self._shape = feature.shape
        self._scalar = feature.is_scalar
        self._type = arrow_type(feature)

    def convert(self, value: object) -> tuple[pa.Array[Any], bool]:
        """Return the array; texts are always finite."""
        if self._scalar and isinstance(value, str):
            return _text_array(value), True
        if not isinstance(value, list | tuple | np.ndarray):
            raise _MismatchError(type(value).__name__)
        texts = np.asarray(value, dtype=object)
        if texts.shape != self._shape or not all(isinstance(text, str) for text in texts.flat):
            kinds = sorted({type(item).__name__ for item in texts.flat})
            raise _MismatchError(f"{', '.join(kinds)} {texts.shape}")
        return _text_array(texts[0] if self._scalar else texts.tolist(), self._type), True


def _text_array(value: object, data_type: pa.DataType = pa.string()) -> pa.Array[Any]:  # noqa: B008 - a value
    """Return an array of one text, or of one list of texts; half a surrogate pair is not Unicode text."""
    try:
        return pa.array([value], data_type)
    except UnicodeEncodeError as error:
        raise _MismatchError(f"a text that is not Unicode ({error.reason})") from None


class _ImageColumn:
    """Pictures inside the rows: the bytes of a PNG, JPEG or TIFF file, or LeRobot's ``{"bytes": …, "path": …}``."""

    expected = "the bytes of a PNG, JPEG or TIFF picture"

    def convert(self, value: object) -> tuple[pa.Array[Any], bool]:
        """Return the array; ``path`` is null unless given."""
        picture, path = (value.get("bytes"), value.get("path")) if isinstance(value, Mapping) else (value, None)
        if not isinstance(picture, bytes | bytearray | memoryview) or not isinstance(path, str | None):
            raise _MismatchError(type(picture).__name__)
        data = bytes(picture)
        if not data.startswith(_IMAGE_MAGIC):
            raise _MismatchError(f"{len(data)} bytes that begin with {data[:4]!r}")
        return pa.array([{"bytes": data, "path": path}], IMAGE_TYPE), True


def _column(feature: Feature) -> _NumberColumn | _TextColumn | _ImageColumn:
    if feature.kind is Kind.IMAGE:
        return _ImageColumn()
    return _TextColumn(feature) if feature.kind is Kind.STRING else _NumberColumn(feature)


class RowEncoder:
    """Turns rows of the given recorded features and cameras into payloads of records."""

    def __init__(self, features: Mapping[str, Feature], cameras: Iterable[str]) -> None:
        self._columns = {name: _column(features[name]) for name in columns(features)}
        self._cameras = tuple(cameras)
        self._schema = _row_schema(features, self._cameras)
        self._task = ("", _text_array(""))
        self._number_types = [_PICTURE_TYPE] * len(self._cameras)
        self._numbers = struct.Struct(f"={len(self._cameras)}i")

    def encode(
        self, values: Mapping[str, object], task: str, times: Sequence[int], pictures: Mapping[str, int]
    ) -> tuple[memoryview, list[str]]:
        """Return the payload of a row, and the features in which not all numbers are finite.

        `times`: ``tick_ns``, ``observed_ns``, ``acted_ns``, ``stale`` and ``stale_action``.
        """
        problems = _wrong_names("feature", self._columns, values) + _wrong_names("camera", self._cameras, pictures)
        arrays: list[pa.Array[Any]] = []
        not_finite = []
        for name, converter in self._columns.items():
            if name not in values:
                continue
            try:
                array, finite = converter.convert(values[name])
            except _MismatchError as error:
                problems.append(f"feature {name!r}: expected {converter.expected}, found {error}")
                continue
            arrays.append(array)
            if not finite:
                not_finite.append(name)
        if problems:
            raise IncompatibleDatasetError("; ".join(problems))
        arrays.append(self._task_array(task))
        arrays.extend(_integers(_TIMES, _TIME_TYPES, times))
        arrays.extend(_integers(self._numbers, self._number_types, [pictures[key] for key in self._cameras]))
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        return memoryview(batch.serialize()), not_finite

    def _task_array(self, task: object) -> pa.Array[Any]:
        if not isinstance(task, str):
            raise IncompatibleDatasetError(f"task: expected a text, found {type(task).__name__}")
        if task != self._task[0]:
            try:
                self._task = (task, _text_array(task))
            except _MismatchError as error:
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
    """Return the number of complete rows in a pending episode's log, 0 if it has none."""
    try:
        data = (folder / ROWS).read_bytes()
    except FileNotFoundError:
        return 0
    return sum(1 for _ in iter_records(data))


def read_rows(folder: Path, features: Mapping[str, Feature], cameras: Iterable[str], length: int) -> pa.Table:
    """Return the first ``length`` rows, each column in one chunk."""
    path = folder / ROWS
    schema = _row_schema(features, cameras)
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
