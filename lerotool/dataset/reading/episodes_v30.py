"""The episode table of v3.0: ``meta/episodes/*/*.parquet``, row e of all files in path order is episode e.

Statistics are most of these files. They are read when an episode is asked for them, one row group at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.documents import MOST, RESTORE
from lerotool.dataset.episode_table import CHUNK, FILE, STATS_PREFIX, stats_of_row
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import EPISODES, Layout
from lerotool.dataset.parquet import (
    column_names,
    joined_chunks,
    open_parquet,
    plain_values,
    read_groups,
    whole_numbers,
)
from lerotool.dataset.reading.datafiles import DataFiles, check_totals, cumulated, parquet_files
from lerotool.dataset.reading.episodes import DataSpan, VideoSpan
from lerotool.dataset.reading.statistics import parse_stats
from lerotool.errors import CorruptDatasetError
from lerotool.moments import FeatureStats

_DATA = ("data/chunk_index", "data/file_index")
_RANGE = ("dataset_from_index", "dataset_to_index")
_KNOWN = frozenset(["episode_index", "tasks", "length", CHUNK, FILE, *_DATA, *_RANGE])
_VIDEOS = "videos/"
_NEEDED = ("chunk_index", "file_index", "from_timestamp")
_LAST = "to_timestamp"
_OFF_GRID = 0.25
"""Frames that a start may lie beside the frame grid: LeRobot's converter drifts by a few thousandths."""


class TableEpisodes:
    """The episodes of a v3.0 dataset (`lerotool.dataset.reading.episodes.EpisodeSource`)."""

    def __init__(self, layout: Layout, info: DatasetInfo, find_tasks: Callable[[int], tuple[str, ...]]) -> None:
        self._layout = layout
        self._info = info
        self._find_tasks = find_tasks
        self._place = layout.root / EPISODES
        self._files = [_TableFile(path) for path in parquet_files(layout.files, EPISODES)]
        self._file_starts = cumulated([file.table.num_rows for file in self._files])
        if not self._files and (info.total_episodes or not info.states("total_episodes")):
            raise CorruptDatasetError(
                f"{self._place}: no parquet file was found: the episode table is missing",
                hint="the recording was stopped before it was written; restore it from a copy, or record again",
            )
        lengths = self._column("length")
        if lengths is None:
            path = next(file.path for file in self._files if "length" not in file.table.column_names)
            raise CorruptDatasetError(f"{path}: column 'length' is missing", hint=RESTORE)
        self.starts = cumulated(lengths)
        check_totals(self._place, info, self.starts)
        self._check_column("episode_index", np.arange(len(lengths)))
        for name, expected in zip(_RANGE, (self.starts[:-1], self.starts[1:]), strict=True):
            self._check_column(name, expected)
        numbers = [column for name in _DATA if (column := self._column(name)) is not None]
        self._numbers = np.stack(numbers, axis=1) if len(numbers) == len(_DATA) else None
        self._cached_group: tuple[_TableFile, int, pa.Table] | None = None
        # A parsed footer takes far more memory than the file it is of, so only the last one that was needed is kept.
        self._cached_footer: tuple[_TableFile, pq.FileMetaData] | None = None

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

    def videos(self, episode: int) -> Mapping[str, VideoSpan]:
        """Return where the episode's frames lie, by camera."""
        file, row = self._find(episode)
        length = int(self.starts[episode + 1] - self.starts[episode])
        known = [camera for camera in file.videos.fields if camera in self._info.features]
        return _Spans(known, lambda name: file.videos.span(self._layout, name, row, length, self._info.fps))

    def extra(self, episode: int) -> Mapping[str, Any]:
        """Return the columns of the row that LeRobot does not know."""
        file, row = self._find(episode)
        known = _KNOWN | file.videos.names
        return {name: file.table[name][row].as_py() for name in file.table.column_names if name not in known}

    def stats(self, episode: int) -> Mapping[str, FeatureStats]:
        """Return the statistics of the row, by feature; empty if the table has none."""
        file, row = self._find(episode)
        if not file.stats_columns:
            return {}
        group = int(np.searchsorted(file.group_starts, row, side="right")) - 1
        cached = self._cached_group
        if cached is None or cached[0] is not file or cached[1] != group:
            known = self._cached_footer
            with open_parquet(file.path, known[1] if known is not None and known[0] is file else None) as opened:
                self._cached_footer = (file, opened.metadata)
                cached = (file, group, read_groups(opened, file.path, [group], file.stats_columns))
                self._cached_group = cached
        within = row - int(file.group_starts[group])
        entries = stats_of_row((name, cached[2][name][within].as_py()) for name in file.stats_columns)
        return parse_stats(entries, f"{file.path}, row {row}")

    def _find(self, episode: int) -> tuple[_TableFile, int]:
        number = int(np.searchsorted(self._file_starts, episode, side="right")) - 1
        return self._files[number], episode - int(self._file_starts[number])


class _TableFile:
    """One file of the table: everything but the statistics, and where those are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_parquet(path) as file:
            names = column_names(file, path)
            self.stats_columns = [name for name in names if name.startswith(STATS_PREFIX)]
            groups = range(file.num_row_groups)
            self.table = read_groups(file, path, groups, [n for n in names if not n.startswith(STATS_PREFIX)])
            self.group_starts = cumulated([file.metadata.row_group(group).num_rows for group in groups])

    @cached_property
    def videos(self) -> _VideoColumns:
        """The columns that say where frames lie."""
        return _VideoColumns(self.table, self.path)


class _VideoColumns:
    """The columns ``videos/<camera>/…`` of one file, each read when it is asked for: one may be damaged alone."""

    def __init__(self, table: pa.Table, path: Path) -> None:
        self._table = table
        self._path = path
        self._read: dict[tuple[str, str], np.ndarray] = {}
        found = defaultdict(set)
        for name in table.column_names:
            if name.startswith(_VIDEOS):
                camera, _, field = name.removeprefix(_VIDEOS).rpartition("/")
                found[camera].add(field)
        # By camera, of those that have all it needs to find their frames.
        self.fields = {c: fields & {*_NEEDED, _LAST} for c, fields in found.items() if fields.issuperset(_NEEDED)}
        self.names = {f"{_VIDEOS}{camera}/{field}" for camera, fields in self.fields.items() for field in fields}

    def span(self, layout: Layout, camera: str, row: int, length: int, fps: float) -> VideoSpan:
        """Return where the frames of a row's episode lie."""
        start = float(self._values(camera, "from_timestamp")[row])
        frame = start * fps
        if not 0 <= frame < MOST or abs(frame - round(frame)) > _OFF_GRID:
            raise CorruptDatasetError(
                f"{self._path}, row {row}, camera {camera!r}: from_timestamp is {start}, "
                f"expected a multiple of 1/{fps} seconds",
                hint=RESTORE,
            )
        chunk, file = (int(self._values(camera, field)[row]) for field in ("chunk_index", "file_index"))
        stop = float(self._values(camera, _LAST)[row]) if _LAST in self.fields[camera] else start + length / fps
        return VideoSpan(layout.video_path(camera, chunk, file), round(frame), length, start, stop, chunk, file)

    def _values(self, camera: str, field: str) -> np.ndarray:
        if (camera, field) not in self._read:
            name = f"{_VIDEOS}{camera}/{field}"
            place = f"{self._path}, column {name!r}"
            read = _times if field.endswith("timestamp") else whole_numbers
            self._read[camera, field] = read(self._table[name], place)
        return self._read[camera, field]


def _times(column: pa.ChunkedArray, place: str) -> np.ndarray:
    if column.null_count:
        raise CorruptDatasetError(f"{place}: missing values: {column.null_count}", hint=RESTORE)
    try:
        return plain_values(joined_chunks(column).cast(pa.float64()), np.dtype(np.float64))
    except MemoryError:
        raise
    except pa.ArrowException as error:
        raise CorruptDatasetError(f"{place}: expected times in seconds: {error}", hint=RESTORE) from error


class _Spans(Mapping[str, VideoSpan]):
    """Where an episode's frames lie, by camera; what is wrong about one camera is raised when that one is asked for."""

    def __init__(self, cameras: Sequence[str], find: Callable[[str], VideoSpan]) -> None:
        self._cameras = cameras
        self._find = find

    def __getitem__(self, camera: str) -> VideoSpan:
        if camera not in self._cameras:
            raise KeyError(camera)
        return self._find(camera)

    def __iter__(self) -> Iterator[str]:
        return iter(self._cameras)

    def __len__(self) -> int:
        return len(self._cameras)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self._cameras)})"
