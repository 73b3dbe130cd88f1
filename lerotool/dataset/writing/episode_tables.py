"""The episodes files of a dataset: one row per episode, columns as LeRobot's recorder writes them.

LeRobot joins all episodes files by the columns of the first. A later file may lack columns but must not have more, so
new files have the columns of the first one and no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lerotool.dataset.writing.numbering import FileNumber
from lerotool.errors import IncompatibleDatasetError
from lerotool.features import Feature, Kind, cameras
from lerotool.moments import QUANTILES, FeatureStats

CHUNK, FILE = "meta/episodes/chunk_index", "meta/episodes/file_index"
_STATISTICS = ("min", "max", "mean", "std", "count", *QUANTILES)
_INTEGERS = ("episode_index", "length", "data/chunk_index", "data/file_index", "dataset_from_index", "dataset_to_index")


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One row of an episodes table.

    Attributes:
        index: number of the episode.
        first: number of its first frame in the dataset.
        length: frames.
        tasks: its task texts in order of first appearance.
        data: the data file it is in.
        videos: by camera, the video file and the number of its first frame there.
        stats: its statistics.
    """

    index: int
    first: int
    length: int
    tasks: tuple[str, ...]
    data: FileNumber
    videos: Mapping[str, tuple[FileNumber, int]]
    stats: Mapping[str, FeatureStats]


def episodes_schema(features: Mapping[str, Feature], measured: Sequence[str]) -> pa.Schema:
    """Return the schema of an episodes file as LeRobot 0.6.1 writes it.

    Args:
        features: of the dataset.
        measured: the features that have statistics.
    """
    fields = [pa.field("episode_index", pa.int64()), pa.field("tasks", pa.list_(pa.string()))]
    fields += [pa.field(name, pa.int64()) for name in _INTEGERS[1:]]
    for key in cameras(features):
        fields += [pa.field(f"videos/{key}/{name}", pa.int64()) for name in ("chunk_index", "file_index")]
        fields += [pa.field(f"videos/{key}/{name}", pa.float64()) for name in ("from_timestamp", "to_timestamp")]
    for name in measured:
        value: pa.DataType = pa.list_(pa.float64())
        if features[name].kind is not Kind.NUMERIC:
            value = pa.list_(pa.list_(value))
        for statistic in _STATISTICS:
            fields.append(
                pa.field(f"stats/{name}/{statistic}", pa.list_(pa.int64()) if statistic == "count" else value)
            )
    return pa.schema([*fields, pa.field(CHUNK, pa.int64()), pa.field(FILE, pa.int64())])


def fitted_schema(own: pa.Schema, first: pa.Schema, place: str) -> tuple[pa.Schema, list[str]]:
    """Return the schema of a new episodes file that goes with the dataset's first, and the columns it must do without.

    Raises:
        IncompatibleDatasetError: the first file lacks columns that a reader needs; the text starts with ``place``.
    """
    names = set(first.names)
    without = [name for name in own.names if name not in names]
    needed = [name for name in without if not name.startswith("stats/") and name not in (CHUNK, FILE)]
    if needed:
        raise IncompatibleDatasetError(
            f"{place}: the columns {needed} are missing, so nothing can be added to the dataset",
            hint="merge it into a new dataset instead",
        )
    return pa.schema([own.field(name) for name in first.names if name in own.names]), without


def episodes_table(rows: Sequence[EpisodeRow], schema: pa.Schema, number: FileNumber, fps: float) -> pa.Table:
    """Return the table of an episodes file.

    Args:
        rows: in order.
        schema: its columns: `episodes_schema`, or fewer.
        number: of the file itself.
        fps: frames a second.
    """
    records = [_record(row, number, fps) for row in rows]
    return pa.Table.from_arrays([pa.array([r[f.name] for r in records], f.type) for f in schema], schema=schema)


def _record(row: EpisodeRow, number: FileNumber, fps: float) -> dict[str, Any]:
    record: dict[str, Any] = {
        "episode_index": row.index,
        "tasks": list(row.tasks),
        "length": row.length,
        "data/chunk_index": row.data.chunk,
        "data/file_index": row.data.file,
        "dataset_from_index": row.first,
        "dataset_to_index": row.first + row.length,
        CHUNK: number.chunk,
        FILE: number.file,
    }
    for key, (video, start) in row.videos.items():
        record[f"videos/{key}/chunk_index"] = video.chunk
        record[f"videos/{key}/file_index"] = video.file
        record[f"videos/{key}/from_timestamp"] = start / fps
        record[f"videos/{key}/to_timestamp"] = (start + row.length) / fps
    for name, stats in row.stats.items():
        record |= {f"stats/{name}/{statistic}": value for statistic, value in stats.to_json().items()}
    return record
