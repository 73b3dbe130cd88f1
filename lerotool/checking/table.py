"""The episode table of any format as plain columns, read as far as it can be, with every defect noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.checking.columns import check_plausible
from lerotool.checking.report import Gathering
from lerotool.dataset.documents import read_lines, whole_number
from lerotool.dataset.episode_table import STATS_PREFIX
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import EPISODE_LINES, EPISODES, inside
from lerotool.dataset.parquet import column_names, joined_chunks, open_parquet, plain_values, read_groups, whole_numbers
from lerotool.dataset.writing.state import numbered
from lerotool.errors import CorruptDatasetError, DatasetError
from lerotool.features import cameras
from lerotool.findings import Code, Loading
from lerotool.wording import counted

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CameraColumns:
    """Where the episodes' frames of one camera lie, by row of the table."""

    chunk: Ints  # int64; ``file`` likewise
    file: Ints  # of the video file
    start: Floats  # from_timestamp, seconds; NaN where it is missing
    stop: Floats  # to_timestamp; NaN where it is missing


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeTable:
    """The rows of the episode table, in the order in which LeRobot reads them."""

    numbers: Ints  # ``episode_index`` of each row
    lengths: Ints  # frames
    tasks: Sequence[tuple[str, ...]] | None = None  # texts of each row; None where the table does not tell
    # ``dataset_from_index`` and ``dataset_to_index``, (n, 2); None where the table does not tell.
    ranges: Ints | None = None
    data: Ints | None = None  # chunk and file number of the data file, (n, 2); None where the table does not tell
    videos: Mapping[str, CameraColumns] = field(default_factory=dict)  # by camera
    places: Sequence[str] = ()  # the file of each row, relative to the dataset
    rows: Sequence[int] = ()  # the row in that file (in JSON lines the line, from 1)
    columns: frozenset[str] = frozenset()  # all columns of all files

    def __len__(self) -> int:
        return len(self.numbers)

    def chosen(self, is_chosen: npt.NDArray[np.bool_]) -> EpisodeTable:
        """Return some of the rows."""
        kept = np.flatnonzero(is_chosen).tolist()
        videos = {
            camera: CameraColumns(c.chunk[kept], c.file[kept], c.start[kept], c.stop[kept])
            for camera, c in self.videos.items()
        }
        return replace(
            self,
            numbers=self.numbers[kept],
            lengths=self.lengths[kept],
            tasks=None if self.tasks is None else [self.tasks[row] for row in kept],
            ranges=None if self.ranges is None else self.ranges[kept],
            data=None if self.data is None else self.data[kept],
            videos=videos,
            places=[self.places[row] for row in kept],
            rows=[self.rows[row] for row in kept],
        )


def read_table(info: DatasetInfo, gathering: Gathering) -> EpisodeTable | None:
    """Read the episode table; None if there is none that could be used."""
    if info.codebase_version.has_files_of_episodes:
        return _read_lines(info, gathering)
    return _read_files(info, gathering)


