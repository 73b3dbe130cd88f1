"""Which data file holds which rows of the dataset.

Every format lays the rows of the dataset end to end over its data files; an episode is never split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from lerotool.dataset.documents import RESTORE
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import Files, Layout, inside
from lerotool.dataset.parquet import open_parquet
from lerotool.dataset.reading.episodes import DataSpan
from lerotool.errors import CorruptDatasetError


@dataclass(frozen=True, slots=True, eq=False)
class DataFiles:
    """The data files in the order of their rows."""

    layout: Layout  # where they lie
    starts: np.ndarray  # first row of each in the dataset, and at the end the number of all rows: int64, (files + 1,)
    # Chunk and file number of each: int64, (files, 2); or None when their paths are known instead.
    numbers: np.ndarray | None
    paths: tuple[Path, ...] = ()  # their paths where they have no numbers

    @classmethod
    def of_episodes(cls, layout: Layout, starts: np.ndarray, numbers: np.ndarray, place: str) -> DataFiles:
        """Build from the file of every episode.

        `numbers`: chunk and file number of each episode's file: (episodes, 2).
        """
        changes = np.any(numbers[1:] != numbers[:-1], axis=1)
        firsts = np.flatnonzero(np.concatenate([[True], changes])) if len(numbers) else np.empty(0, np.int64)
        files = numbers[firsts]
        known, first_use = np.unique(files, axis=0, return_index=True)
        if len(known) != len(files):
            again = min(set(range(len(files))) - set(first_use.tolist()))
            chunk, file = files[again].tolist()
            raise CorruptDatasetError(
                f"{place}: episode {firsts[again]} continues file {file} of chunk {chunk} after others", hint=RESTORE
            )
        return cls(layout, np.append(starts[firsts], starts[-1]), files)

    @classmethod
    def by_path(cls, layout: Layout, rows: int) -> DataFiles:
        """Build from the files that are there, in the order of their paths, as LeRobot takes them."""
        paths = parquet_files(layout.files, Path("data"))
        counts = []
        for path in paths:
            with open_parquet(path) as file:
                counts.append(file.metadata.num_rows)
        starts = np.cumsum([0, *counts])
        if starts[-1] != rows:
            raise CorruptDatasetError(
                f"{layout.root / 'data'}: expected {rows} rows, found {starts[-1]} in {len(paths)} files",
                hint="restore the missing files, and move those away that do not belong there",
            )
        return cls(layout, starts, None, paths)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def find(self, row: int) -> int:
        """Return the number of the file that holds a row of the dataset."""
        return int(np.searchsorted(self.starts, row, side="right")) - 1

    def path(self, file: int) -> Path:
        """Return the path of a file; whether it exists is not checked."""
        if self.numbers is None:
            return self.paths[file]
        return self.layout.data_path(*self.numbers[file].tolist())

    def span(self, start: int, stop: int) -> DataSpan:
        """Return where the rows ``start`` to ``stop`` of the dataset lie, which must be in one file."""
        file = min(self.find(start), len(self) - 1)
        first = int(self.starts[file])
        if stop > self.starts[file + 1]:
            raise CorruptDatasetError(
                f"{self.path(file)}: ends before row {stop} of the dataset, in the middle of an episode"
            )
        chunk_index, file_index = (None, None) if self.numbers is None else self.numbers[file].tolist()
        return DataSpan(self.path(file), start - first, stop - first, chunk_index, file_index)


def parquet_files(files: Files, folder: Path) -> tuple[Path, ...]:
    """Return the parquet files two levels below a folder of the dataset, in the order of their paths.

    Hidden files are left out: macOS leaves such beside real ones on foreign disks.
    """
    found = files.glob(folder, "*/*.parquet")
    return tuple(inside(files.root, files.name(name)) for name in found if not PurePosixPath(name).name.startswith("."))


def check_totals(place: Path, info: DatasetInfo, starts: np.ndarray) -> None:
    """Refuse totals of ``info.json`` that the episode table contradicts; `starts` as in `EpisodeSource`."""
    for key, found in (("total_episodes", len(starts) - 1), ("total_frames", int(starts[-1]))):
        if info.states(key) and (stated := getattr(info, key)) != found:
            raise CorruptDatasetError(
                f"{place}: expected {stated} {key} as meta/info.json says, found {found}",
                hint="the dataset is incomplete: copy it again, or restore the file from a copy",
            )


def cumulated(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return where each part starts when the parts follow one another, and at the end the sum: int64, (n + 1,)."""
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts
