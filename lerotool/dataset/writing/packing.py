"""Packing: the small files that every committed batch leaves become few large ones, each in one commit.

Files of one kind are looked at from the newest to the oldest. An older file joins the pack while it is not larger
than all that follows it in the pack together (or than 16 MB), and the pack stays below LeRobot's limit for such a
file (and 900 s for a video, because LeRobot compares times in float32, which fails beyond 1024 s). Where a file does
not join, the next pack begins with it. So the sizes of what stays behind at least double from one file to the next
older one: there are few, and each byte is copied about log2(limit / size of a batch) times at most however many
sessions there are.

Packets are copied on exact ticks and row groups as they are; nothing is encoded again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from lerotool.dataset.episode_table import CHUNK, FILE
from lerotool.dataset.numbering import FileNumber

LONGEST_VIDEO_S = 900.0
SMALL_BYTES = 16 * 1024**2
"""Up to this size a file joins whatever follows it: to copy it costs less than 0.1 s."""
MB = 1024**2
DATA = "data/"


@dataclass(frozen=True, slots=True)
class PackReport:
    """What `DatasetAppender.finalize` has done."""

    packed: int = 0  # files that went into larger ones
    made: int = 0  # the larger ones
    notes: tuple[str, ...] = ()  # what could not be done and why; the dataset is sound all the same

    def __add__(self, other: PackReport) -> PackReport:
        return PackReport(self.packed + other.packed, self.made + other.made, self.notes + other.notes)


@dataclass(frozen=True, slots=True)
class NumberedFile:
    """A file of a dataset with its number and size."""

    path: Path
    number: FileNumber
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file has gone: its new number, and how many frames of other files stand before its own."""

    number: FileNumber
    base: int = 0


Moves = Mapping[str, Mapping[FileNumber, Place]]
"""By column prefix (``data/``, ``videos/<key>/``): the files that have moved."""


def plan_packs(sizes: Sequence[int], limit: float, joins: Callable[[int, range], bool]) -> list[range]:
    """Divide files into packs: those that become one, as places in the list of files.

    `sizes`: in bytes, oldest first. `limit`: that a pack of several files stays below, in bytes. Returns packs that
    cover all files, oldest first; one of a single file changes nothing.
    """
    packs: list[range] = []
    stop = start = len(sizes)
    total = 0
    for place in reversed(range(len(sizes))):
        fits = sizes[place] <= max(total, SMALL_BYTES) and total + sizes[place] < limit
        if start < stop and not (fits and joins(place, range(start, stop))):
            packs.append(range(start, stop))
            stop, total = start, 0
        start = place
        total += sizes[place]
    if start < stop:
        packs.append(range(start, stop))
    return packs[::-1]


def pack_numbers(files: Sequence[NumberedFile], packs: Sequence[range], chunks_size: int) -> list[FileNumber]:
    """Return the numbers of the packs: unchanged up to the first change, without gaps from there."""
    numbers: list[FileNumber] = []
    has_changed = False
    for pack in packs:
        own = files[pack.start].number
        numbers.append(numbers[-1].following(chunks_size) if has_changed and numbers else own)
        has_changed = has_changed or len(pack) > 1
    return numbers


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
