"""Statistics of a dataset written again: those of the episodes and those of the whole, in one commit.

v3.0 has them in the episodes table and in ``meta/stats.json``, v2.1 in ``meta/episodes_stats.jsonl``, v2.0 in
``meta/stats.json``. Nothing else changes: other columns, keys, row groups and features are carried over as they are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.documents import parse_object, read_object, whole_number
from lerotool.dataset.episode_table import STATS_PREFIX, nested_array, statistics_fields
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.layout import EPISODE_STATS_LINES, STATS
from lerotool.dataset.parquet import arrow_schema, open_parquet, read_groups
from lerotool.dataset.writing.staging import Staging, changing, verify_rows
from lerotool.dataset.writing.state import episodes_files
from lerotool.errors import IncompatibleDatasetError
from lerotool.moments import STATISTICS, FeatureStats
from lerotool.storage import SPARE_BYTES, check_space, json_bytes
from lerotool.workspace import Workspace


class EpisodeStatistics(Protocol):
    """Where the new statistics of episodes come from."""

    def values(self, feature: str, statistic: str, start: int, stop: int) -> npt.NDArray[Any]:
        """Return a statistic of the episodes ``start`` to ``stop``, (n, *shape); ``count`` is (n, 1)."""

    def is_measured(self, feature: str, start: int, stop: int) -> npt.NDArray[np.bool_]:
        """Return which of the episodes have statistics, (n,); the others keep what they have."""


@dataclass(frozen=True, slots=True)
class NewStatistics:
    """What is to be written."""

    dataset: Mapping[str, FeatureStats]  # of the whole, by feature
    episodes: EpisodeStatistics  # of the episodes, for the same features; not looked at where the format has none
    count: int  # how many episodes there are


def statistics_files(root: Path, version: FormatVersion) -> list[Path]:
    """Return the files that new statistics go into, whether they exist or not."""
    files = [root / STATS] if version.has_dataset_statistics else []
    if version.has_episode_statistics:
        files = [*([root / EPISODE_STATS_LINES] if version.has_files_of_episodes else episodes_files(root)), *files]
    return files


def write_statistics(
    root: Path, version: FormatVersion, new: NewStatistics, is_unchanged: Callable[[], bool]
) -> list[Path]:
    """Write new statistics in one commit; features that they do not name keep theirs.

    Returns the files that are new, below ``root`` as it was given. `OSError`: the disk is full or fails. The dataset is
    the old one, or the next writer makes it the new one.
    """
    workspace = Workspace(Path(os.path.abspath(root)))  # noqa: PTH100 - links must stay as they are
    with changing(workspace, "writing statistics"):
        if not is_unchanged():
            raise IncompatibleDatasetError(
                f"{str(root)!r} has changed while its statistics were taken", hint="run the same command again"
            )
        files = statistics_files(workspace.root, version)
        needed = SPARE_BYTES + sum(2 * path.stat().st_size for path in files if path.exists())
        check_space(workspace.root, needed, "writing statistics")
        with Staging(workspace) as staging:
            if version.has_episode_statistics and version.has_files_of_episodes:
                _stage_lines(workspace.root / EPISODE_STATS_LINES, new, staging)
            elif version.has_episode_statistics:
                _stage_tables(workspace.root, new, staging)
            if version.has_dataset_statistics:
                _stage_document(workspace.root / STATS, new.dataset, staging)
            staging.commit()
    return statistics_files(root, version)


def _stage_document(path: Path, stats: Mapping[str, FeatureStats], staging: Staging) -> None:
    document = read_object(path) if path.exists() else {}
    document |= {name: entry.to_json() for name, entry in stats.items()}
    # NaN as LeRobot writes it: a dataset with such numbers has such statistics.
    staging.write(path, json_bytes(document, allow_nan=True))


def _stage_lines(path: Path, new: NewStatistics, staging: Staging) -> None:
    with staging.file(path).open("w", encoding="utf-8", newline="\n") as target:
        written = set()
        for place, line in _lines(path):
            document = parse_object(line, place)
            episode = whole_number(document, "episode_index", place)
            if episode < new.count:
                written.add(episode)
                target.write(_line(episode, document, new))
        for episode in sorted(set(range(new.count)) - written):
            target.write(_line(episode, {"episode_index": episode}, new))


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield f"{path}, line {number}", line


def _line(episode: int, document: Mapping[str, Any], new: NewStatistics) -> str:
    stats = document.get("stats")
    entries = dict(stats) if isinstance(stats, dict) else {}
    for name in new.dataset:
        if new.episodes.is_measured(name, episode, episode + 1)[0]:
            entries[name] = {s: new.episodes.values(name, s, episode, episode + 1)[0].tolist() for s in STATISTICS}
    return json.dumps({**document, "stats": entries}, ensure_ascii=False) + "\n"


def _stage_tables(root: Path, new: NewStatistics, staging: Staging) -> None:
    first_episode = 0
    order: list[str] = []
    for path in episodes_files(root):
        with open_parquet(path) as file:
            schema = arrow_schema(file, path)
            # LeRobot takes the columns of the first file, in its order, for those of all.
            order = order or list(schema.names)
            target = _new_schema(schema, order, new)
            rows = file.metadata.num_rows
            staged = staging.file(path)
            with staged.open("wb") as sink, pq.ParquetWriter(sink, target, compression="snappy") as writer:
                for group in range(file.num_row_groups):
                    table = read_groups(file, path, [group], schema.names)
                    writer.write_table(_new_table(table, target, first_episode, new))
                    first_episode += table.num_rows
        verify_rows(staged, rows)


def _new_schema(schema: pa.Schema, order: Sequence[str], new: NewStatistics) -> pa.Schema:
    """Return a file's schema with all statistics of the new features, in the order of the first file's columns."""
    fields = {field.name: field for field in schema}
    for name, stats in new.dataset.items():
        fields |= {field.name: field for field in statistics_fields(name, stats.mean.ndim)}
    known = [name for name in order if name in fields]
    return pa.schema([fields[name] for name in dict.fromkeys([*known, *fields])], schema.metadata)


def _new_table(table: pa.Table, schema: pa.Schema, first: int, new: NewStatistics) -> pa.Table:
    columns = []
    for field in schema:
        name, _, statistic = field.name.removeprefix(STATS_PREFIX).rpartition("/")
        if not field.name.startswith(STATS_PREFIX) or name not in new.dataset:
            columns.append(table[field.name])
            continue
        stop = first + table.num_rows
        is_measured = new.episodes.is_measured(name, first, stop)
        values = new.episodes.values(name, statistic, first, stop)
        if is_measured.all():
            columns.append(nested_array(values).cast(field.type))
            continue
        old = table[field.name].to_pylist() if field.name in table.column_names else [None] * len(values)
        fresh = values.tolist()
        rows = [fresh[row] if is_new else old[row] for row, is_new in enumerate(is_measured)]
        columns.append(pa.array(rows, field.type))
    return pa.Table.from_arrays(columns, schema=schema)
