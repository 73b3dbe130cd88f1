"""Parquet files of a dataset: opened with their defects named, read by columns and row groups."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.arrow_types import is_list
from lerotool.dataset.documents import MOST, RESTORE
from lerotool.errors import CorruptDatasetError
from lerotool.wording import sized

_MAGIC = b"PAR1"
_SMALLEST = 12
_BYTES = {"INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12}
"""Of one value in memory; texts and pictures are as large as their pages say."""
_BUFFER_BYTES = 4096
_COMPRESSION = "snappy"
_INTERRUPTED = (
    "the recording was stopped before the file was closed; restore the file from a copy of the dataset, or record again"
)


def open_parquet(path: Path, metadata: pq.FileMetaData | None = None, buffer_bytes: int = 0) -> pq.ParquetFile:
    """Open a parquet file; the caller closes it."""
    try:
        with _arrow_path(path) as source:
            return pq.ParquetFile(source, metadata=metadata, buffer_size=buffer_bytes)
    except FileNotFoundError:
        raise CorruptDatasetError(f"{path}: the file is missing", hint=RESTORE) from None
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        # A damaged footer can hold column names that are not UTF-8.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _defect(path, error) from error


@contextlib.contextmanager
def _arrow_path(path: Path) -> Iterator[str]:
    """Give what Arrow opens a file by: it takes paths as UTF-8 only, and a folder may have any bytes as its name."""
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        with path.open("rb") as file:
            yield f"/dev/fd/{file.fileno()}"
    else:
        yield os.fspath(path)


def _defect(path: Path, error: Exception) -> CorruptDatasetError:
    if path.is_dir():
        return CorruptDatasetError(f"{path}: it is a folder, expected a file", hint=RESTORE)
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
        size = file.seek(0, 2)
        file.seek(max(0, size - len(_MAGIC)))
        tail = file.read()
    if size == 0:
        return CorruptDatasetError(f"{path}: the file is empty (0 bytes)", hint=RESTORE)
    if head == _MAGIC and (tail != _MAGIC or size < _SMALLEST):
        return CorruptDatasetError(f"{path}: the parquet file has no footer ({size} bytes)", hint=_INTERRUPTED)
    if head != _MAGIC:
        return CorruptDatasetError(f"{path}: expected a parquet file, found {head!r} at its start", hint=RESTORE)
    return CorruptDatasetError(f"{path}: the parquet file is damaged: {_first_line(error)}", hint=RESTORE)


def read_groups(file: pq.ParquetFile, path: Path, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
    """Read columns of some row groups, in the order in which the columns are named."""
    with _named_damage(path):
        _refuse_flood(file, path, groups, columns)
        table = file.read_row_groups(list(groups), columns=list(columns), use_threads=True).select(list(columns))
        # Damaged pages can decode to texts that are not UTF-8 and to offsets outside of their buffers.
        table.validate(full=True)
    return table


@contextlib.contextmanager
def _named_damage(path: Path) -> Iterator[None]:
    """Name the file in what Arrow raises over its contents; errors of the system stay as they are."""
    try:
        yield
    except MemoryError as error:
        raise MemoryError(f"{path}: {_first_line(error)}") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError, KeyError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CorruptDatasetError(f"{path}: the parquet file is damaged: {_first_line(error)}", hint=RESTORE) from error


def read_whole(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read columns of all rows of a file; None is all."""
    with open_parquet(path) as file:
        wanted = column_names(file, path) if columns is None else columns
        return read_groups(file, path, range(file.num_row_groups), wanted)


def schema_of(path: Path) -> pa.Schema:
    """Return the Arrow schema of a file."""
    with open_parquet(path) as file:
        return arrow_schema(file, path)


def first_rows(file: pq.ParquetFile, path: Path, columns: Sequence[str]) -> pa.Table:
    """Read columns of the first row alone, however many rows a row group has."""
    with _named_damage(path):
        batches = file.iter_batches(batch_size=1, columns=list(columns), use_threads=False)
        first = next(batches, None)
        table = file.schema_arrow.empty_table() if first is None else pa.Table.from_batches([first])
        table.validate(full=True)
    return table


def _refuse_flood(file: pq.ParquetFile, path: Path, groups: Sequence[int], columns: Sequence[str]) -> None:
    """Refuse to read what cannot fit into memory: a few bytes can repeat a value without end."""
    prefixes = tuple(f"{name}." for name in columns)
    schema = pq.ParquetSchema(file.metadata)
    wanted = [
        (place, size)
        for place, path in enumerate(stored_paths(file))
        if (path in columns or path.startswith(prefixes)) and (size := _BYTES.get(schema.column(place).physical_type))
    ]
    places = [place for place, _ in wanted]
    chunks = [chunk for group in groups for chunk in described_columns(file, path, group, places)]
    sizes = [size for _ in groups for _, size in wanted]
    needed = sum(chunk.num_values * size for chunk, size in zip(chunks, sizes, strict=True))
    if needed > (most := _memory_bytes()):
        raise MemoryError(f"values of {sized(needed)} are to be read at once, and there are {sized(most)} of memory")


