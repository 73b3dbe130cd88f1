"""Rows out of a Parquet file that was never closed: what LeRobot's recorder leaves when it is killed.

The recorder writes a row group per episode, and every page of it is on the disk: a Thrift header, then the page. What
is missing is the footer, which says where the column chunks begin and what they hold. The schema is known from
``info.json``, so the pages, taken in order, tell the rest: a group of r rows has, for each column, pages of together
r times the values that a row has in it. From that a footer is made and pyarrow reads the file as any other.

Format: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.arrow_types import arrow_field
from lerotool.dataset.reading.thrift import (
    BINARY,
    I16,
    I32,
    I64,
    LIST,
    STRUCT,
    Field,
    Reader,
    ThriftError,
    encode,
    find,
)
from lerotool.errors import CorruptDatasetError
from lerotool.features import Feature, Kind, columns

_MAGIC = b"PAR1"
_CODECS = ("snappy", "zstd", "gzip", "none")
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
# Where a page header keeps the details of each kind of page, and where those keep the encoding.
_DETAILS = {_DATA: (5, 2), _DICTIONARY: (7, 2), _DATA_V2: (8, 4)}
_BOOLEAN, _PLAIN, _RLE = 0, 0, 3
_Leaf = tuple[int, bool]
"""How many values a row has in a leaf column, and whether they are booleans."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What could be read of a file without footer."""

    groups: tuple[pa.Table, ...]  # one table per row group, in the file's order
    lost_bytes: int  # at the end of the file, that belong to no complete row group


@dataclass(frozen=True, slots=True)
class _Page:
    kind: int
    start: int
    end: int
    packed: int
    raw: int
    values: int
    encoding: int


@dataclass(frozen=True, slots=True)
class _Group:
    rows: int
    chunks: tuple[tuple[_Page, ...], ...]

    @property
    def end(self) -> int:
        return self.chunks[-1][-1].end


