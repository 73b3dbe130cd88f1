"""What a dataset holds whose files do not say so themselves, and what becomes of it where it stands. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import Layout
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.parquet import read_whole

Ints = npt.NDArray[np.int64]
Place = tuple[FileNumber, int]
"""A video file, and the number of an episode's first picture in it."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundRows:
    """The rows of a data file, in the order of their index; numbers are int64, (rows,)."""

    path: Path  # of the file
    episodes: Ints  # ``episode_index``
    frames: Ints  # ``frame_index``
    index: Ints
    tasks: Ints  # ``task_index``
    times: npt.NDArray[np.float64]  # ``timestamp``, seconds
    columns: frozenset[str]  # of the file, those that number and time the rows
    order: Ints | None = None  # the row of the file that comes at each place, None where they are in order
    # At the end of a file that was never closed, that hold no complete rows; None for a closed file.
    lost_bytes: int | None = None
    recovered: pa.Table | None = field(default=None, repr=False)  # the rows of a file that was never closed

    def __len__(self) -> int:
        return len(self.index)

    def table(self) -> pa.Table:
        """Return all columns of all rows, in order."""
        table = self.recovered
        if table is None:
            stat = self.path.stat()
            table = _closed_table(self.path, (stat.st_size, stat.st_mtime_ns))
        return table if self.order is None else table.take(pa.array(self.order))


@lru_cache(maxsize=1)
def _closed_table(path: Path, state: tuple[int, int]) -> pa.Table:
    """Return a file's columns; they are asked for episode by episode, so one file is remembered, in one state."""
    del state
    return read_whole(path)


@dataclass(frozen=True, slots=True)
class FoundEpisode:
    """An episode whose rows are there."""

    number: int  # that it has among all whose rows are there, from 0; what the old table calls it
    source: int  # place of its data file among those that were found
    start: int  # number of its first row there
    length: int  # rows
    videos: Mapping[str, Place] = field(default_factory=dict)  # where its pictures are, by camera

    @property
    def rows(self) -> slice:
        """Its rows in its data file."""
        return slice(self.start, self.start + self.length)


@dataclass(frozen=True, slots=True, eq=False)
class RestoredEpisode:
    """An episode as it will be."""

    number: int  # of it
    first: int  # number of its first row in the dataset
    found: FoundEpisode  # where its rows and pictures are
    tasks: tuple[str, ...] = ()  # texts, in order of first appearance
    columns: Mapping[str, Any] = field(default_factory=dict)  # what its old row in the table says
    stats: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # entries by feature, as they are stored


@dataclass(frozen=True, slots=True, eq=False)
class RestoredFile:
    """A data file as it will be."""

    rows: FoundRows  # where its rows come from
    episodes: tuple[RestoredEpisode, ...]  # that are in it
    number: FileNumber | None  # of the file; None where it is named in a way of its own
    path: Path  # where it will be
    is_changed: bool  # whether its rows, their numbers or times are not those of the old file
    has_other_times: bool  # whether timestamps are replaced


@dataclass(frozen=True, slots=True, eq=False)
class RestoredTables:
    """The rows and the episode table of a dataset as they will be."""

    info: DatasetInfo  # as it was read
    layout: Layout  # of the dataset
    files: tuple[RestoredFile, ...]  # all data files, with all episodes
    types: Mapping[str, pa.DataType]  # of the old episode table's columns
    shortened: Mapping[Path, int] = field(default_factory=dict)  # videos, and how many pictures stay; 0: it leaves

    @property
    def episodes(self) -> list[RestoredEpisode]:
        """All of them, in order."""
        return [episode for file in self.files for episode in file.episodes]


@dataclass(frozen=True, slots=True, eq=False)
class Restoration:
    """Everything that is carried out; what is None stays as it is."""

    root: Path  # the dataset
    info: DatasetInfo | None = None  # ``info.json`` as it will be
    tables: RestoredTables | None = None  # data files and episode table
    tasks: Sequence[str] | None = None  # texts of v3.0, by number
    stats: Mapping[str, Any] | None = None  # the document of ``stats.json``
    moved: Mapping[Path, Path] = field(default_factory=dict)  # files that get other places
    removed: Sequence[Path] = ()  # files and folders that leave
