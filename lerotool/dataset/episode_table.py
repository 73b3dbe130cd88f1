"""The table of a dataset's episodes as one value, by columns; formats write it (`lerotool.dataset.formats`).

Columns are named as in v3.0, the format that has most of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.parquet import plain_array, plain_texts
from lerotool.errors import IncompatibleDatasetError
from lerotool.features import Feature, Kind, cameras
from lerotool.moments import STATISTICS, FeatureStats

CHUNK, FILE = "meta/episodes/chunk_index", "meta/episodes/file_index"
STATS_PREFIX = "stats/"
DATA_PREFIX = "data/"
_INTEGERS = ("length", "data/chunk_index", "data/file_index", "dataset_from_index", "dataset_to_index")

Ints = npt.NDArray[np.int64]


def video_prefix(key: str) -> str:
    """Return the prefix of a camera's columns."""
    return f"videos/{key}/"


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Something that is known about episodes."""

    # (E, *shape) numbers, or a value of each episode, null or None where it is not known.
    values: npt.NDArray[Any] | pa.Array | Sequence[Any]
    # (E,), which episodes have a value where ``values`` are numbers; None is all.
    known: npt.NDArray[np.bool_] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every episode has a value."""
        if isinstance(self.values, np.ndarray):
            return self.known is None or bool(self.known.all())
        if isinstance(self.values, pa.Array):
            return bool(self.values.null_count == 0)
        return all(value is not None for value in self.values)

    def tolist(self) -> list[Any]:
        """Return plain values, None where there is none."""
        if isinstance(self.values, pa.Array):
            return list(self.values.to_pylist())
        if not isinstance(self.values, np.ndarray):
            return list(self.values)
        values: list[Any] = self.values.tolist()
        if self.known is not None:
            values = [value if is_known else None for value, is_known in zip(values, self.known, strict=True)]
        return values

    def filled(self, others: Sequence[Any]) -> Column:
        """Return the column with other values where it has none."""
        if self.is_complete or not others:
            return self
        return Column([other if own is None else own for own, other in zip(self.tolist(), others, strict=True)])

    def array(self, data_type: pa.DataType | None = None) -> pa.Array:
        """Return the column of a table; lists within each other for more than one dimension."""
        if isinstance(self.values, np.ndarray):
            array = nested_array(self.values, None if self.known is None else ~self.known)
        elif isinstance(self.values, pa.Array):
            array = self.values
        else:
            return pa.array(self.values, data_type)
        return array if data_type is None else array.cast(data_type)