def has_footer(path: Path) -> bool:
    """Return whether a Parquet file ends as it should; the footer is not looked at."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - len(_MAGIC)))
        return size >= 12 and file.read() == _MAGIC


def read_footerless(path: Path, features: Mapping[str, Feature]) -> Recovered:
    """Read the complete row groups of a data file that has no footer; the file is not changed."""
    data = path.read_bytes()
    if data[: len(_MAGIC)] != _MAGIC:
        raise CorruptDatasetError(f"{path}: expected a parquet file, found {data[:4]!r} at its start")
    schema = pa.schema([arrow_field(name, features[name]) for name in columns(features)])
    widths = [width for name in columns(features) for width in _widths(features[name])]
    are_boolean = [find(column, 1) == _BOOLEAN for column in _described_columns(_footer_fields(schema, "none"))]
    groups = _group_pages(list(_pages(data)), list(zip(widths, are_boolean, strict=True)))
    tables: list[pa.Table] = []
    for codec in _CODECS:
        tables = _read_groups(data, groups, _footer_fields(schema, codec), schema)
        if tables:
            break
    end = groups[len(tables) - 1].end if tables else len(_MAGIC)
    return Recovered(tuple(tables), len(data) - end)


def _widths(feature: Feature) -> list[int]:
    """Return how many values a row has in each leaf column of a feature."""
    if feature.kind is Kind.IMAGE:
        return [1, 1]
    return [math.prod(feature.shape)]


def _pages(data: bytes) -> Iterator[_Page]:
    """Yield the pages, one after another, up to the first that is incomplete."""
    reader = Reader(data, len(_MAGIC))
    while reader.offset < len(data):
        start = reader.offset
        try:
            header = reader.struct()
        except ThriftError:
            return
        kind, raw, packed = (find(header, number) for number in (1, 2, 3))
        where, encoding_field = _DETAILS.get(kind, (0, 0)) if isinstance(kind, int) else (0, 0)
        details = find(header, where)
        numbers = [raw, packed, *(_number(details, field) for field in (1, encoding_field))]
        if not all(isinstance(number, int) and number >= 0 for number in numbers):
            return
        raw, packed, values, encoding = numbers
        end = reader.offset + packed
        if end > len(data):
            return
        yield _Page(kind, start, end, end - start, raw + reader.offset - start, values, encoding)
        reader.offset = end


def _number(details: object, field: int) -> object:
    return find(details, field) if isinstance(details, list) else None


def _group_pages(pages: Sequence[_Page], leaves: Sequence[_Leaf]) -> list[_Group]:
    groups: list[_Group] = []
    place = 0
    while place < len(pages) and (found := _match_group(pages, place, leaves)) is not None:
        groups.append(found)
        place += sum(len(chunk) for chunk in found.chunks)
    return groups


def _match_group(pages: Sequence[_Page], place: int, leaves: Sequence[_Leaf]) -> _Group | None:
    """Return the row group whose pages begin at ``place``: the smallest number of rows that all columns agree on."""
    values, first = 0, place + (pages[place].kind == _DICTIONARY)
    for page in islice(pages, first, None):
        if page.kind == _DICTIONARY:
            return None
        values += page.values
        if values and values % leaves[0][0] == 0:
            rows = values // leaves[0][0]
            if (chunks := _match_chunks(pages, place, rows, leaves)) is not None:
                return _Group(rows, chunks)
    return None


def _match_chunks(
    pages: Sequence[_Page], place: int, rows: int, leaves: Sequence[_Leaf]
) -> tuple[tuple[_Page, ...], ...] | None:
    chunks: list[tuple[_Page, ...]] = []
    for width, is_boolean in leaves:
        start, values, count = place, 0, rows * width
        if place < len(pages) and pages[place].kind == _DICTIONARY:
            if is_boolean:
                return None
            place += 1
        while values < count:
            if place == len(pages) or pages[place].kind == _DICTIONARY:
                return None
            values += pages[place].values
            place += 1
        if values != count:
            return None
        chunks.append(tuple(pages[start:place]))
    return tuple(chunks)


def _footer_fields(schema: pa.Schema, codec: str) -> list[Field]:
    """Return the fields of the footer that pyarrow writes for one row of nulls: what a rebuilt one takes over."""
    sink = io.BytesIO()
    empty = pa.table([pa.nulls(1, field.type) for field in schema], schema=schema)
    pq.write_table(empty, sink, compression=codec)
    written = sink.getvalue()
    (length,) = struct.unpack("<I", written[-8:-4])
    return Reader(written, len(written) - 8 - length).struct()


def _described_columns(footer: Sequence[Field]) -> list[list[Field]]:
    """Return what a footer says of the columns of its first row group."""
    return [find(chunk, 3) for chunk in find(find(footer, 4)[1][0], 1)[1]]


def _read_groups(data: bytes, groups: Sequence[_Group], footer: Sequence[Field], schema: pa.Schema) -> list[pa.Table]:
    """Read the groups up to the first whose pages do not hold what their headers say."""
    tables: list[pa.Table] = []
    if not groups:
        return tables
    source = pa.BufferReader(data[: groups[-1].end] + _new_footer(groups, footer))
    with pq.ParquetFile(source) as file:
        for number in range(len(groups)):
            try:
                table = file.read_row_group(number)
                table.validate(full=True)
            except MemoryError:
                raise
            except (pa.ArrowException, OSError, UnicodeDecodeError):
                break
            tables.append(table.select(schema.names))
    return tables


def _new_footer(groups: Sequence[_Group], template: Sequence[Field]) -> bytes:
    described = _described_columns(template)
    row_groups = [_describe_group(number, group, described) for number, group in enumerate(groups)]
    kept = [field for field in template if field[0] not in (3, 4)]
    rows = sum(group.rows for group in groups)
    footer = encode([*kept, (3, I64, rows), (4, LIST, (STRUCT, row_groups))])
    return footer + struct.pack("<I", len(footer)) + _MAGIC


def _describe_group(number: int, group: _Group, described: Sequence[Sequence[Field]]) -> list[Field]:
    chunks = [_describe_chunk(pages, column) for pages, column in zip(group.chunks, described, strict=True)]
    pages = [page for chunk in group.chunks for page in chunk]
    return [
        (1, LIST, (STRUCT, [[(2, I64, 0), (3, STRUCT, chunk)] for chunk in chunks])),
        (2, I64, sum(page.raw for page in pages)),
        (3, I64, group.rows),
        (5, I64, pages[0].start),
        (6, I64, sum(page.packed for page in pages)),
        (7, I16, number),
    ]


def _describe_chunk(pages: Sequence[_Page], column: Sequence[Field]) -> list[Field]:
    data = [page for page in pages if page.kind != _DICTIONARY]
    fields: list[Field] = [
        (1, I32, find(column, 1)),
        (2, LIST, (I32, sorted({page.encoding for page in pages} | {_PLAIN, _RLE}))),
        (3, LIST, (BINARY, find(column, 3)[1])),
        (4, I32, find(column, 4)),
        (5, I64, sum(page.values for page in data)),
        (6, I64, sum(page.raw for page in pages)),
        (7, I64, sum(page.packed for page in pages)),
        (9, I64, data[0].start),
    ]
    if pages[0].kind == _DICTIONARY:
        fields.append((11, I64, pages[0].start))
    return fields
