"""The episode table rewritten, with everything of the old one that still holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lerotool.dataset.documents import read_lines
from lerotool.dataset.episode_table import (
    STATS_PREFIX,
    Column,
    EpisodeTable,
    data_places,
    stats_columns,
    stats_of_row,
    video_places,
)
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import EPISODE_LINES, EPISODE_STATS_LINES, EPISODES, RECORDINGS, Layout
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.parquet import read_whole
from lerotool.dataset.writing.history import KeepingStaging
from lerotool.dataset.writing.measures import measured
from lerotool.errors import DatasetError
from lerotool.features import Kind
from lerotool.mending.data_rewrite import NewFile
from lerotool.mending.lost_statistics import (
    Entry,
    PictureCall,
    Stats,
    column_entries,
    default_stats,
    measure_all,
    parsed,
)
from lerotool.mending.true_episodes import TrueEpisode
from lerotool.storage import json_lines


@dataclass(slots=True)
class OldRows:
    """What the old table says, by the episode's number."""

    plain: dict[int, dict[str, Any]] = field(default_factory=dict)  # all columns but the statistics
    stats: dict[int, dict[str, dict[str, Any]]] = field(default_factory=dict)  # entries of the statistics by feature
    types: dict[str, pa.DataType] = field(default_factory=dict)  # of the columns


def read_old_rows(root: Path, version: FormatVersion) -> OldRows:
    """Read what can be read of the old table; of several rows of an episode the first counts."""
    old = OldRows()
    if version.has_files_of_episodes:
        _read_lines(root, old)
        return old
    for path in sorted((root / EPISODES).glob("*/*.parquet")):
        if path.name.startswith("."):
            continue
        try:
            table = read_whole(path)
        except DatasetError:
            continue  # what is unreadable is a finding, and is rewritten
        for field_ in table.schema:
            old.types.setdefault(field_.name, field_.type)
        for row in table.to_pylist():
            _take_row(row, old)
    return old


def _take_row(row: Mapping[str, Any], old: OldRows) -> None:
    number = row.get("episode_index")
    number = len(old.plain) if number is None else int(number)
    if number in old.plain:
        return
    old.plain[number] = {name: value for name, value in row.items() if not name.startswith(STATS_PREFIX)}
    old.stats[number] = stats_of_row(row.items())


def _read_lines(root: Path, old: OldRows) -> None:
    for path, takes in ((root / EPISODE_LINES, old.plain), (root / EPISODE_STATS_LINES, old.stats)):
        try:
            for _, entry in read_lines(path) if path.is_file() else ():
                number = entry.get("episode_index")
                if isinstance(number, int) and number not in takes:
                    takes[number] = entry if takes is old.plain else dict(entry.get("stats") or {})
        except DatasetError:
            continue


@dataclass(frozen=True, slots=True, eq=False)
class NewRow:
    """An episode as the new table has it."""

    number: int  # its new number
    first: int  # number of its first row in the dataset
    true: TrueEpisode  # where rows and pictures are
    file: NewFile  # that has the rows
    tasks: tuple[str, ...]  # texts
    old: Mapping[str, Any]  # columns of the old row
    stats: Mapping[str, Mapping[str, Any]]  # as they are stored
    measured: Stats  # the statistics that could be understood, by feature


class Measured(Enum):
    """Which statistics of features are measured again."""

    NOTHING = auto()
    LOST_EPISODES = auto()
    """Those of episodes of which none is left."""
    COLUMNS = auto()
    """Those of all columns, and of pictures in videos where they cannot be read."""


def new_rows(
    info: DatasetInfo,
    layout: Layout,
    files: Sequence[NewFile],
    tasks: Mapping[int, str],
    old: OldRows,
    which: Measured,
    executor: Executor | None = None,
) -> list[NewRow]:
    """Return the episodes of the new table."""
    has_statistics = info.codebase_version.has_episode_statistics
    lost = {
        true.span.number: _lost(info, old.stats.get(true.span.number), which) if has_statistics else []
        for file in files
        for _, _, true in file.episodes
    }
    pictures = _measured_pictures(info, layout, files, lost, executor)
    rows: list[NewRow] = []
    for file in files:
        for number, first, true in file.episodes:
            before, span = true.span.number, true.span
            stats: dict[str, Entry] = dict(old.stats.get(before, {}))
            if lost[before]:
                table = file.source.table().slice(span.start, span.length)
                found = column_entries(info.features, table, lost[before]) | pictures.get(before, {})
                stats |= {name: found[name] for name in lost[before] if name in found}
            if (stats or before not in old.plain) and has_statistics:
                own = default_stats(info, file, number, first, true)
                is_same = before == number and not file.is_changed and which is not Measured.COLUMNS
                stats |= {n: e.to_json() for n, e in own.items() if n not in stats or not is_same}
            texts = dict.fromkeys(file.source.tasks[span.start : span.start + span.length].tolist())
            texts_of = tuple(tasks[task] for task in texts)
            rows.append(NewRow(number, first, true, file, texts_of, old.plain.get(before, {}), stats, parsed(stats)))
    return rows


