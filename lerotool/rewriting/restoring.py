"""Carries a restoration out: files are written beside the dataset, and staged for one commit that keeps the old ones.

Rows are in order, numbered and timed as LeRobot does; of the old table everything stays that still holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.arrow_types import value_type
from lerotool.dataset.episode_table import (
    CHUNK,
    FILE,
    STATS_PREFIX,
    Column,
    EpisodeTable,
    data_places,
    stats_columns,
    video_places,
)
from lerotool.dataset.formats import Sizes
from lerotool.dataset.info import write_info
from lerotool.dataset.layout import EPISODES, RECORDINGS, STATS, TASKS
from lerotool.dataset.parquet import read_whole
from lerotool.dataset.sidecar import timing_table
from lerotool.dataset.tasks import write_tasks
from lerotool.dataset.writing.history import KeepingStaging
from lerotool.dataset.writing.measures import measured
from lerotool.dataset.writing.staging import verify_rows
from lerotool.dataset.writing.tables import data_schema, data_table, default_columns
from lerotool.media.join import Piece, join_videos
from lerotool.rewriting.in_place import stage_new_files
from lerotool.rewriting.restoration import Restoration, RestoredFile, RestoredTables
from lerotool.rewriting.sidecar import Reports, reports_in, write_document

COUNTED = ("timestamp", "frame_index", "index")
"""Columns whose values follow from the place of a row in its episode."""
_NS = 1_000_000_000
_LATEST_S = 9e9
"""About what int64 nanoseconds hold: 285 years."""


def stage_restoration(work: Restoration, staging: KeepingStaging) -> None:
    """Write what becomes another and stage it, with what leaves; the caller holds the writing lock."""
    new = staging.make_folder("new")
    leaving = [*work.removed, *work.moved]
    for source, target in work.moved.items():
        staging.duplicate(source, target)
    if work.tables is not None:
        leaving += _write_data(work.tables, new, staging)
        leaving += _write_episodes(work.tables, new)
        leaving += _shorten_videos(work.tables, new)
    if work.tasks is not None:
        write_tasks(new / TASKS, work.tasks)
    if work.stats is not None:
        write_document(new / STATS, work.stats)
    if work.info is not None:
        write_info(new, work.info)
    staying = stage_new_files(new, work.root, staging)
    for path in leaving:
        if path not in staying:
            staging.remove(path)


def _place(new: Path, root: Path, path: Path) -> Path:
    """Return where a new file is written that will be at a path of the dataset."""
    place = new / path.relative_to(root)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _write_data(tables: RestoredTables, new: Path, staging: KeepingStaging) -> list[Path]:
    """Write data files that change and stage those that move, each with its measured times; return the old ones."""
    leaving = []
    for file in tables.files:
        if not file.is_changed and file.path == file.rows.path:
            continue
        leaving += [file.rows.path, *_write_timing(file, tables, new)]
        if file.episodes and file.is_changed:
            _write_rows(file, tables, _place(new, tables.layout.root, file.path))
        elif file.episodes:
            staging.duplicate(file.rows.path, file.path)
    return leaving


def _write_rows(file: RestoredFile, tables: RestoredTables, path: Path) -> None:
    info, table = tables.info, file.rows.table()
    schema = table.schema
    if file.rows.recovered is not None:
        usual = data_schema(info.features, sequence_type=info.codebase_version.list_type)
        schema = schema.with_metadata(usual.metadata)
    for name in COUNTED:
        if name in info.features and name not in schema.names:
            schema = schema.append(pa.field(name, value_type(info.features[name].dtype)))
    with path.open("wb") as sink, pq.ParquetWriter(sink, schema, compression="snappy") as writer:
        for episode in file.episodes:
            found = episode.found
            tasks = file.rows.tasks[found.rows].tolist()
            values = default_columns(found.length, info.fps, episode.number, episode.first, tasks)
            if not file.has_other_times and "timestamp" in file.rows.columns:
                values.pop("timestamp")
            part = data_table(table.slice(found.start, found.length), schema, values)
            writer.write_table(part, row_group_size=found.length)
    verify_rows(path, sum(episode.found.length for episode in file.episodes))


def _write_timing(file: RestoredFile, tables: RestoredTables, new: Path) -> list[Path]:
    """Carry the measured times along; timestamps that are replaced become some where there are none.

    Returns the old file of them, if it may leave.
    """
    layout, number = tables.layout, file.number
    found = layout.data_number(file.rows.path)
    if number is None:
        return []
    old = layout.timing_path(*(found or (number.chunk, number.file)))
    if (table := _measured_times(file, old)) is None:
        return []
    parts = [timing_table(e.number, e.found.length, table.slice(e.found.start, e.found.length)) for e in file.episodes]
    if parts:
        target = _place(new, layout.root, layout.timing_path(number.chunk, number.file))
        pq.write_table(pa.concat_tables(parts), target)
        verify_rows(target, sum(map(len, parts)))
    return [old]


def _measured_times(file: RestoredFile, path: Path) -> pa.Table | None:
    """Return the measured times of a file's rows; None where there are none, or they are those of other rows."""
    rows = file.rows
    if path.is_file():
        table = read_whole(path)
        if len(table) != len(rows):
            return None
        return table if rows.order is None else table.take(pa.array(rows.order))
    if not file.has_other_times:
        return None
    # A damaged time can be anything.
    seconds = np.clip(np.nan_to_num(rows.times), -_LATEST_S, _LATEST_S)
    return pa.table({"tick_ns": pa.array(np.rint(seconds * _NS).astype(np.int64))})


