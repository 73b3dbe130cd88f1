"""What a writer must know of a v3.0 dataset before adding to it: counts, numbers in use, tasks, statistics."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.documents import read_object
from lerotool.dataset.episode_table import fitted_schema, video_prefix
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.info import DatasetInfo, load_info
from lerotool.dataset.layout import EPISODES, STATS, Layout
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.parquet import arrow_schema, open_parquet, read_whole, schema_of, whole_numbers
from lerotool.dataset.sidecar import committed_recordings
from lerotool.dataset.tasks import load_tasks
from lerotool.dataset.writing.measures import Stats, column_stats, measured
from lerotool.errors import CorruptDatasetError, MetadataError, UnsupportedVersionError
from lerotool.features import Feature, Kind, cameras
from lerotool.moments import STATISTICS, FeatureStats, merge_stats
from lerotool.wording import as_argument

Ints = npt.NDArray[np.int64]
_NUMBERED = re.compile(r"chunk-(\d+)/file-(\d+)\.\w+")


@dataclass(frozen=True, slots=True)
class WriterState:
    """A dataset as its writer sees it."""

    info: DatasetInfo  # of the dataset; its totals are those of the files
    layout: Layout  # where files lie
    tasks: tuple[str, ...]  # texts by number
    data: FileNumber | None  # number of the last data file, None if there is none; ``episodes`` likewise
    episodes: FileNumber | None
    videos: Mapping[str, FileNumber]  # number of the last video file, by camera
    stats: Mapping[str, FeatureStats]  # of all episodes, by feature
    columns: pa.Schema  # schema of the next episodes file
    # Entries of ``stats.json`` that belong to no measured feature, kept as they are.
    other_stats: Mapping[str, Any] = field(default_factory=dict)
    language: Mapping[str, pa.DataType] = field(default_factory=dict)  # types of the language columns
    recorded_ids: frozenset[str] = frozenset()  # recordings that the dataset contains
    warnings: tuple[str, ...] = ()  # what the user should know before adding to the dataset

    @property
    def features(self) -> Mapping[str, Feature]:
        """All features, the five default ones among them."""
        return self.info.features


def data_files(root: Path) -> list[Path]:
    """Return the data files as LeRobot finds and orders them."""
    return sorted((root / "data").glob("*/*.parquet"))


def episodes_files(root: Path) -> list[Path]:
    """Return the episodes files as LeRobot finds and orders them."""
    return sorted((root / EPISODES).glob("*/*.parquet"))


@dataclass(frozen=True, slots=True)
class Pointers:
    """What one episodes file says: the lengths of its episodes and, by column prefix, the files that they are in."""

    path: Path
    lengths: Ints
    files: Mapping[str, list[FileNumber]]
    starts: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    def touches(self, moves: Mapping[str, Mapping[FileNumber, Any]]) -> bool:
        """Whether one of its episodes is in a file that has moved."""
        return any(number in moved for prefix, moved in moves.items() for number in self.files.get(prefix, ()))


def read_pointers(root: Path, prefixes: Sequence[str]) -> list[Pointers]:
    """Read where the episodes lie, a value per episodes file, in order."""
    return [_read_pointers(path, prefixes) for path in episodes_files(root)]


def _read_pointers(path: Path, prefixes: Sequence[str]) -> Pointers:
    known = set(schema_of(path).names)
    present = [prefix for prefix in prefixes if {f"{prefix}chunk_index", f"{prefix}file_index"} <= known]
    starts = [prefix for prefix in present if f"{prefix}from_timestamp" in known]
    names = ["length", *(f"{p}{part}" for p in present for part in ("chunk_index", "file_index"))]
    table = read_whole(path, [*names, *(f"{prefix}from_timestamp" for prefix in starts)])

    def numbers(name: str) -> list[int]:
        values: list[int] = whole_numbers(table[name], f"{path}, column {name!r}").tolist()
        return values

    files = {
        p: [FileNumber(*n) for n in zip(numbers(f"{p}chunk_index"), numbers(f"{p}file_index"), strict=True)]
        for p in present
    }
    times = {p: table[f"{p}from_timestamp"].cast(pa.float64()).to_numpy() for p in starts}
    return Pointers(path, np.asarray(numbers("length"), dtype=np.int64), files, times)


def empty_state(root: Path, info: DatasetInfo) -> WriterState:
    """Return the state of a dataset that has no episodes."""
    columns = info.codebase_version.episodes_schema(info.features, measured(info.features))
    return WriterState(info, Layout.of(root, info), (), None, None, {}, {}, columns)


def read_state(root: Path) -> WriterState:
    """Read what a writer must know, and check that metadata and files agree."""
    info = load_info(root)
    info.codebase_version.check_is_known(root)
    if not info.codebase_version.can_grow:
        raise UnsupportedVersionError(
            f"{str(root)!r} has format {info.codebase_version}, only {FormatVersion.V30} can be written",
            hint="merge it into a new v3.0 dataset, or convert it with LeRobot's convert_dataset_v21_to_v30",
        )
    layout = Layout.of(root, info)
    last = _last_numbers(root, info)
    schema = _check_data(root, info)
    columns = info.codebase_version.episodes_schema(info.features, measured(info.features))
    without: list[str] = []
    files = episodes_files(root)
    if files:
        columns, without = fitted_schema(columns, schema_of(files[0]), str(files[0]))
    stats, other, doubts = _read_stats(root, info)
    return WriterState(
        info,
        layout,
        load_tasks(root, info),
        last.pop("data/", None),
        last.pop("meta/episodes/", None),
        last,
        stats,
        columns,
        other,
        _language(info, schema),
        committed_recordings(root),
        (*_missing_columns(without), *doubts),
    )


def _missing_columns(without: list[str]) -> list[str]:
    if not without:
        return []
    named = ", ".join(repr(name) for name in without[:3])
    text = (
        f"the dataset's episodes table lacks {len(without)} columns ({named}, …); new episodes do without them too, "
        "because LeRobot cannot load tables with more columns than the first"
    )
    return [text]


def _check_data(root: Path, info: DatasetInfo) -> pa.Schema | None:
    """Compare the rows of all data files with ``info.json``; return the schema of the last one."""
    rows, schema = 0, None
    for path in data_files(root):
        with open_parquet(path) as file:
            rows += file.metadata.num_rows
            schema = arrow_schema(file, path)
    if rows != info.total_frames:
        raise CorruptDatasetError(
            f"{str(root)!r}: the data files have {rows} rows, info.json says {info.total_frames} frames",
            hint=f"an interrupted recording, or a file that does not belong there: lerotool check {as_argument(root)}",
        )
    return schema


def _last_numbers(root: Path, info: DatasetInfo) -> dict[str, FileNumber]:
    """Return the highest numbers in tables and on the disk: ``data/``, ``meta/episodes/``, every camera."""
    found: dict[str, FileNumber] = {}

    def note(kind: str, number: FileNumber) -> None:
        found[kind] = max(found.get(kind, number), number)

    kinds = {"data/": "data/", "meta/episodes/": "meta/episodes/"}
    kinds |= {video_prefix(key): key for key in cameras(info.features)}
    pointers = read_pointers(root, list(kinds))
    for pointer in pointers:
        for prefix, numbers in pointer.files.items():
            if numbers:
                note(kinds[prefix], max(numbers))
    for prefix, kind in kinds.items():
        for path in (root / prefix).glob("chunk-*/file-*"):
            if (number := numbered(path)) is not None:
                note(kind, number)
    episodes = sum(len(pointer.lengths) for pointer in pointers)
    if episodes != info.total_episodes:
        raise CorruptDatasetError(
            f"{str(root)!r}: the episodes table has {episodes} rows, info.json says {info.total_episodes} episodes",
            hint=f"an interrupted recording: lerotool check {as_argument(root)}",
        )
    return found


def numbered(path: Path) -> FileNumber | None:
    """Return the number of a data, video or episodes file as LeRobot names it; None if it is named otherwise."""
    match = _NUMBERED.fullmatch(f"{path.parent.name}/{path.name}")
    return FileNumber(int(match[1]), int(match[2])) if match else None


def _language(info: DatasetInfo, schema: pa.Schema | None) -> dict[str, pa.DataType]:
    names = [name for name, feature in info.features.items() if feature.kind is Kind.LANGUAGE]
    return {name: schema.field(name).type for name in names if schema is not None and name in schema.names}


def _read_stats(root: Path, info: DatasetInfo) -> tuple[Stats, dict[str, Any], list[str]]:
    """Return the dataset's statistics, the entries that are none of ours, and what is unknown."""
    document = read_object(root / STATS) if (root / STATS).exists() else {}
    stats: Stats = {}
    unknown: list[str] = []
    for name in measured(info.features) if info.total_episodes else []:
        entry = _parse(document.get(name), info, name) or _restored(root, info, name)
        if entry is not None and entry.count > info.total_frames:
            # LeRobot's streaming encoder counts pixels, of all frames; only frames can be weighed against frames.
            entry = replace(entry, count=info.total_frames)
        if entry is None:
            unknown.append(name)
        else:
            stats[name] = entry
    other = {name: entry for name, entry in document.items() if name not in stats and name not in unknown}
    doubts = [f"the statistics of {unknown} are missing or not usable; stats.json will tell of the new episodes only"]
    return stats, other, doubts if unknown else []


def _parse(entry: object, info: DatasetInfo, name: str) -> FeatureStats | None:
    if not isinstance(entry, dict):
        return None
    try:
        stats = FeatureStats.from_json(entry)
    except MetadataError:
        return None
    return stats if stats.mean.shape == info.codebase_version.statistics_shape(info.features[name]) else None


def _restored(root: Path, info: DatasetInfo, name: str) -> FeatureStats | None:
    """Return a feature's statistics from the episodes' own, or from the data; None if neither is there."""
    parts: list[FeatureStats] = []
    for path in episodes_files(root):
        known = set(schema_of(path).names)
        names = [s for s in STATISTICS if f"stats/{name}/{s}" in known]
        table = read_whole(path, [f"stats/{name}/{s}" for s in names])
        rows = [dict(zip(names, row.values(), strict=True)) for row in table.to_pylist()]
        parts += [stats for row in rows if (stats := _parse(row, info, name))]
    if len(parts) == info.total_episodes:
        return merge_stats(parts)
    if info.features[name].kind is Kind.NUMERIC:
        return column_stats(data_files(root), name, info.features[name], info.fps)
    return None
