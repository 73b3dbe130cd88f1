"""The episode table written anew, with everything of the old one that still holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from lerotool.checking.repair.data import NewFile
from lerotool.checking.repair.episodes import TrueEpisode
from lerotool.checking.repair.kept import Keeper
from lerotool.checking.repair.measuring import Stats, all_stats, default_stats, parsed
from lerotool.checking.table import STATS_PREFIX
from lerotool.dataset.documents import read_lines
from lerotool.dataset.info import DatasetInfo, FormatVersion
from lerotool.dataset.layout import EPISODE_LINES, EPISODE_STATS_LINES, EPISODES, Layout
from lerotool.dataset.parquet import column_names, open_parquet, read_groups
from lerotool.dataset.writing.episode_tables import CHUNK, FILE, episodes_schema
from lerotool.dataset.writing.measures import measured
from lerotool.dataset.writing.staging import Staging
from lerotool.errors import DatasetError

RECORDINGS = Path("meta", "lerotool", "recordings")


@dataclass(slots=True)
class OldRows:
    """What the old table says, by the episode's number.

    Attributes:
        plain: all columns but the statistics.
        stats: entries of the statistics by feature.
        types: of the columns.
    """

    plain: dict[int, dict[str, Any]] = field(default_factory=dict)
    stats: dict[int, dict[str, dict[str, Any]]] = field(default_factory=dict)
    types: dict[str, pa.DataType] = field(default_factory=dict)


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
            with open_parquet(path) as file:
                names = column_names(file, path)
                table = read_groups(file, path, range(file.num_row_groups), names)
        except DatasetError:
            continue  # what is unreadable has been told, and is made anew
        for name in names:
            old.types.setdefault(name, table.schema.field(name).type)
        for row in table.to_pylist():
            _take_row(row, old)
    return old


def _take_row(row: Mapping[str, Any], old: OldRows) -> None:
    number = row.get("episode_index")
    number = len(old.plain) if number is None else int(number)
    if number in old.plain:
        return
    old.plain[number] = {name: value for name, value in row.items() if not name.startswith(STATS_PREFIX)}
    stats: dict[str, dict[str, Any]] = {}
    for name, value in row.items():
        feature, _, statistic = name.removeprefix(STATS_PREFIX).rpartition("/")
        if name.startswith(STATS_PREFIX) and value is not None:
            stats.setdefault(feature, {})[statistic] = value
    old.stats[number] = stats


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
    """An episode as the new table has it.

    Attributes:
        number: its new number.
        first: number of its first row in the dataset.
        true: where rows and pictures are.
        file: that has the rows.
        tasks: texts.
        old: columns of the old row.
        stats: as they are stored.
        measured: the statistics that could be understood, by feature.
    """

    number: int
    first: int
    true: TrueEpisode
    file: NewFile
    tasks: tuple[str, ...]
    old: Mapping[str, Any]
    stats: Mapping[str, Mapping[str, Any]]
    measured: Stats


def new_rows(
    info: DatasetInfo, layout: Layout, files: Sequence[NewFile], tasks: Mapping[int, str], old: OldRows
) -> list[NewRow]:
    """Return the episodes of the repaired dataset, measured where their statistics are lost.

    Raises:
        CorruptDatasetError: a column cannot be read.
        MediaError: pictures cannot be decoded.
    """
    rows: list[NewRow] = []
    for file in files:
        table = None
        for number, first, true in file.episodes:
            before = true.span.number
            stats: dict[str, Mapping[str, Any]] = dict(old.stats.get(before, {}))
            has_statistics = info.codebase_version is not FormatVersion.V20
            if before not in old.stats and has_statistics:
                table = file.source.table() if table is None else table
                stats |= {n: e.to_json() for n, e in all_stats(info, layout, true, table).items()}
            if (stats or before not in old.plain) and has_statistics:
                own = default_stats(info, file, number, first, true)
                is_same = before == number and not file.is_changed
                stats |= {n: e.to_json() for n, e in own.items() if n not in stats or not is_same}
            span = true.span
            texts = dict.fromkeys(file.source.tasks[span.start : span.start + span.length].tolist())
            texts_of = tuple(tasks[task] for task in texts)
            rows.append(NewRow(number, first, true, file, texts_of, old.plain.get(before, {}), stats, parsed(stats)))
    return rows


def stage_table(
    info: DatasetInfo, layout: Layout, rows: Sequence[NewRow], old: OldRows, staging: Staging, keeper: Keeper
) -> None:
    """Stage the new table, and the reports of recordings that go with it."""
    if info.codebase_version.has_files_of_episodes:
        _stage_lines(layout.root, info, rows, staging, keeper)
        return
    root, target = layout.root, layout.episodes_path(0, 0)
    for path in sorted((root / EPISODES).glob("*/*.parquet")):
        keeper.keep(path)
        if path != target:
            keeper.removals.append(path)
    records = [_record(row, info) for row in rows]
    own = episodes_schema(info.features, measured(info.features))
    known = set(own.names)
    # A table of which every file can be read keeps the columns that it has.
    names = [name for name in own.names if not name.startswith(STATS_PREFIX) or any(name in r for r in records)]
    fields = [own.field(name) for name in names]
    fields += [pa.field(n, t) for n, t in old.types.items() if n not in known and any(n in r for r in records)]
    schema = pa.schema(fields)
    columns = [pa.array([record.get(f.name) for record in records], f.type) for f in schema]
    staging.write_table(target, pa.Table.from_arrays(columns, schema=schema))
    _stage_recordings(layout, rows, staging, keeper)


def _record(row: NewRow, info: DatasetInfo) -> dict[str, Any]:
    span, data = row.true.span, row.file.number
    record: dict[str, Any] = {n: v for n, v in row.old.items() if v is not None and not n.startswith("videos/")}
    record |= {
        "episode_index": row.number,
        "tasks": list(row.tasks),
        "length": span.length,
        "dataset_from_index": row.first,
        "dataset_to_index": row.first + span.length,
        CHUNK: 0,
        FILE: 0,
    }
    if data is not None:
        record |= {"data/chunk_index": data.chunk, "data/file_index": data.file}
    for key, (number, start) in row.true.videos.items():
        record[f"videos/{key}/chunk_index"] = number.chunk
        record[f"videos/{key}/file_index"] = number.file
        record[f"videos/{key}/from_timestamp"] = start / info.fps
        record[f"videos/{key}/to_timestamp"] = (start + span.length) / info.fps
    for name, entry in row.stats.items():
        record |= {f"{STATS_PREFIX}{name}/{statistic}": value for statistic, value in entry.items()}
    return record


def _stage_recordings(layout: Layout, rows: Sequence[NewRow], staging: Staging, keeper: Keeper) -> None:
    """One file of reports for the one file of the table, one line an episode."""
    files = sorted((layout.root / RECORDINGS).glob("*/*.jsonl"))
    reports: dict[int, dict[str, Any]] = {}
    for path in files:
        keeper.keep(path)
        for _, entry in read_lines(path):
            if isinstance(entry.get("episode_index"), int):
                reports.setdefault(entry["episode_index"], entry)
    target = layout.recordings_path(0, 0)
    keeper.removals += [path for path in files if path != target]
    if files:
        lines = [{**reports.get(row.true.span.number, {}), "episode_index": row.number} for row in rows]
        staging.write(target, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())


def _stage_lines(root: Path, info: DatasetInfo, rows: Sequence[NewRow], staging: Staging, keeper: Keeper) -> None:
    table = [
        {**row.old, "episode_index": row.number, "tasks": list(row.tasks), "length": row.true.span.length}
        for row in rows
    ]
    documents = {EPISODE_LINES: table}
    if info.codebase_version is FormatVersion.V21 and all(row.stats for row in rows):
        documents[EPISODE_STATS_LINES] = [{"episode_index": row.number, "stats": row.stats} for row in rows]
    for name, lines in documents.items():
        keeper.keep(root / name)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        staging.write(root / name, text.encode())
