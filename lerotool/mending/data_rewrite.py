"""Data files rewritten: rows in order, numbered and timed as LeRobot does, each file's measured times beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.arrow_types import value_type
from lerotool.checking.data import TOLERANCE_S
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import Layout
from lerotool.dataset.numbering import FileNumber, numbers_after
from lerotool.dataset.parquet import read_whole
from lerotool.dataset.writing.history import KeepingStaging
from lerotool.dataset.writing.staging import verify_rows
from lerotool.dataset.writing.tables import data_schema, default_columns
from lerotool.mending.row_sources import Source
from lerotool.mending.true_episodes import TrueEpisode, Truth

COUNTED = ("timestamp", "frame_index", "index")
"""Columns whose values follow from the place of a row in its episode."""
_NS = 1_000_000_000
_LATEST_S = 9e9
"""About what int64 nanoseconds hold: 285 years."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A data file of the repaired dataset."""

    source: Source  # the rows
    # That are in it, with their new numbers and the numbers of their first rows in the dataset.
    episodes: tuple[tuple[int, int, TrueEpisode], ...]
    number: FileNumber | None  # of the file; None where it is named in a way of its own
    path: Path  # where it will be
    is_changed: bool  # whether its rows, their numbers or times are not those of the old file
    has_other_times: bool  # whether timestamps are replaced


def new_files(truth: Truth, info: DatasetInfo, layout: Layout) -> list[NewFile]:
    """Return the data files that the repaired dataset has; those that stay as they are among them."""
    paths = [source.path for source in truth.sources]
    numbers = [_number(layout, path) for path in paths]
    is_ordered = info.codebase_version.has_files_of_episodes or (paths == sorted(paths) and None not in numbers)
    if not is_ordered:
        numbers = list(numbers_after(None, len(paths), info.chunks_size))
    files: list[NewFile] = []
    episode = frame = 0
    for which, source in enumerate(truth.sources):
        own = []
        for true in (true for true in truth.episodes if true.span.source == which):
            own.append((episode, frame, true))
            episode, frame = episode + 1, frame + true.span.length
        number, path = numbers[which], source.path
        if info.codebase_version.has_files_of_episodes and own:
            number = FileNumber(own[0][0] // info.chunks_size, own[0][0])
            path = layout.data_path(number.chunk, number.file)
        elif not is_ordered and number is not None:
            path = layout.data_path(number.chunk, number.file)
        has_other_times = any(_is_off_grid(source, true, info.fps) for _, _, true in own)
        wanted = {name for name in COUNTED if name in info.features}
        is_changed = has_other_times or not wanted <= source.columns or _is_changed(source, own)
        files.append(NewFile(source, tuple(own), number, path, is_changed, has_other_times))
    return files


def _number(layout: Layout, path: Path) -> FileNumber | None:
    found = layout.data_number(path)
    return None if found is None else FileNumber(*found)


def _is_off_grid(source: Source, true: TrueEpisode, fps: float) -> bool:
    times = source.times[true.span.start : true.span.start + true.span.length]
    grid = (np.arange(len(times)) / fps).astype(np.float32).astype(np.float64)
    return bool((~(np.abs(times - grid) < TOLERANCE_S)).any())


def _is_changed(source: Source, own: Sequence[tuple[int, int, TrueEpisode]]) -> bool:
    if source.recovered is not None or source.order is not None:
        return True
    if sum(true.span.length for _, _, true in own) != source.rows:
        return True
    for number, first, true in own:
        rows = slice(true.span.start, true.span.start + true.span.length)
        frames = np.arange(true.span.length)
        run = np.searchsorted(source.runs.start, true.span.start)
        is_one_run = run < len(source.runs) and source.runs.length[run] == true.span.length
        if not is_one_run or source.runs.episode[run] != number:
            return True
        if (source.frames[rows] != frames).any() or (source.index[rows] != first + frames).any():
            return True
    return False


def stage_data(files: Sequence[NewFile], info: DatasetInfo, layout: Layout, staging: KeepingStaging) -> None:
    """Stage the files that change or move, and the measured times that go with them."""
    for file in files:
        if not file.is_changed and file.path == file.source.path:
            continue
        _stage_timing(file, layout, staging)
        staging.remove(file.source.path)
        if not file.episodes:
            continue
        if file.is_changed:
            _stage(file, info, staging)
        else:
            staging.duplicate(file.source.path, file.path)


def _stage(file: NewFile, info: DatasetInfo, staging: KeepingStaging) -> None:
    table = file.source.table()
    if file.source.recovered is not None:
        schema = data_schema(info.features, sequence_type=info.codebase_version.list_type)
        table = table.replace_schema_metadata(schema.metadata)
    table = _with_counters(table, info)
    path = staging.file(file.path)
    rows = 0
    with path.open("wb") as sink, pq.ParquetWriter(sink, table.schema, compression="snappy") as writer:
        for number, first, true in file.episodes:
            part = table.slice(true.span.start, true.span.length)
            tasks = file.source.tasks[true.span.start : true.span.start + true.span.length]
            values = default_columns(true.span.length, info.fps, number, first, tasks.tolist())
            if not file.has_other_times and "timestamp" in file.source.columns:
                values.pop("timestamp")
            writer.write_table(_replaced(part, values), row_group_size=true.span.length)
            rows += true.span.length
    verify_rows(path, rows)


def _with_counters(table: pa.Table, info: DatasetInfo) -> pa.Table:
    """Return the table with a column of every counter that ``info.json`` declares; values come later."""
    for name in COUNTED:
        if name in info.features and name not in table.column_names:
            dtype = value_type(info.features[name].dtype)
            table = table.append_column(name, pa.array(np.zeros(table.num_rows), dtype))
    return table


def _replaced(table: pa.Table, values: Mapping[str, npt.NDArray[Any]]) -> pa.Table:
    for name, array in values.items():
        if name in table.column_names:
            place = table.column_names.index(name)
            field = table.schema.field(place)
            table = table.set_column(place, field, pa.array(array).cast(field.type, safe=False))
    return table


def _stage_timing(file: NewFile, layout: Layout, staging: KeepingStaging) -> None:
    """Carry the measured times along; timestamps that are replaced become some where there are none."""
    old, new = _number(layout, file.source.path) or file.number, file.number
    if old is None or new is None:
        return
    old_path, new_path = (layout.timing_path(number.chunk, number.file) for number in (old, new))
    table = None
    if old_path.is_file():
        table = read_whole(old_path)
        if table.num_rows != file.source.rows:
            return
        table = table if file.source.order is None else table.take(pa.array(file.source.order))
    elif file.has_other_times:
        # A damaged time can be anything.
        seconds = np.clip(np.nan_to_num(file.source.times.astype(np.float64)), -_LATEST_S, _LATEST_S)
        nanoseconds = np.rint(seconds * _NS).astype(np.int64)
        table = pa.table({"tick_ns": pa.array(nanoseconds)})
    if table is None or not file.episodes:
        staging.remove(old_path)
        return
    kept = [column for column in table.column_names if column not in ("episode_index", "frame_index")]
    parts = []
    for number, _, true in file.episodes:
        part = table.select(kept).slice(true.span.start, true.span.length)
        numbers = {
            "episode_index": pa.array([number] * true.span.length, pa.int64()),
            "frame_index": pa.array(range(true.span.length), pa.int64()),
        }
        columns = {**numbers, **{name: part[name] for name in kept}}
        parts.append(pa.table(columns))
    staging.write_table(new_path, pa.concat_tables(parts))
    staging.remove(old_path)
