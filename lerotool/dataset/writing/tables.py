"""The data table of an episode, as LeRobot's recorder writes it: a row per frame, a column per feature but videos.

Arrow types are those of `lerotool.arrow_types`; language columns, whose type differs from file to file, keep the type
that the dataset's files have. The five default columns are made here: ``timestamp`` is float32(frame_index / fps),
``index`` runs over the whole dataset, ``task_index`` is the task of each single frame.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lerotool.arrow_types import arrow_field, arrow_type, hf_feature, is_list
from lerotool.errors import IncompatibleDatasetError
from lerotool.features import Feature, Kind, columns

Values = npt.NDArray[Any]


def data_schema(
    features: Mapping[str, Feature], language: Mapping[str, pa.DataType] | None = None, *, sequence_type: str = "List"
) -> pa.Schema:
    """Return the schema of a data file, in the order of ``info.json``."""
    language = language or {}
    fields = [
        pa.field(name, language.get(name, pa.null()))
        if features[name].kind is Kind.LANGUAGE
        else arrow_field(name, features[name])
        for name in columns(features)
    ]
    if language:
        # `datasets` has no entry for such a column; without the key it goes by the Arrow types.
        return pa.schema(fields)
    entries = {name: hf_feature(features[name], sequence_type=sequence_type) for name in columns(features)}
    fingerprint = hashlib.sha256(json.dumps(entries).encode()).hexdigest()[:16]
    document = json.dumps({"info": {"features": entries}, "fingerprint": fingerprint}, ensure_ascii=False)
    return pa.schema(fields, {"huggingface": document})


def data_table(rows: pa.Table, schema: pa.Schema, defaults: Mapping[str, Values]) -> pa.Table:
    """Return the data table of one episode."""
    arrays: list[pa.Array] = []
    for field in schema:
        if field.name in defaults:
            arrays.append(pa.array(defaults[field.name], field.type))
        elif field.name in rows.column_names:
            arrays.append(_retyped(rows.column(field.name), field.type))
        else:
            arrays.append(_empty_lists(field.type, rows.num_rows))
    return pa.Table.from_arrays(arrays, schema=schema)


def default_columns(
    length: int, fps: float, episode: int, first_index: int, task_indices: Sequence[int]
) -> dict[str, Values]:
    """Return the values of the five default columns; ``timestamp`` in float64, not yet rounded."""
    frames = np.arange(length, dtype=np.int64)
    return {
        "timestamp": frames / fps,
        "frame_index": frames,
        "episode_index": np.full(length, episode, dtype=np.int64),
        "index": first_index + frames,
        "task_index": np.asarray(task_indices, dtype=np.int64),
    }


def column_values(column: pa.ChunkedArray | pa.Array, feature: Feature) -> Values:
    """Return a numeric column as numpy, (N,) for scalars and (N, *shape) otherwise, in the feature's dtype."""
    array = _combined(column)
    if isinstance(array, pa.ExtensionArray):
        array = array.storage  # a process that has imported LeRobot reads arrays as types of `datasets`
    shape = () if feature.is_scalar else feature.shape
    count = len(array)
    for size in shape:
        if array.null_count:
            raise ValueError("nulls")
        if not pa.types.is_fixed_size_list(array.type):
            lengths = pc.list_value_length(array)
            if len(lengths) and pc.min_max(lengths).as_py() != {"min": size, "max": size}:
                raise ValueError(f"lists of other lengths than {size}")
        array = array.flatten()
    if array.null_count:
        raise ValueError("nulls")
    values: Values = array.to_numpy(zero_copy_only=False)
    if values.size != count * math.prod(shape):
        raise ValueError(f"{values.size} values, expected {count * math.prod(shape)}")
    return values.reshape(count, *shape).astype(feature.dtype, copy=False)


def column_problems(rows: pa.Table, name: str, feature: Feature) -> list[str]:
    """Return what is wrong with one recorded column: type, shape, nulls, numbers that are none."""
    column = rows.column(name)
    if feature.kind is Kind.LANGUAGE:
        return []
    try:
        expected = arrow_type(feature)
    except IncompatibleDatasetError as error:
        return [f"{name!r}: {error}"]
    if _leaves(column.type) != _leaves(expected):
        return [f"{name!r} is {column.type}, expected {expected}"]
    if column.null_count:
        return [f"{name!r} has {column.null_count} rows without a value"]
    if feature.kind is Kind.IMAGE:
        missing = pc.struct_field(_combined(column), "bytes").null_count
        return [f"{name!r} has {missing} rows without a picture"] if missing else []
    if feature.kind is Kind.STRING:
        return _string_problems(_combined(column), name, feature)
    try:
        values = column_values(column, feature)
    except ValueError as error:
        return [f"{name!r} has {error}, expected {feature.dtype} of shape {feature.shape} in every row"]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        return [f"{name!r} holds a NaN or infinite number, first in row {row}"]
    return []


def _string_problems(array: pa.Array, name: str, feature: Feature) -> list[str]:
    if feature.is_scalar:
        return []
    if not pa.types.is_fixed_size_list(array.type):
        lengths = pc.list_value_length(array)
        if len(lengths) and pc.min_max(lengths).as_py() != {"min": feature.shape[0], "max": feature.shape[0]}:
            return [f"{name!r} has lists of other lengths than {feature.shape[0]}"]
    return [f"{name!r} has lists with missing texts"] if array.flatten().null_count else []


def _combined(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _leaves(data_type: pa.DataType) -> object:
    """Return a type without the difference between kinds of lists, which hold the same values."""
    if isinstance(data_type, pa.BaseExtensionType):
        data_type = data_type.storage_type
    if is_list(data_type):
        return ("list", _leaves(data_type.value_type))
    if pa.types.is_large_string(data_type):
        return pa.string()
    return data_type


def _retyped(column: pa.ChunkedArray, data_type: pa.DataType) -> pa.Array:
    array = _combined(column)
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    return array if array.type.equals(data_type) else array.cast(data_type)


def _empty_lists(data_type: pa.DataType, count: int) -> pa.Array:
    """Return the values of a language column in an episode that nobody has annotated."""
    if pa.types.is_list(data_type) or pa.types.is_large_list(data_type):
        return pa.array([[]] * count, data_type)
    return pa.nulls(count, data_type)
