"""How a feature's values lie in Arrow: the types that LeRobot's recorder writes, shared by spool and dataset.

============================  ==========================================================================
feature                       Arrow type
============================  ==========================================================================
number, bool, string ``[1]``  the type itself
number, string ``[n]``        ``fixed_size_list<T>[n]``
number ``[a, b]`` to 5-d      nested ``list``; the field names the extension type of ``datasets``
image                         ``struct<bytes: binary, path: string>``
============================  ==========================================================================

Video features have no column. Language columns differ from file to file, so nobody can tell their type beforehand.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.errors import IncompatibleDatasetError
from lerotool.features import Feature, Kind

MAX_DIMENSIONS = 5
_LONGEST = 2**31 - 1
IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def arrow_type(feature: Feature) -> pa.DataType:
    """Return the Arrow type of a feature's column."""
    kind = feature.kind
    if kind is Kind.IMAGE:
        return IMAGE_TYPE
    if kind in (Kind.VIDEO, Kind.LANGUAGE):
        raise IncompatibleDatasetError(f"a feature of dtype {feature.dtype!r} has no fixed Arrow type")
    if not 1 <= len(feature.shape) <= MAX_DIMENSIONS:
        raise IncompatibleDatasetError(
            f"a feature of shape {feature.shape} cannot be a column: expected 1 to {MAX_DIMENSIONS} dimensions"
        )
    value = value_type(feature.dtype)
    if feature.is_scalar:
        return value
    if len(feature.shape) == 1:
        if feature.shape[0] > _LONGEST:
            raise IncompatibleDatasetError(f"a feature of shape {feature.shape} cannot be a column: it is too long")
        return pa.list_(value, feature.shape[0])
    for _ in feature.shape:
        value = pa.list_(value)
    return value


def is_list(data_type: pa.DataType) -> bool:
    """Whether a type is one of Arrow's lists, whatever kind."""
    types = pa.types
    return bool(types.is_list(data_type) or types.is_large_list(data_type) or types.is_fixed_size_list(data_type))


def value_type(dtype: str) -> pa.DataType:
    """Return the Arrow type of one value of a numeric dtype or ``string``."""
    if dtype == "string":
        return pa.string()
    return pa.from_numpy_dtype(np.dtype(dtype))


def arrow_field(name: str, feature: Feature) -> pa.Field[Any]:
    """Return a feature's field; that of a matrix tells the extension type that ``datasets`` gives it."""
    try:
        data_type = arrow_type(feature)
    except IncompatibleDatasetError as error:
        raise IncompatibleDatasetError(f"feature {name!r}: {error}") from None
    if not _is_array(feature):
        return pa.field(name, data_type)
    kind = f"datasets.features.features.Array{len(feature.shape)}DExtensionType"
    parameters = json.dumps([list(feature.shape), feature.dtype])
    return pa.field(name, data_type, metadata={"ARROW:extension:name": kind, "ARROW:extension:metadata": parameters})


def hf_feature(feature: Feature, *, sequence_type: str = "List") -> dict[str, Any]:
    """Return the feature's entry in the ``huggingface`` schema metadata of a parquet file."""
    if feature.kind is Kind.IMAGE:
        return {"_type": "Image"}
    arrow_type(feature)
    if _is_array(feature):
        return {"shape": list(feature.shape), "dtype": feature.dtype, "_type": f"Array{len(feature.shape)}D"}
    value = {"dtype": feature.dtype, "_type": "Value"}
    if feature.is_scalar:
        return value
    return {"feature": value, "length": feature.shape[0], "_type": sequence_type}


def _is_array(feature: Feature) -> bool:
    return feature.kind not in (Kind.IMAGE, Kind.VIDEO) and len(feature.shape) > 1


def integers(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return a column of integers without nulls as an array.

    Arrow's own ``to_numpy`` imports pandas first, which takes every process that encodes a quarter of a second.
    """
    chunks = [np.from_dlpack(chunk) for chunk in column.chunks]
    return np.concatenate(chunks) if len(chunks) != 1 else chunks[0]