def nested_array(values: npt.NDArray[Any], is_null: npt.NDArray[np.bool_] | None = None) -> Any:
    """Return (E, a, b, …) numbers as an Arrow array of lists within each other; ``is_null`` is (E,)."""
    if is_null is not None and not is_null.any():
        is_null = None
    array: Any = plain_array(values.reshape(-1))
    if values.ndim == 1 and is_null is not None:
        return pa.array(values, mask=is_null)
    for axis in reversed(range(1, values.ndim)):
        lists = int(np.prod(values.shape[:axis]))
        offsets = plain_array((np.arange(lists + 1) * values.shape[axis]).astype(np.int32))
        mask = plain_array(is_null) if axis == 1 and is_null is not None else None
        array = pa.ListArray.from_arrays(offsets, array, mask=mask)
    return array


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One episode, for tables of few."""

    index: int  # number of the episode
    first: int  # number of its first frame in the dataset
    length: int  # frames
    tasks: tuple[str, ...]  # its task texts in order of first appearance
    data: FileNumber  # the data file it is in
    videos: Mapping[str, tuple[FileNumber, int]]  # by camera, the video file and the number of its first frame there
    stats: Mapping[str, FeatureStats]  # its statistics


StatsColumns = Mapping[str, Column]
"""By the names of `STATISTICS`; ``count`` is (E, 1)."""


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeTable:
    """Episodes that follow one another."""

    first: int  # number of the first
    first_index: int  # number of its first frame in the dataset
    lengths: Ints  # frames, (E,)
    tasks: Sequence[Sequence[str]]  # texts of each episode in order of first appearance
    places: Mapping[str, Column]  # the columns that name files and times in them, ``data/…`` and ``videos/…``
    stats: Mapping[str, StatsColumns]  # statistics by feature
    extra: Mapping[str, Column] = field(default_factory=dict)  # columns that LeRobot does not know

    def __len__(self) -> int:
        return len(self.lengths)

    @classmethod
    def of(cls, rows: Sequence[EpisodeRow], fps: float) -> EpisodeTable:
        """Return the table of some episodes, at least one, that follow one another."""
        lengths = np.array([row.length for row in rows], np.int64)
        places = data_places([row.data for row in rows])
        for key in rows[0].videos:
            places |= video_places(key, [row.videos[key] for row in rows], lengths, fps)
        stats = stats_columns([{name: entry.to_json() for name, entry in row.stats.items()} for row in rows])
        return cls(rows[0].index, rows[0].first, lengths, [row.tasks for row in rows], places, stats)

    def columns(self) -> dict[str, Column]:
        """Return all columns but those that name the table's own file, in LeRobot's order."""
        begins = self.first_index + np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)
        return {
            "episode_index": Column(np.arange(self.first, self.first + len(self), dtype=np.int64)),
            "tasks": Column(_lists(self.tasks)),
            "length": Column(self.lengths),
            **{name: column for name, column in self.places.items() if name.startswith(DATA_PREFIX)},
            "dataset_from_index": Column(begins[:-1]),
            "dataset_to_index": Column(begins[1:]),
            **{name: column for name, column in self.places.items() if not name.startswith(DATA_PREFIX)},
            **self.extra,
            **{
                f"{STATS_PREFIX}{name}/{statistic}": column
                for name, columns in self.stats.items()
                for statistic, column in columns.items()
            },
        }

    def arrow(self, schema: pa.Schema, number: FileNumber) -> pa.Table:
        """Return the table of an episodes file (v3.0)."""
        known = self.columns() | self.of_file(number)
        nothing = Column([None] * len(self))
        return pa.Table.from_arrays([known.get(f.name, nothing).array(f.type) for f in schema], schema=schema)

    def of_file(self, number: FileNumber) -> dict[str, Column]:
        """Return the columns that name the table's own file (v3.0)."""
        own = {CHUNK: number.chunk, FILE: number.file}
        return {name: Column(np.full(len(self), value, np.int64)) for name, value in own.items()}

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of ``episodes.jsonl`` (v2.x)."""
        extra = {name: column.tolist() for name, column in self.extra.items()}
        for place, (length, texts) in enumerate(zip(self.lengths.tolist(), self.tasks, strict=True)):
            line: dict[str, Any] = {"episode_index": self.first + place, "tasks": list(texts), "length": length}
            yield line | {name: values[place] for name, values in extra.items() if values[place] is not None}

    def stats_lines(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of ``episodes_stats.jsonl`` (v2.1); what is not known is left out."""
        shown = {
            name: {statistic: column.tolist() for statistic, column in columns.items()}
            for name, columns in self.stats.items()
        }
        for place in range(len(self)):
            entries = {
                name: {statistic: values[place] for statistic, values in columns.items() if values[place] is not None}
                for name, columns in shown.items()
            }
            stats = {name: entry for name, entry in entries.items() if entry}
            yield {"episode_index": self.first + place, "stats": stats}


def _lists(texts: Sequence[Sequence[str]]) -> Any:
    """Return texts as an Arrow array of lists, without pandas, which takes its time to import."""
    offsets = np.cumsum([0, *map(len, texts)]).astype(np.int32)
    return pa.ListArray.from_arrays(plain_array(offsets), plain_texts([text for own in texts for text in own]))


def data_places(numbers: Sequence[FileNumber | None]) -> dict[str, Column]:
    """Return the columns that name the data file of each episode, where it is known."""
    return _numbers(DATA_PREFIX, numbers)


def video_places(
    key: str,
    places: Sequence[tuple[FileNumber, int] | None],
    lengths: Ints,
    fps: float,
    times: npt.NDArray[np.float64] | None = None,
) -> dict[str, Column]:
    """Return the columns of a camera.

    `lengths`: of the episodes, (E,). `times`: when the first frame of each is shown, seconds,
    (E,); None is its number / fps.
    """
    starts = np.array([0 if place is None else place[1] for place in places], np.int64)
    known = _known(places)
    columns = _numbers(video_prefix(key), [None if place is None else place[0] for place in places])
    begins, ends = (starts / fps, (starts + lengths) / fps) if times is None else (times, times + lengths / fps)
    columns[f"{video_prefix(key)}from_timestamp"] = Column(begins, known)
    columns[f"{video_prefix(key)}to_timestamp"] = Column(ends, known)
    return columns