def _read_lines(info: DatasetInfo, gathering: Gathering) -> EpisodeTable | None:
    path = gathering.root / EPISODE_LINES
    if not path.is_file():
        if info.total_episodes or not info.states("total_episodes"):
            gathering.add(Code.EPISODES_MISSING, path, "the file is missing")
            return None
        return EpisodeTable(np.empty(0, np.int64), np.empty(0, np.int64))
    entries: list[tuple[int, int, tuple[str, ...], int]] = []
    try:
        inside(gathering.root, EPISODE_LINES.as_posix())
        for line, (place, entry) in enumerate(read_lines(path), start=1):
            tasks = entry.get("tasks", [])
            tasks = [tasks] if isinstance(tasks, str) else tasks
            texts = tuple(map(str, tasks)) if isinstance(tasks, list) else ()
            entries.append(
                (whole_number(entry, "episode_index", place), whole_number(entry, "length", place), texts, line)
            )
    except DatasetError as error:
        gathering.add_error(Code.EPISODES_UNREADABLE, path, error)
        return None
    # LeRobot 0.3 sorts the lines; which of two for the same episode it takes is the last.
    seen: dict[int, tuple[int, int, tuple[str, ...], int]] = {}
    for number, length, texts, line in entries:
        if number in seen:
            text = f"episode {number} is there twice, in lines {seen[number][3]} and {line}"
            gathering.add(Code.EPISODES_ORDER, path, text, episodes=[number], row=line)
        seen[number] = (number, length, texts, line)
    rows = [seen[number] for number in sorted(seen)]
    name = gathering.name(path)
    return EpisodeTable(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        [row[2] for row in rows],
        places=[name] * len(rows),
        rows=[row[3] for row in rows],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    path: Path
    table: pa.Table
    names: tuple[str, ...]
    types: Mapping[str, pa.DataType]


def _read_files(info: DatasetInfo, gathering: Gathering) -> EpisodeTable | None:
    files: list[_File] = []
    is_whole = True
    for path in sorted((gathering.root / EPISODES).glob("*/*.parquet")):
        if path.name.startswith("."):
            text = "a hidden file, such as macOS leaves; LeRobot reads it as a part of the table"
            gathering.add(Code.EPISODES_STRAY, path, text)
            continue
        try:
            inside(gathering.root, path.relative_to(gathering.root).as_posix())
            files.append(_read_file(path))
        except DatasetError as error:
            gathering.add_error(Code.EPISODES_UNREADABLE, path, error)
            is_whole = False
    if not files and is_whole and not (info.total_episodes or not info.states("total_episodes")):
        return EpisodeTable(np.empty(0, np.int64), np.empty(0, np.int64))
    if not files:
        if is_whole:
            gathering.add(Code.EPISODES_MISSING, EPISODES.as_posix(), "no parquet file was found")
        return None
    files = _without_strays(files, gathering)
    _check_columns(files, info, gathering)
    return _joined(files, info, gathering) if is_whole else None


def _read_file(path: Path) -> _File:
    with open_parquet(path) as file:
        check_plausible(file, path)
        names = column_names(file, path)
        wanted = [name for name in names if not name.startswith(STATS_PREFIX)]
        schema = file.schema_arrow
        table = read_groups(file, path, range(file.num_row_groups), wanted)
        return _File(path, table, tuple(names), {name: schema.field(name).type for name in names})


def _without_strays(files: list[_File], gathering: Gathering) -> list[_File]:
    """Leave out files that are not named as LeRobot names them, if the table is complete without them."""
    numbers = [_numbers_of(file) for file in files]
    named = [place for place, file in enumerate(files) if numbered(file.path) is not None]
    if len(named) in (0, len(files)) or any(numbers[place] is None for place in named):
        return files
    joined = np.concatenate([values for place in named if (values := numbers[place]) is not None])
    if not np.array_equal(joined, np.arange(len(joined))):
        return files
    last = files[named[-1]]
    for place, file in enumerate(files):
        if place not in named:
            # Rows behind the last episode are never looked at; nor does it matter which of two equal rows is.
            is_harmless = place > named[-1] or file.table.equals(last.table)
            text = f"its rows are read as {counted(file.table.num_rows, 'episode')}"
            gathering.add(Code.EPISODES_STRAY, file.path, text, harms=Loading.RIGHT if is_harmless else Loading.WRONG)
    return [files[place] for place in named]


def _numbers_of(file: _File) -> Ints | None:
    try:
        return whole_numbers(file.table["episode_index"], str(file.path))
    except (KeyError, CorruptDatasetError):
        return None


def _check_columns(files: Sequence[_File], info: DatasetInfo, gathering: Gathering) -> None:
    first = set(files[0].names)
    for file in files[1:]:
        more = [name for name in file.names if name not in first]
        if more:
            text = f"{counted(len(more), 'column')} that {gathering.name(files[0].path)} has not: {', '.join(more[:3])}"
            gathering.add(Code.EPISODES_COLUMNS, file.path, text, column=more[0])
    names = {name for file in files for name in file.names}
    for name in ("length", "tasks", "dataset_from_index", "dataset_to_index"):
        if name not in names:
            # Without `tasks` and the ranges frames load; windows of frames, training and tools need them.
            harms = Loading.RIGHT if name == "tasks" else Loading.WRONG
            text = f"the column {name!r} is missing"
            gathering.add(Code.EPISODES_COLUMNS, files[0].path, text, column=name, harms=harms)
    _check_types(files, gathering)
    for camera in cameras(info.features):
        missing = [
            name
            for part in ("chunk_index", "file_index", "from_timestamp")
            if (name := f"videos/{camera}/{part}") not in names
        ]
        if missing:
            text = f"columns are missing: {', '.join(missing)}"
            # The file is asked for when the dataset is loaded, the time when a frame is.
            refused = Loading.REFUSED if missing[0].endswith("_index") else None
            gathering.add(Code.VIDEO_POINTER, files[0].path, text, column=missing[0], harms=refused)


def _check_types(files: Sequence[_File], gathering: Gathering) -> None:
    """LeRobot makes file names of these numbers with ``{:03d}``, which takes no float."""
    for file in files:
        floats = [
            name
            for name in file.names
            if name.startswith("videos/") and name.endswith("_index") and pa.types.is_floating(file.types[name])
        ]
        if floats:
            text = f"{', '.join(floats[:2])} are {file.types[floats[0]]}, expected int64"
            gathering.add(Code.EPISODES_COLUMNS, file.path, text, column=floats[0])


def _joined(files: Sequence[_File], info: DatasetInfo, gathering: Gathering) -> EpisodeTable | None:
    counts = [file.table.num_rows for file in files]
    total = sum(counts)
    names = {name for file in files for name in file.table.column_names}
    if "length" not in names:
        return None
    numbers = _column(files, "episode_index", whole_numbers, gathering)
    ranges = _pair(files, ("dataset_from_index", "dataset_to_index"), gathering)
    data = _pair(files, ("data/chunk_index", "data/file_index"), gathering)
    lengths = _column(files, "length", whole_numbers, gathering)
    if lengths is None and ranges is not None and (ranges[:, 1] >= ranges[:, 0]).all():
        lengths = ranges[:, 1] - ranges[:, 0]
    if lengths is None:
        return None
    return EpisodeTable(
        np.arange(total) if numbers is None else numbers,
        lengths,
        _tasks(files),
        ranges,
        data,
        {
            camera: columns
            for camera in cameras(info.features)
            if (columns := _camera(files, camera, gathering)) is not None
        },
        [gathering.name(file.path) for file in files for _ in range(file.table.num_rows)],
        [row for count in counts for row in range(count)],
        frozenset(name for file in files for name in file.names),
    )


def _column(
    files: Sequence[_File], name: str, read: Callable[[pa.ChunkedArray, str], np.ndarray], gathering: Gathering
) -> np.ndarray | None:
    """Return a column of all files; None where one lacks it, or has values that cannot be."""
    if not all(name in file.table.column_names for file in files):
        return None
    parts = []
    for file in files:
        try:
            parts.append(read(file.table[name], str(file.path)))
        except CorruptDatasetError as error:
            # What LeRobot does with it depends on the column.
            harms = Loading.RIGHT if name == "length" or name.startswith("data/") else None
            if name.startswith("videos/") and name.endswith("_index"):
                harms = Loading.REFUSED
            text = str(error).removeprefix(f"{file.path}: ")
            gathering.add(Code.EPISODES_VALUES, file.path, text, column=name, harms=harms)
            return None
    return np.concatenate(parts)


def _seconds(column: pa.ChunkedArray, place: str) -> Floats:
    try:
        values = joined_chunks(column).cast(pa.float64()).fill_null(np.nan)
    except MemoryError:
        raise
    except pa.ArrowException as error:
        raise CorruptDatasetError(f"{place}: expected seconds: {error}") from error
    return plain_values(values, np.dtype(np.float64))


def _pair(files: Sequence[_File], names: tuple[str, str], gathering: Gathering) -> Ints | None:
    first, second = (_column(files, name, whole_numbers, gathering) for name in names)
    return None if first is None or second is None else np.stack([first, second], axis=1)


def _tasks(files: Sequence[_File]) -> list[tuple[str, ...]] | None:
    if not all("tasks" in file.table.column_names for file in files):
        return None
    values: list[Any] = [value for file in files for value in file.table["tasks"].to_pylist()]
    return [
        (value,) if isinstance(value, str) else tuple(map(str, value)) if isinstance(value, list) else ()
        for value in values
    ]


def _camera(files: Sequence[_File], camera: str, gathering: Gathering) -> CameraColumns | None:
    place = f"videos/{camera}/"
    numbers = _pair(files, (f"{place}chunk_index", f"{place}file_index"), gathering)
    start = _column(files, f"{place}from_timestamp", _seconds, gathering)
    if numbers is None or start is None:
        return None
    stop = _column(files, f"{place}to_timestamp", _seconds, gathering)
    return CameraColumns(numbers[:, 0], numbers[:, 1], start, np.full(len(start), np.nan) if stop is None else stop)
