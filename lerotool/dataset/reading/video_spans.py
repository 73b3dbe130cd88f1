"""The columns ``videos/<camera>/…`` of a v3.0 episode table: where each episode's frames lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from lerotool.dataset.documents import MOST, RESTORE
from lerotool.dataset.layout import Layout
from lerotool.dataset.parquet import joined_chunks, plain_values, whole_numbers
from lerotool.dataset.reading.episodes import VideoSpan
from lerotool.errors import CorruptDatasetError

_PREFIX = "videos/"
_NEEDED = ("chunk_index", "file_index", "from_timestamp")
_LAST = "to_timestamp"
_OFF_GRID = 0.25
"""Frames that a start may lie beside the frame grid: LeRobot's converter drifts by a few thousandths."""


@dataclass(frozen=True, slots=True, eq=False)
class VideoColumns:
    """One camera's columns of one file of the table, one value per row."""

    path: Path  # the file, for messages
    names: tuple[str, ...]  # the columns
    chunk_index: np.ndarray  # int64
    file_index: np.ndarray  # int64
    from_timestamp: np.ndarray  # float64, seconds
    to_timestamp: np.ndarray | None  # float64, seconds; None if the file does not tell

    def span(self, layout: Layout, camera: str, row: int, length: int, fps: float) -> VideoSpan:
        """Return where the frames of a row's episode lie."""
        start = float(self.from_timestamp[row])
        frame = start * fps
        if not 0 <= frame < MOST or abs(frame - round(frame)) > _OFF_GRID:
            raise CorruptDatasetError(
                f"{self.path}, row {row}, camera {camera!r}: from_timestamp is {start}, "
                f"expected a multiple of 1/{fps} seconds",
                hint=RESTORE,
            )
        chunk_index, file_index = int(self.chunk_index[row]), int(self.file_index[row])
        stop = start + length / fps if self.to_timestamp is None else float(self.to_timestamp[row])
        path = layout.video_path(camera, chunk_index, file_index)
        return VideoSpan(path, round(frame), length, start, stop, chunk_index, file_index)


class CameraColumns:
    """Every camera's columns of one file of the table, each read when it is asked for: one may be damaged alone."""

    def __init__(self, table: pa.Table, path: Path) -> None:
        self._table = table
        self._path = path
        self._read: dict[str, VideoColumns] = {}
        found: dict[str, set[str]] = {}
        for name in table.column_names:
            if name.startswith(_PREFIX):
                camera, _, field = name.removeprefix(_PREFIX).rpartition("/")
                found.setdefault(camera, set()).add(field)
        self._fields = {camera: fields for camera, fields in found.items() if fields.issuperset(_NEEDED)}

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras that have all it needs to find their frames."""
        return tuple(self._fields)

    @property
    def names(self) -> frozenset[str]:
        """All columns of these cameras."""
        fields = {*_NEEDED, _LAST}
        return frozenset(f"{_PREFIX}{camera}/{f}" for camera, own in self._fields.items() for f in own & fields)

    def __getitem__(self, camera: str) -> VideoColumns:
        """Return a camera's columns."""
        if camera not in self._read:
            self._read[camera] = _columns(self._table, self._path, camera)
        return self._read[camera]


class CameraSpans(Mapping[str, VideoSpan]):
    """Where an episode's frames lie, by camera; what is wrong about one camera is raised when that one is asked for."""

    def __init__(self, cameras: Sequence[str], find: Callable[[str], VideoSpan]) -> None:
        self._cameras = cameras
        self._find = find

    def __getitem__(self, camera: str) -> VideoSpan:
        if camera not in self._cameras:
            raise KeyError(camera)
        return self._find(camera)

    def __iter__(self) -> Iterator[str]:
        return iter(self._cameras)

    def __len__(self) -> int:
        return len(self._cameras)

    def __repr__(self) -> str:
        return f"CameraSpans({list(self._cameras)})"


def _columns(table: pa.Table, path: Path, camera: str) -> VideoColumns:
    names = {field: f"{_PREFIX}{camera}/{field}" for field in (*_NEEDED, _LAST)}
    has_last = names[_LAST] in table.column_names
    return VideoColumns(
        path,
        tuple(name for name in names.values() if name in table.column_names),
        whole_numbers(table[names["chunk_index"]], f"{path}, column {names['chunk_index']!r}"),
        whole_numbers(table[names["file_index"]], f"{path}, column {names['file_index']!r}"),
        _times(table, names["from_timestamp"], path),
        _times(table, names[_LAST], path) if has_last else None,
    )


def _times(table: pa.Table, name: str, path: Path) -> np.ndarray:
    column = table[name]
    if column.null_count:
        raise CorruptDatasetError(f"{path}, column {name!r}: missing values: {column.null_count}", hint=RESTORE)
    try:
        return plain_values(joined_chunks(column).cast(pa.float64()), np.dtype(np.float64))
    except MemoryError:
        raise
    except pa.ArrowException as error:
        raise CorruptDatasetError(
            f"{path}, column {name!r}: expected times in seconds: {error}", hint=RESTORE
        ) from error
