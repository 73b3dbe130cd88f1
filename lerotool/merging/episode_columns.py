"""Columns of episode tables that LeRobot does not know: they are kept, empty for sources that lack them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.layout import EPISODES
from lerotool.dataset.parquet import arrow_schema, open_parquet
from lerotool.dataset.reading.datafiles import parquet_files
from lerotool.merging.differences import Difference, Verdict, by_value
from lerotool.merging.options import MergeOptions
from lerotool.merging.rows import FileSlice, RowStream
from lerotool.merging.sources import Source

Ints = npt.NDArray[np.int64]


def settle_episode_columns(
    sources: Sequence[Source], options: MergeOptions
) -> tuple[dict[str, pa.DataType], list[Difference]]:
    """Return the unknown columns of all sources with one type for each, and where there is none."""
    found: dict[str, list[tuple[str, pa.DataType]]] = {}
    for source in sources:
        for name, data_type in _own_columns(source).items():
            if name not in options.drop:
                found.setdefault(name, []).append((source.label, data_type))
    settled: dict[str, pa.DataType] = {}
    differences = []
    for name, types in found.items():
        try:
            schemas = [pa.schema([(name, data_type)]) for _, data_type in types]
            settled[name] = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        except pa.ArrowException:
            shown = by_value((label, str(data_type)) for label, data_type in types)
            what = f"column {name!r} of the episode table"
            differences.append(Difference(what, shown, Verdict.OPEN, flags=(f"--drop {name}",)))
    return settled, differences


def _own_columns(source: Source) -> dict[str, pa.DataType]:
    episodes = source.dataset.episodes
    if not source.dataset.version.has_files_of_episodes:
        names = list(episodes[0].extra)
        if not names:
            return {}
        path = parquet_files(source.dataset.root, EPISODES)[0]
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
    """Gives columns of a v3.0 source's episode table, the chosen episodes in order, a few at a time.

    Args:
        source: the dataset.
        wanted: columns; those that the table does not have are left out.
    """

    def __init__(self, source: Source, wanted: Sequence[str]) -> None:
        paths = parquet_files(source.dataset.root, EPISODES)
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
