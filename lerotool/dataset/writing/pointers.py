"""Where the episodes table says that data and videos lie, and how its files are rewritten when those move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.episode_table import CHUNK, FILE
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.parquet import arrow_schema, open_parquet, read_groups, whole_numbers
from lerotool.dataset.writing.state import WriterState, episodes_files

DATA = "data/"
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file has gone: its new number, and how many frames of other files stand before its own."""

    number: FileNumber
    base: int = 0


Moves = Mapping[str, Mapping[FileNumber, Place]]
"""By column prefix (``data/``, ``videos/<key>/``): the files that have moved."""


@dataclass(frozen=True, slots=True)
class Pointers:
    """What one episodes file says: the lengths of its episodes and, by column prefix, the files that they are in."""

    path: Path
    lengths: Ints
    files: Mapping[str, list[FileNumber]]
    starts: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    def touches(self, moves: Moves) -> bool:
        """Whether one of its episodes is in a file that has moved."""
        return any(number in moved for prefix, moved in moves.items() for number in self.files.get(prefix, ()))


def read_pointers(state: WriterState, prefixes: Sequence[str]) -> list[Pointers]:
    """Read where the episodes lie, a value per episodes file, in order."""
    return [_read(path, prefixes) for path in episodes_files(state.layout.root)]


def _read(path: Path, prefixes: Sequence[str]) -> Pointers:
    with open_parquet(path) as file:
        known = set(arrow_schema(file, path).names)
        present = [prefix for prefix in prefixes if {f"{prefix}chunk_index", f"{prefix}file_index"} <= known]
        starts = [prefix for prefix in present if f"{prefix}from_timestamp" in known]
        names = ["length", *(f"{p}{part}" for p in present for part in ("chunk_index", "file_index"))]
        names += [f"{prefix}from_timestamp" for prefix in starts]
        table = read_groups(file, path, range(file.num_row_groups), names)

    def numbers(name: str) -> list[int]:
        values: list[int] = whole_numbers(table[name], f"{path}, column {name!r}").tolist()
        return values

    files = {
        p: [FileNumber(*n) for n in zip(numbers(f"{p}chunk_index"), numbers(f"{p}file_index"), strict=True)]
        for p in present
    }
    times = {p: table[f"{p}from_timestamp"].cast(pa.float64()).to_numpy() for p in starts}
    return Pointers(path, np.asarray(numbers("length"), dtype=np.int64), files, times)


def moved_table(table: pa.Table, moves: Moves, fps: float) -> pa.Table:
    """Return an episodes table that points to where files have gone, with times that are exact multiples of 1/fps."""
    for prefix, moved in moves.items():
        if f"{prefix}chunk_index" not in table.column_names:
            continue
        chunks, files = (table[f"{prefix}{part}"].to_pylist() for part in ("chunk_index", "file_index"))
        places = [moved.get(FileNumber(c, f)) for c, f in zip(chunks, files, strict=True)]
        chunks = [p.number.chunk if p else c for p, c in zip(places, chunks, strict=True)]
        files = [p.number.file if p else f for p, f in zip(places, files, strict=True)]
        table = _with(_with(table, f"{prefix}chunk_index", chunks), f"{prefix}file_index", files)
        if f"{prefix}from_timestamp" in table.column_names:
            table = _with_times(table, prefix, places, fps)
    return table


def _with_times(table: pa.Table, prefix: str, places: Sequence[Place | None], fps: float) -> pa.Table:
    begins = table[f"{prefix}from_timestamp"].to_pylist()
    has_ends = f"{prefix}to_timestamp" in table.column_names
    ends = table[f"{prefix}to_timestamp"].to_pylist() if has_ends else [None] * len(begins)
    for row, (place, length) in enumerate(zip(places, table["length"].to_pylist(), strict=True)):
        if place is not None:
            start = round(begins[row] * fps) + place.base
            begins[row], ends[row] = start / fps, (start + length) / fps
    # Exact times need doubles, whatever the file had.
    table = _with(table, f"{prefix}from_timestamp", begins, pa.float64())
    return _with(table, f"{prefix}to_timestamp", ends, pa.float64()) if has_ends else table


def numbered_table(table: pa.Table, number: FileNumber) -> pa.Table:
    """Return an episodes table whose rows say that they are in the file of that number."""
    for name, value in ((CHUNK, number.chunk), (FILE, number.file)):
        if name in table.column_names:
            table = _with(table, name, [value] * table.num_rows)
    return table


def _with(table: pa.Table, name: str, values: Sequence[Any], data_type: pa.DataType | None = None) -> pa.Table:
    place = table.schema.get_field_index(name)
    kept = table.schema.field(name)
    column = kept.with_type(data_type or kept.type)
    return table.set_column(place, column, pa.array(values, column.type))
