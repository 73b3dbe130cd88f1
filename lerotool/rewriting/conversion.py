"""A source's columns in the target's form: dimensions in their places, units, types; and what must be true of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lerotool.arrow_types import arrow_type
from lerotool.dataset.documents import RESTORE
from lerotool.dataset.episode_table import nested_array
from lerotool.dataset.parquet import joined_chunks, plain_array
from lerotool.dataset.reading.columns import to_numpy
from lerotool.errors import CorruptDatasetError, IncompatibleDatasetError
from lerotool.features import Feature, Kind
from lerotool.rewriting.data_part import ColumnRule, DataPart, Rows

Ints = npt.NDArray[np.int64]
Values = npt.NDArray[Any]
TIME_TOLERANCE_S = 1e-3
"""How far a timestamp may be from frame number / fps and still mean the same; recorders round to float32."""


def converted(
    column: pa.ChunkedArray, part: DataPart, rule: ColumnRule, feature: Feature, rows: Rows
) -> tuple[Any, Values | None]:
    """Return a column as the target has it, and of numbers also the values: (n,) or (n, *shape).

    `CorruptDatasetError`: values are missing, do not fit the feature, or are not numbers.
    """
    if feature.kind is not Kind.NUMERIC:
        array = joined_chunks(column) if column.num_chunks != 1 else column.chunk(0)
        _check_complete(array, part, rule.original, feature)
        return array, None
    try:
        values = to_numpy(column, rule.original, part.features[rule.original])
    except CorruptDatasetError as error:
        raise CorruptDatasetError(f"{part.place}, {error}", hint=error.hint) from error
    _check_numbers(values, part, rule.original, rows)
    is_same = rule.places is None and rule.factors is None
    if is_same and column.type.equals(arrow_type(feature)):
        return joined_chunks(column), values
    if rule.factors is not None:
        values = values * np.array(rule.factors)
    if rule.places is not None:
        wide = np.zeros((len(values), *feature.shape), values.dtype)
        wide[:, list(rule.places)] = values
        values = wide
    values = values.astype(feature.dtype, copy=False)
    return to_arrow(values, feature), values


def to_arrow(values: Values, feature: Feature) -> pa.Array:
    """Return numbers, (n,) for scalars and (n, *shape) otherwise, in the Arrow type of their feature."""
    flat = plain_array(np.asarray(values, feature.dtype).reshape(-1))
    if feature.is_scalar:
        return flat
    if len(feature.shape) == 1:
        return pa.FixedSizeListArray.from_arrays(flat, feature.shape[0])
    return nested_array(values.astype(feature.dtype, copy=False))


def _check_complete(array: Any, part: DataPart, name: str, feature: Feature) -> None:
    if feature.kind is Kind.LANGUAGE:
        return
    missing = array.null_count
    if feature.kind is Kind.IMAGE and not missing and pa.types.is_struct(array.type):
        missing = pc.struct_field(array, "bytes").null_count
    if missing:
        what = "pictures" if feature.kind is Kind.IMAGE else "values"
        raise CorruptDatasetError(f"{part.place}, feature {name!r}: {missing} {what} are missing", hint=RESTORE)


def _check_numbers(values: Values, part: DataPart, name: str, rows: Rows) -> None:
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    row = int(np.argwhere(~np.isfinite(values))[0][0])
    raise CorruptDatasetError(
        f"{part.place}, {rows.place(row)}, feature {name!r}: a NaN or infinite number",
        hint="correct the values, or choose the other episodes: SOURCE:0-4,6-20",
    )


def check_rows(table: pa.Table, part: DataPart, rows: Rows) -> Ints:
    """Make sure that rows are those of the episodes they should be; return each row's task in the target.

    `CorruptDatasetError`: columns contradict the episode table, or a row has a task that is not there.
    `IncompatibleDatasetError`: timestamps are not those of the frames.
    """
    frames = rows.frame_index
    _check_equal(table, part, "episode_index", rows.episode_index)
    _check_equal(table, part, "frame_index", frames)
    if "timestamp" in table.column_names and not part.retime:
        times = to_numpy(table["timestamp"], "timestamp", part.features["timestamp"]).reshape(len(frames))
        off = np.abs(times - frames / part.fps)
        # Far into an episode float32 itself is less exact.
        if not (off <= TIME_TOLERANCE_S + np.abs(times) * 1e-6).all():
            row = int(np.flatnonzero(~(off <= TIME_TOLERANCE_S + np.abs(times) * 1e-6))[0])
            raise IncompatibleDatasetError(
                f"{part.place}, {rows.place(row)} has timestamp {times[row]:.6g}, "
                f"expected {frames[row] / part.fps:.6g} at {part.fps:g} frames per second",
                hint="--retime writes frame number / fps",
            )
    if "task_index" not in table.column_names:
        return np.full(len(frames), part.tasks[0], np.int64)
    own = to_numpy(table["task_index"], "task_index", part.features["task_index"]).reshape(len(frames))
    known = (own >= 0) & (own < len(part.tasks))
    if not known.all():
        raise CorruptDatasetError(
            f"{part.place}: a row has task {own[~known][0]}, but there are only {len(part.tasks)} tasks", hint=RESTORE
        )
    return np.asarray(part.tasks[own.astype(np.int64)])


def _check_equal(table: pa.Table, part: DataPart, name: str, expected: Ints) -> None:
    if name not in table.column_names:
        return
    found = to_numpy(table[name], name, part.features[name]).reshape(len(expected))
    if not np.array_equal(found, expected):
        row = int(np.flatnonzero(found != expected)[0])
        raise CorruptDatasetError(
            f"{part.place}: expected {name} {expected[row]} as the episode table says, found {found[row]}", hint=RESTORE
        )
