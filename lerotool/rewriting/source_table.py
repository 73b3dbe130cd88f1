"""What stands in a source's episode table and is taken over: picture statistics, columns that LeRobot does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.layout import EPISODES
from lerotool.dataset.parquet import arrow_schema, open_parquet
from lerotool.dataset.reading.datafiles import parquet_files
from lerotool.rewriting.row_stream import FileSlice, RowStream
from lerotool.rewriting.source import Source

Ints = npt.NDArray[np.int64]


def unknown_columns(source: Source) -> dict[str, pa.DataType]:
    """Return the columns of a source's episode table that LeRobot does not know, and their types."""
    episodes = source.dataset.episodes
    if not source.dataset.version.has_files_of_episodes:
        names = list(episodes[0].extra)
        if not names:
            return {}
        path = parquet_files(source.dataset.layout.files, EPISODES)[0]
        with open_parquet(path) as file:
            schema = arrow_schema(file, path)
            return {name: schema.field(name).type for name in names if name in schema.names}
    values: dict[str, list[object]] = {}
    for number in source.episodes.tolist():
        for name, value in episodes[number].extra.items():
            values.setdefault(name, []).append(value)
    return {name: pa.array(own).type for name, own in values.items()}


def read_episode_columns(source: Source, columns: Mapping[str, pa.DataType], episodes: Ints) -> dict[str, pa.Array]:
    """Return the unknown columns of some episodes of a source, with nulls where it has none."""
    if not columns:
        return {}
    extras = [source.dataset.episodes[number].extra for number in episodes.tolist()]
    return {name: pa.array([extra.get(name) for extra in extras], kind) for name, kind in columns.items()}


class EpisodeTableStream:
    """Gives wanted columns that a v3.0 source's episode table has, the chosen episodes in order, a few at a time."""

    def __init__(self, source: Source, wanted: Sequence[str]) -> None:
        paths = parquet_files(source.dataset.layout.files, EPISODES)
        rows, names = [], set(wanted)
        for path in paths:
            with open_parquet(path) as file:
                rows.append(file.metadata.num_rows)
                names &= set(arrow_schema(file, path).names)
        starts = np.cumsum([0, *rows])
        slices = []
        for first, stop in source.runs():
            for place, path in enumerate(paths):
                begin, end = max(first, int(starts[place])), min(stop, int(starts[place + 1]))
                if begin < end:
                    offset = int(starts[place])
                    slices.append(FileSlice(path, begin - offset, end - offset, rows[place]))
        self.names = [name for name in wanted if name in names]
        self._rows = RowStream(slices, self.names, {}) if self.names else None

    def take(self, count: int) -> pa.Table | None:
        """Return the next ``count`` episodes; None if the table has none of the columns."""
        return None if self._rows is None else self._rows.take(count)
