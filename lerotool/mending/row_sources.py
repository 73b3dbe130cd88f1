"""The rows that there are: data files, closed or not, read by columns and put in their order; and whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.checking.rows import sum_up
from lerotool.dataset.parquet import column_names, open_parquet, plain_array, read_groups
from lerotool.dataset.reading.footerless import has_footer, read_footerless
from lerotool.errors import CorruptDatasetError
from lerotool.features import DEFAULT_FEATURES, Feature
from lerotool.rewriting.restoration import FoundEpisode, FoundRows

_EMPTY = pa.table(
    {name: plain_array(np.empty(0, np.float64 if name == "timestamp" else np.int64)) for name in DEFAULT_FEATURES}
)


def read_source(path: Path, features: Mapping[str, Feature], fps: float) -> FoundRows:
    """Read the columns that number and time the rows of a data file, closed or not; it may have no rows."""
    lost_bytes, recovered = None, None
    if has_footer(path):
        with open_parquet(path) as file:
            names = [name for name in DEFAULT_FEATURES if name in column_names(file, path)]
            table = read_groups(file, path, range(file.num_row_groups), names)
    else:
        found = read_footerless(path, features) if path.stat().st_size else None
        lost_bytes = 0 if found is None else found.lost_bytes
        table = recovered = _EMPTY if found is None or not found.groups else pa.concat_tables(found.groups)
    if "episode_index" not in table.column_names:
        raise CorruptDatasetError(f"{path}: the column 'episode_index' is missing")
    arrays = {name: _numbers(table, name, path) for name in DEFAULT_FEATURES if name in table.column_names}
    rows = np.arange(table.num_rows)
    order = None
    if sum_up(arrays, fps).is_permuted:
        order = np.argsort(arrays["index"], kind="stable")
        arrays = {name: values[order] for name, values in arrays.items()}
    starts = _starts(arrays["episode_index"])
    within = rows - np.repeat(starts, np.diff(np.append(starts, len(rows))))
    return FoundRows(
        path,
        arrays["episode_index"].astype(np.int64),
        arrays.get("frame_index", within).astype(np.int64),
        arrays.get("index", rows).astype(np.int64),
        arrays.get("task_index", np.zeros(len(rows))).astype(np.int64),
        arrays.get("timestamp", within / fps).astype(np.float64),
        frozenset(arrays),
        order,
        lost_bytes,
        recovered,
    )


def _numbers(table: pa.Table, name: str, path: Path) -> npt.NDArray[np.float64]:
    column = table[name]
    if column.null_count:
        raise CorruptDatasetError(f"{path}, column {name!r}: missing values: {column.null_count}")
    try:
        kind = pa.float64() if name == "timestamp" else pa.int64()
        return np.asarray(column.cast(kind).to_numpy())
    except MemoryError:
        raise
    except pa.ArrowException as error:
        raise CorruptDatasetError(f"{path}, column {name!r}: expected numbers: {error}") from error


def _starts(episodes: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Return where rows of another episode begin."""
    return np.flatnonzero(np.append(True, episodes[1:] != episodes[:-1])[: len(episodes)])


def episodes_in(sources: Sequence[FoundRows]) -> Iterator[FoundEpisode]:
    """Yield the rows that stand side by side with the same episode_index, under that number."""
    for which, source in enumerate(sources):
        starts = _starts(source.episodes)
        lengths = np.diff(np.append(starts, len(source)))
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
            yield FoundEpisode(int(source.episodes[start]), which, start, length)


def in_order(sources: Sequence[FoundRows]) -> list[FoundRows]:
    """Return sources in the order of their first episodes; where that does not tell, in the order given."""
    firsts = [int(source.episodes[0]) for source in sources if len(source)]
    if len(set(firsts)) < len(sources):
        return list(sources)
    return sorted(sources, key=lambda source: int(source.episodes[0]))