def described_columns(
    file: pq.ParquetFile, path: Path, group: int, places: Sequence[int]
) -> list[pq.ColumnChunkMetaData]:
    """Return what the footer says of some columns in a row group.

    Asked for a damaged description, Arrow ends the process. Whoever reads such a column gets an error instead; so they
    are read first, but for no row, which decodes nothing.
    """
    if not places:
        return []
    with _named_damage(path):
        next(file.reader.iter_batches(0, [group], list(places), False), None)
    found = file.metadata.row_group(group)
    return [found.column(place) for place in places]


def _memory_bytes() -> int:
    """Return how many bytes this process can have at most."""
    if sys.platform == "win32":
        return sys.maxsize
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return total if limit == resource.RLIM_INFINITY else min(total, limit)


def column_names(file: pq.ParquetFile, path: Path) -> list[str]:
    """Return the names of the columns, in order."""
    names = list(arrow_schema(file, path).names)
    if len(set(names)) != len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise CorruptDatasetError(f"{path}: two columns are called {double!r}", hint=RESTORE)
    return names


def arrow_schema(file: pq.ParquetFile, path: Path) -> pa.Schema:
    """Return the Arrow schema of an open file."""
    with _named_damage(path):
        return file.schema_arrow


def stored_paths(file: pq.ParquetFile) -> list[str]:
    """Return what an open file calls its columns of plain values, in order.

    ``metadata.schema`` would hold the footer in a circle, and footers of many row groups are large.
    """
    return [".".join(path) for path in file.reader.column_paths]


def leaf_paths(field: pa.Field[Any]) -> list[str]:
    """Return what parquet calls the columns of plain values that a field consists of."""
    kind, name = field.type, field.name
    if pa.types.is_struct(kind):
        children = [kind.field(place) for place in range(kind.num_fields)]
        return [f"{name}.{path}" for child in children for path in leaf_paths(child)]
    if is_list(kind):
        element = pa.field("element", kind.value_type)
        return [f"{name}.list.{path}" for path in leaf_paths(element)]
    return [name]


def compression_of(path: Path) -> str:
    """Return how the largest column of a parquet file is compressed, as pyarrow's writer calls it; else its default."""
    with open_parquet(path, buffer_bytes=_BUFFER_BYTES) as file:
        if not file.num_row_groups:
            return _COMPRESSION
        columns = described_columns(file, path, 0, range(file.metadata.num_columns))
    largest = max(columns, key=lambda column: column.total_uncompressed_size, default=None)
    name = _COMPRESSION if largest is None else largest.compression.lower().removesuffix("_raw")
    return _COMPRESSION if name == "uncompressed" else name


def whole_numbers(column: pa.ChunkedArray[Any], place: str) -> np.ndarray:
    """Return a column of whole numbers >= 0 as int64; ``3.0`` is a whole number.

    `CorruptDatasetError`: a value is missing, negative or no whole number; the text starts with ``place``.
    """
    if column.null_count:
        raise CorruptDatasetError(f"{place}: missing values: {column.null_count} of {len(column)}")
    try:
        values = plain_values(joined_chunks(column).cast(pa.int64()), np.dtype(np.int64))
    except MemoryError:
        raise
    except pa.ArrowException as error:
        raise CorruptDatasetError(f"{place}: expected whole numbers: {_first_line(error)}") from error
    if len(values) and not 0 <= values.min() <= values.max() < MOST:
        found = values.min() if values.min() < 0 else values.max()
        raise CorruptDatasetError(f"{place}: expected whole numbers from 0 to {MOST}, found {found}")
    return values


def joined_chunks(column: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    """Return a column as one array."""
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def plain_values(values: pa.Array[Any], dtype: np.dtype[Any]) -> np.ndarray:
    """Return numbers without missing values as a read-only view; ``dtype`` is the numpy name of their type.

    Arrow's own ``to_numpy`` imports pandas, which takes longer than opening a dataset.
    """
    data = values.buffers()[1]
    if data is None or not len(values):
        return np.empty(0, dtype)
    return np.frombuffer(data, dtype, count=len(values), offset=values.offset * dtype.itemsize)


def plain_array(values: np.ndarray) -> pa.Array[Any]:
    """Return numbers or bools as an Arrow array; `plain_values` the other way round, and for the same reason."""
    kind = pa.from_numpy_dtype(values.dtype)
    packed = np.packbits(values, bitorder="little") if values.dtype == np.bool_ else np.ascontiguousarray(values)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(packed)])


def plain_texts(texts: Sequence[str]) -> pa.Array[Any]:
    """Return texts as an Arrow array, without pandas like `plain_array`."""
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:200] or type(error).__name__
