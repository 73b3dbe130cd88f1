"""The metadata files of a dataset that is written as a whole, in the formats v3.0 and v2.1.

Tables are written piece by piece, so that any number of episodes takes the same memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.info import DATA_PATH, INFO, VIDEO_PATH, DatasetInfo, FormatVersion
from lerotool.dataset.layout import (
    DATA_PATH_V21,
    EPISODES_PATH,
    STATS,
    TASK_LINES,
    TASKS,
    VIDEO_PATH_V21,
)
from lerotool.dataset.parquet import plain_array, plain_texts
from lerotool.dataset.writing.episode_tables import CHUNK, FILE
from lerotool.dataset.writing.fitting import TASK
from lerotool.dataset.writing.numbering import FileNumber, numbers_after
from lerotool.features import Feature, cameras
from lerotool.moments import FeatureStats

_MB = 1024**2


def whole_info(
    version: FormatVersion,
    fps: float,
    robot_type: str | None,
    features: Mapping[str, Feature],
    totals: tuple[int, int, int],
    sizes: tuple[int, float, float],
    extra: Mapping[str, Any],
) -> DatasetInfo:
    """Return the info of a complete dataset, with every key that LeRobot writes, in its order.

    Args:
        version: v3.0 or v2.1.
        fps: frames a second.
        robot_type: of the robot, if known.
        features: all, the default ones last.
        totals: numbers of episodes, frames and tasks.
        sizes: files (v2.1: episodes) of a chunk, and in v3.0 the limits of data and video files in MB.
        extra: further keys.
    """
    episodes, frames, tasks = totals
    videos = cameras(features)
    counts = {"total_episodes": episodes, "total_frames": frames, "total_tasks": tasks}
    splits = {"train": f"0:{episodes}"}
    if version is FormatVersion.V30:
        document: dict[str, Any] = {
            "codebase_version": version,
            "fps": fps,
            "features": dict(features),
            **counts,
            "chunks_size": sizes[0],
            "data_files_size_in_mb": sizes[1],
            "video_files_size_in_mb": sizes[2],
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH if videos else None,
            "robot_type": robot_type,
            "splits": splits,
        }
    else:
        document = {
            "codebase_version": version,
            "robot_type": robot_type,
            **counts,
            "total_videos": episodes * len(videos),
            "total_chunks": -(-episodes // sizes[0]),
            "chunks_size": sizes[0],
            "fps": fps,
            "splits": splits,
            "data_path": DATA_PATH_V21,
            "video_path": VIDEO_PATH_V21 if videos else None,
            "features": dict(features),
        }
    return DatasetInfo.model_validate({**extra, **document})


def write_info(root: Path, info: DatasetInfo) -> None:
    """Write ``info.json``.

    Raises:
        OSError: the disk is full or fails.
    """
    _write_json(root / INFO, info.to_json())


def write_stats(root: Path, stats: Mapping[str, FeatureStats]) -> None:
    """Write ``stats.json``, in the order given.

    Raises:
        OSError: the disk is full or fails.
    """
    _write_json(root / STATS, {name: entry.to_json() for name, entry in stats.items()})


def _write_json(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")


def write_all_tasks(root: Path, version: FormatVersion, tasks: Sequence[str]) -> None:
    """Write the task texts by number.

    Raises:
        OSError: the disk is full or fails.
    """
    (root / "meta").mkdir(parents=True, exist_ok=True)
    if version is FormatVersion.V30:
        _write_task_table(root / TASKS, tasks)
        return
    with LineWriter(root / TASK_LINES) as lines:
        lines.add({"task_index": number, "task": text} for number, text in enumerate(tasks))


def _write_task_table(path: Path, tasks: Sequence[str]) -> None:
    """Write the texts as pandas does with the text as the index, because LeRobot reads it so.

    pandas itself takes longer to import than a small merge does.
    """
    text = {"name": None, "field_name": None, "pandas_type": "unicode", "numpy_type": "object"}
    number = {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"}
    columns = [{**number, "metadata": None}, {**text, "name": TASK, "field_name": TASK, "metadata": None}]
    document = {
        "index_columns": [TASK],
        "column_indexes": [{**text, "metadata": {"encoding": "UTF-8"}}],
        "columns": columns,
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.2.0",
    }
    table = pa.table({"task_index": plain_array(np.arange(len(tasks))), TASK: plain_texts(tasks)})
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(document)}), path)


class LineWriter:
    """Writes a file of JSON lines as it goes; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("wb")
        return self

    def add(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Write some lines."""
        assert self._file is not None
        self._file.writelines(json.dumps(entry, ensure_ascii=False).encode() + b"\n" for entry in entries)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


class EpisodesWriter:
    """Writes the episode table of v3.0 into as many files as the size limit asks for; a context manager.

    Args:
        root: of the dataset.
        limit_mb: of a file, MB of 1024².
        chunks_size: files of a chunk.
    """

    def __init__(self, root: Path, limit_mb: float, chunks_size: int) -> None:
        self._root = root
        self._limit_bytes = limit_mb * _MB
        self._chunks_size = chunks_size
        self._number: FileNumber | None = None
        self._stack = ExitStack()
        self._file: BinaryIO | None = None
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def add(self, table: pa.Table) -> FileNumber:
        """Write rows, as one row group; return the number of their file.

        Args:
            table: of equal columns each time, without those that name the file itself: they are added here.
        """
        if self._file is not None and self._file.tell() >= self._limit_bytes:
            self._stack.close()
            self._writer = None
        if self._writer is None:
            (self._number,) = numbers_after(self._number, 1, self._chunks_size)
            path = self._root / EPISODES_PATH.format(chunk_index=self._number.chunk, file_index=self._number.file)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._stack.enter_context(path.open("wb"))
            fields = [*table.schema, pa.field(CHUNK, pa.int64()), pa.field(FILE, pa.int64())]
            writer = pq.ParquetWriter(self._file, pa.schema(fields), compression="snappy")
            self._writer = self._stack.enter_context(writer)
        assert self._number is not None
        for name, value in ((CHUNK, self._number.chunk), (FILE, self._number.file)):
            table = table.append_column(name, plain_array(np.full(table.num_rows, value, np.int64)))
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        return self._number

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
