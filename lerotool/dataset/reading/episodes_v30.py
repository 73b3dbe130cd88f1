"""The episode table of v3.0: ``meta/episodes/*/*.parquet``, row e of all files in path order is episode e.

Statistics are most of these files. They are read when an episode is asked for them, one row group at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.documents import RESTORE
from lerotool.dataset.episode_table import STATS_PREFIX, stats_of_row
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import EPISODES, Layout
from lerotool.dataset.parquet import column_names, open_parquet, read_groups, whole_numbers
from lerotool.dataset.reading.datafiles import DataFiles, check_total, cumulated, parquet_files
from lerotool.dataset.reading.episodes import DataSpan, VideoSpan
from lerotool.dataset.reading.statistics import parse_stats
from lerotool.dataset.reading.video_spans import CameraColumns, CameraSpans
from lerotool.errors import CorruptDatasetError
from lerotool.moments import FeatureStats

_DATA = ("data/chunk_index", "data/file_index")
_RANGE = ("dataset_from_index", "dataset_to_index")
_KNOWN = frozenset(
    ["episode_index", "tasks", "length", "meta/episodes/chunk_index", "meta/episodes/file_index", *_DATA, *_RANGE]
)


@dataclass(frozen=True, slots=True, eq=False)
class _TableFile:
    """One file of the table: everything but the statistics, and where those are."""

    path: Path
    table: pa.Table
    stats_columns: tuple[str, ...]
    group_starts: np.ndarray


class TableEpisodes:
    """The episodes of a v3.0 dataset (`lerotool.dataset.reading.episodes.EpisodeSource`)."""

    def __init__(self, layout: Layout, info: DatasetInfo, find_tasks: Callable[[int], tuple[str, ...]]) -> None:
        self._layout = layout
        self._info = info
        self._find_tasks = find_tasks
        self._place = layout.root / EPISODES
        self._files = [_read_file(path) for path in parquet_files(layout.files, EPISODES)]
        self._file_starts = cumulated([file.table.num_rows for file in self._files])
        if not self._files and (info.total_episodes or not info.states("total_episodes")):
            raise CorruptDatasetError(
                f"{self._place}: no parquet file was found: the episode table is missing",
                hint="the recording was stopped before it was written; restore it from a copy, or record again",
            )
        self.starts = cumulated(self._require("length"))
        self._check()
        self._numbers = self._read_numbers()
        self._cached_group: tuple[int, int, pa.Table] | None = None
        # A parsed footer takes far more memory than the file it is of, so only the last one that was needed is kept.
        self._cached_footer: tuple[int, pq.FileMetaData] | None = None

    def _check(self) -> None:
        count = len(self.starts) - 1
        if self._info.states("total_episodes"):
            check_total(self._place, "total_episodes", self._info.total_episodes, count)
        if self._info.states("total_frames"):
            check_total(self._place, "total_frames", self._info.total_frames, int(self.starts[-1]))
        self._check_column("episode_index", np.arange(count))
        for name, expected in zip(_RANGE, (self.starts[:-1], self.starts[1:]), strict=True):
            self._check_column(name, expected)

    def _check_column(self, name: str, expected: np.ndarray) -> None:
        found = self._column(name)
        if found is not None and not np.array_equal(found, expected):
            row = int(np.flatnonzero(found != expected)[0])
            raise CorruptDatasetError(
                f"{self._place}, row {row}: expected {name} {expected[row]}, found {found[row]}",
                hint="episodes are missing, there twice, or not in order: restore the table from a copy of the dataset",
            )

    def _column(self, name: str) -> np.ndarray | None:
        """Return a column of whole numbers over all files, or None if not every file has it."""
        if not all(name in file.table.column_names for file in self._files):
            return None
        parts = [whole_numbers(file.table[name], f"{file.path}, column {name!r}") for file in self._files]
        return np.concatenate([np.empty(0, np.int64), *parts])

    def _require(self, name: str) -> np.ndarray:
        column = self._column(name)
        if column is None:
            path = next(file.path for file in self._files if name not in file.table.column_names)
            raise CorruptDatasetError(f"{path}: column {name!r} is missing", hint=RESTORE)
        return column

    def _read_numbers(self) -> np.ndarray | None:
        chunks, files = (self._column(name) for name in _DATA)
        return None if chunks is None or files is None else np.stack([chunks, files], axis=1)

    @cached_property
    def data_files(self) -> DataFiles:
        """The data files; found by their paths where the table does not name them."""
        if self._numbers is None:
            return DataFiles.by_path(self._layout, int(self.starts[-1]))
        return DataFiles.of_episodes(self._layout, self.starts, self._numbers, str(self._place))

    def data(self, episode: int) -> DataSpan:
        """Return where the episode's rows lie."""
        start, stop = self.starts[episode : episode + 2].tolist()
        return self.data_files.span(start, stop)

    def tasks(self, episode: int) -> tuple[str, ...]:
        """Return the episode's task texts, from the table or else from its rows."""
        file, row = self._find(episode)
        if "tasks" not in file.table.column_names:
            return self._find_tasks(episode)
        found = file.table["tasks"][row].as_py()
        tasks = [found] if isinstance(found, str) else [] if found is None else found
        if not isinstance(tasks, list) or not all(isinstance(task, str) for task in tasks):
            raise CorruptDatasetError(f"{file.path}, row {row}: 'tasks' is {found!r}, expected texts", hint=RESTORE)
        return tuple(tasks)

    @cached_property
    def _video_columns(self) -> list[CameraColumns]:
        return [CameraColumns(file.table, file.path) for file in self._files]

    def videos(self, episode: int) -> Mapping[str, VideoSpan]:
        """Return where the episode's frames lie, by camera."""
        number, row = self._find_number(episode)
        length = int(self.starts[episode + 1] - self.starts[episode])
        columns = self._video_columns[number]
        known = [camera for camera in columns.cameras if camera in self._info.features]
        return CameraSpans(known, lambda name: columns[name].span(self._layout, name, row, length, self._info.fps))

    def extra(self, episode: int) -> Mapping[str, Any]:
        """Return the columns of the row that LeRobot does not know."""
        number, row = self._find_number(episode)
        table = self._files[number].table
        videos = self._video_columns[number].names
        return {name: table[name][row].as_py() for name in table.column_names if name not in _KNOWN | videos}

    def stats(self, episode: int) -> Mapping[str, FeatureStats]:
        """Return the statistics of the row, by feature; empty if the table has none."""
        number, row = self._find_number(episode)
        file = self._files[number]
        if not file.stats_columns:
            return {}
        group = int(np.searchsorted(file.group_starts, row, side="right")) - 1
        if self._cached_group is None or self._cached_group[:2] != (number, group):
            known = self._cached_footer
            with open_parquet(file.path, known[1] if known is not None and known[0] == number else None) as opened:
                self._cached_footer = (number, opened.metadata)
                self._cached_group = (number, group, read_groups(opened, file.path, [group], file.stats_columns))
        table = self._cached_group[2]
        within = row - int(file.group_starts[group])
        entries = stats_of_row((name, table[name][within].as_py()) for name in file.stats_columns)
        return parse_stats(entries, f"{file.path}, row {row}")

    def _find(self, episode: int) -> tuple[_TableFile, int]:
        number, row = self._find_number(episode)
        return self._files[number], row

    def _find_number(self, episode: int) -> tuple[int, int]:
        number = int(np.searchsorted(self._file_starts, episode, side="right")) - 1
        return number, episode - int(self._file_starts[number])


def _read_file(path: Path) -> _TableFile:
    with open_parquet(path) as file:
        names = column_names(file, path)
        stats = tuple(name for name in names if name.startswith(STATS_PREFIX))
        wanted = [name for name in names if not name.startswith(STATS_PREFIX)]
        groups = range(file.num_row_groups)
        table = read_groups(file, path, groups, wanted)
        sizes = [file.metadata.row_group(group).num_rows for group in groups]
        return _TableFile(path, table, stats, cumulated(sizes))