def _write_episodes(tables: RestoredTables, new: Path) -> list[Path]:
    """Write the episode table and the reports of recordings that go with it; return the old ones."""
    root, episodes = tables.layout.root, tables.episodes
    old = sorted((root / RECORDINGS).glob("*/*.jsonl"))
    known = reports_in(old)
    reports = Reports({e.number: known[e.found.number] for e in episodes if e.found.number in known}, new)
    with tables.info.codebase_version.write_episodes(new, Sizes(tables.info.chunks_size)) as writer:
        if episodes and (number := writer.add(_episode_table(tables))) is not None:
            reports.note(number, 0, len(episodes))
    reports.write()
    if tables.info.codebase_version.has_files_of_episodes:
        return []
    return [*old, *(root / EPISODES).glob("*/*.parquet")]


def _episode_table(tables: RestoredTables) -> EpisodeTable:
    """Return the new table: what is true of each episode, and all that its old row says besides."""
    info, episodes = tables.info, tables.episodes
    lengths = np.array([episode.found.length for episode in episodes], np.int64)
    places = data_places([file.number for file in tables.files for _ in file.episodes])
    for key in dict.fromkeys(key for episode in episodes for key in episode.found.videos):
        found = [episode.found.videos.get(key) for episode in episodes]
        places |= video_places(key, found, lengths, info.fps)
    names = dict.fromkeys(n for episode in episodes for n, value in episode.columns.items() if value is not None)
    old = {name: [episode.columns.get(name) for episode in episodes] for name in names}
    places = {name: column.filled(old.pop(name, ())) for name, column in places.items()}
    types = dict(tables.types)
    if not info.codebase_version.has_files_of_episodes:
        schema = info.codebase_version.episodes_schema(info.features, measured(info.features))
        types |= {field.name: field.type for field in schema}

    def typed(name: str, values: Sequence[Any]) -> Column:
        return Column(pa.array(values, types[name]) if name in types else values)

    stats = {
        name: {s: typed(f"{STATS_PREFIX}{name}/{s}", column.tolist()) for s, column in columns.items()}
        for name, columns in stats_columns([episode.stats for episode in episodes]).items()
    }
    table = EpisodeTable(0, 0, lengths, [episode.tasks for episode in episodes], places, stats)
    known = {*table.columns(), CHUNK, FILE}
    return replace(table, extra={name: typed(name, values) for name, values in old.items() if name not in known})


def _shorten_videos(tables: RestoredTables, new: Path) -> list[Path]:
    """Write the beginnings of videos whose other pictures are not needed; return those of which nothing is."""
    for path, frames in tables.shortened.items():
        if frames:
            join_videos([Piece(path, 0, frames)], _place(new, tables.layout.root, path), tables.info.fps)
    return [path for path, frames in tables.shortened.items() if not frames]
