"""A column that comes to a dataset: values of a program or of a file, one for each row or one for each episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.arguments import as_instance
from lerotool.arrow_types import MAX_DIMENSIONS, is_list
from lerotool.dataset.dataset import Dataset
from lerotool.errors import UsageError
from lerotool.features import NUMERIC_DTYPES, Feature
from lerotool.wording import listed

Values = npt.NDArray[Any]
_FILES = (".npy", ".csv", ".parquet")


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column with all its values."""

    feature: Feature  # what it is
    values: Values  # (rows,) or (rows, *shape)


def column_of(
    dataset: Dataset, name: str, given: Values | Sequence[Any] | str | Path, names: Sequence[str] | None = None
) -> Column:
    """Return the column that values make.

    `names`: of the dimensions of a vector; None takes those that a file has.
    """
    if isinstance(given, str | Path):
        values, own_names = _read(Path(given), name)
        place = str(given)
    else:
        values, own_names = np.asarray(given), None
        place = "the values"
    values = _checked(values, place)
    names = own_names if names is None else list(as_instance("names", names, Sequence, "texts"))
    shape = values.shape[1:] or (1,)
    if names is not None and (len(names),) != shape:
        raise UsageError(f"{name!r} has the shape {list(shape)}, and {len(names)} names: {listed(names)}")
    rows, episodes = dataset.num_frames, dataset.num_episodes
    if len(values) == episodes and episodes != rows:
        values = np.repeat(values, dataset.episodes.lengths, axis=0)
    if len(values) != rows:
        raise UsageError(
            f"{place}: {len(values)} values, expected one for each of {rows} rows or of {episodes} episodes",
            hint="rows are those of the dataset in their order, by the column 'index'",
        )
    if shape == (1,):
        values = values.reshape(rows)
    return Column(Feature(values.dtype.name, shape, names), values)


def _checked(values: Values, place: str) -> Values:
    if values.dtype.name not in NUMERIC_DTYPES or not values.ndim:
        raise UsageError(f"{place}: values of type {values.dtype.name}, expected numbers, or true and false")
    if values.ndim > MAX_DIMENSIONS + 1 or 0 in values.shape:
        raise UsageError(f"{place}: values of shape {list(values.shape)} cannot be a column")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        place_of_it = int(np.argwhere(~np.isfinite(values))[0][0])
        raise UsageError(f"{place}: value {place_of_it} is NaN or infinite, and training fails on such")
    return values


def _read(path: Path, name: str) -> tuple[Values, list[str] | None]:
    """Return what a file has, and the names of its columns where several make a vector."""
    if path.suffix == ".npy":
        try:
            return np.load(path, allow_pickle=False), None
        except ValueError as error:
            raise UsageError(f"{path}: not an array of numbers: {error}") from None
    if path.suffix not in _FILES:
        raise UsageError(f"{path}: expected one of {', '.join(_FILES)}")
    table = _read_table(path)
    if name in table.column_names:
        return _numbers(table[name], path, name), None
    if table.num_columns == 1:
        return _numbers(table.column(0), path, table.column_names[0]), None
    if path.suffix == ".parquet":
        raise UsageError(f"{path}: no column {name!r}; it has {listed(table.column_names)}")
    found = [_numbers(table[each], path, each) for each in table.column_names]
    return np.stack(found, axis=1), list(table.column_names)


def _read_table(path: Path) -> pa.Table:
    try:
        if path.suffix == ".csv":
            from pyarrow import csv

            return csv.read_csv(path)
        import pyarrow.parquet as pq

        return pq.read_table(path)
    except pa.ArrowException as error:
        raise UsageError(f"{path}: {str(error).splitlines()[0]}") from None


def _numbers(column: pa.ChunkedArray, path: Path, name: str) -> Values:
    kind = column.type
    while is_list(kind):
        kind = kind.value_type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    if not is_number or column.null_count:
        what = f"missing values: {column.null_count}" if is_number else f"values of type {kind}"
        raise UsageError(f"{path}, column {name!r}: {what}, expected numbers, or true and false")
    try:
        return np.array(column.to_pylist(), dtype=kind.to_pandas_dtype())
    except (ValueError, TypeError):
        raise UsageError(f"{path}, column {name!r}: its rows differ in length, or values are missing") from None