def _lost(info: DatasetInfo, entries: Mapping[str, Any] | None, which: Measured) -> list[str]:
    """Return the features of an episode that are measured again."""
    if which is Measured.NOTHING or (which is Measured.LOST_EPISODES and entries is not None):
        return []
    known = parsed(entries or {})
    return [
        name
        for name in measured(info.features)
        if info.features[name].kind is not Kind.VIDEO
        or name not in known
        or known[name].mean.shape != info.codebase_version.statistics_shape(info.features[name])
    ]


def _measured_pictures(
    info: DatasetInfo,
    layout: Layout,
    files: Sequence[NewFile],
    lost: Mapping[int, Sequence[str]],
    executor: Executor | None,
) -> dict[int, dict[str, Entry]]:
    jobs: dict[tuple[int, str], PictureCall] = {}
    for true in (true for file in files for _, _, true in file.episodes):
        for name in set(lost[true.span.number]) & set(true.videos):
            number, start = true.videos[name]
            path = layout.video_path(name, number.chunk, number.file)
            jobs[true.span.number, name] = (path, start, true.span.length, info.fps, info.features[name])
    found: dict[int, dict[str, Entry]] = {}
    for (episode, name), entry in zip(jobs, measure_all(list(jobs.values()), executor), strict=True):
        found.setdefault(episode, {})[name] = entry
    return found


def stage_table(
    info: DatasetInfo, layout: Layout, rows: Sequence[NewRow], old: OldRows, staging: KeepingStaging
) -> None:
    """Stage the new table, and the reports of recordings that go with it."""
    if info.codebase_version.has_files_of_episodes:
        _stage_lines(layout.root, info, rows, staging)
        return
    root, target = layout.root, layout.episodes_path(0, 0)
    for path in sorted((root / EPISODES).glob("*/*.parquet")):
        staging.remove(path)
    if rows:
        staging.write_table(target, _arrow_table(rows, info, old))
    _stage_recordings(layout, rows, staging)


def _arrow_table(rows: Sequence[NewRow], info: DatasetInfo, old: OldRows) -> pa.Table:
    table = _episode_table(rows, info)
    own = info.codebase_version.episodes_schema(info.features, measured(info.features))
    columns = table.columns()
    # A table of which every file can be read keeps the columns that it has.
    names = [name for name in own.names if not name.startswith(STATS_PREFIX) or name in columns]
    fields = [own.field(name) for name in names]
    fields += [pa.field(n, t) for n, t in old.types.items() if n not in own.names and n in columns]
    return table.arrow(pa.schema(fields), FileNumber(0, 0))


def _episode_table(rows: Sequence[NewRow], info: DatasetInfo) -> EpisodeTable:
    """Return the new table: what is true of each episode, and all that its old row says besides."""
    lengths = np.array([row.true.span.length for row in rows], np.int64)
    places = data_places([row.file.number for row in rows])
    for key in dict.fromkeys(key for row in rows for key in row.true.videos):
        found = [row.true.videos.get(key) for row in rows]
        places |= video_places(key, found, lengths, info.fps)
    names = dict.fromkeys(n for row in rows for n, value in row.old.items() if value is not None)
    old = {name: [row.old.get(name) for row in rows] for name in names}
    places = {name: column.filled(old.pop(name, ())) for name, column in places.items()}
    table = EpisodeTable(0, 0, lengths, [row.tasks for row in rows], places, stats_columns([row.stats for row in rows]))
    known = table.columns()
    return replace(table, extra={name: Column(values) for name, values in old.items() if name not in known})


def _stage_recordings(layout: Layout, rows: Sequence[NewRow], staging: KeepingStaging) -> None:
    """One file of reports for the one file of the table, one line an episode."""
    files = sorted((layout.root / RECORDINGS).glob("*/*.jsonl"))
    reports: dict[int, dict[str, Any]] = {}
    for path in files:
        staging.remove(path)
        for _, entry in read_lines(path):
            if isinstance(entry.get("episode_index"), int):
                reports.setdefault(entry["episode_index"], entry)
    target = layout.recordings_path(0, 0)
    if files and rows:
        lines = [{**reports.get(row.true.span.number, {}), "episode_index": row.number} for row in rows]
        staging.write(target, json_lines(lines))


def _stage_lines(root: Path, info: DatasetInfo, rows: Sequence[NewRow], staging: KeepingStaging) -> None:
    table = _episode_table(rows, info)
    documents = {EPISODE_LINES: table.lines()}
    if info.codebase_version.has_episode_statistics and all(row.stats for row in rows):
        documents[EPISODE_STATS_LINES] = table.stats_lines()
    for name, lines in documents.items():
        staging.write(root / name, json_lines(lines))