def _numbers(prefix: str, numbers: Sequence[FileNumber | None]) -> dict[str, Column]:
    known = _known(numbers)
    chunks = np.array([0 if number is None else number.chunk for number in numbers], np.int64)
    files = np.array([0 if number is None else number.file for number in numbers], np.int64)
    return {f"{prefix}chunk_index": Column(chunks, known), f"{prefix}file_index": Column(files, known)}


def _known(values: Sequence[object]) -> npt.NDArray[np.bool_] | None:
    known = np.array([value is not None for value in values], bool)
    return None if known.all() else known


def stats_columns(entries: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, StatsColumns]:
    """Return the statistics of episodes by columns."""
    columns: dict[str, StatsColumns] = {}
    for name in dict.fromkeys(name for entry in entries for name in entry):
        found = [entry.get(name, {}) for entry in entries]
        statistics = dict.fromkeys([*STATISTICS, *(statistic for own in found for statistic in own)])
        values = {statistic: [own.get(statistic) for own in found] for statistic in statistics}
        columns[name] = {s: Column(own) for s, own in values.items() if any(value is not None for value in own)}
    return columns


def stats_of_row(row: Iterable[tuple[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the statistics by feature that a row of a table has under the names of columns; nulls are left out."""
    entries: dict[str, dict[str, Any]] = {}
    for name, value in row:
        feature, _, statistic = name.removeprefix(STATS_PREFIX).rpartition("/")
        if name.startswith(STATS_PREFIX) and value is not None:
            entries.setdefault(feature, {})[statistic] = value
    return entries


def episodes_schema(features: Mapping[str, Feature], measured: Sequence[str]) -> pa.Schema:
    """Return the schema of an episodes file as LeRobot 0.6.1 writes it."""
    fields = [pa.field("episode_index", pa.int64()), pa.field("tasks", pa.list_(pa.string()))]
    fields += [pa.field(name, pa.int64()) for name in _INTEGERS]
    for key in cameras(features):
        prefix = video_prefix(key)
        fields += [pa.field(f"{prefix}{name}", pa.int64()) for name in ("chunk_index", "file_index")]
        fields += [pa.field(f"{prefix}{name}", pa.float64()) for name in ("from_timestamp", "to_timestamp")]
    for name in measured:
        depth = 1 if features[name].kind is Kind.NUMERIC else 3
        fields += statistics_fields(name, depth)
    return pa.schema([*fields, pa.field(CHUNK, pa.int64()), pa.field(FILE, pa.int64())])


def statistics_fields(feature: str, depth: int) -> list[pa.Field]:
    """Return the columns of a feature's statistics, lists within each other ``depth`` deep."""
    value: pa.DataType = pa.float64()
    for _ in range(depth):
        value = pa.list_(value)
    types = {"count": pa.list_(pa.int64())}
    return [pa.field(f"{STATS_PREFIX}{feature}/{s}", types.get(s, value)) for s in STATISTICS]


def fitted_schema(own: pa.Schema, first: pa.Schema, place: str) -> tuple[pa.Schema, list[str]]:
    """Return the schema of a new episodes file that goes with the dataset's first, and the columns it must do without.

    LeRobot joins all episodes files by the columns of the first: a later file may lack columns but must not have more.
    `IncompatibleDatasetError`: the first file lacks columns that a reader needs; the text starts with ``place``.
    """
    names = set(first.names)
    without = [name for name in own.names if name not in names]
    needed = [name for name in without if not name.startswith(STATS_PREFIX) and name not in (CHUNK, FILE)]
    if needed:
        raise IncompatibleDatasetError(
            f"{place}: the columns {needed} are missing, so nothing can be added to the dataset",
            hint="merge it into a new dataset instead",
        )
    return pa.schema([own.field(name) for name in first.names if name in own.names]), without
