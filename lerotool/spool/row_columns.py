"""The columns of ``rows.log``: their Arrow types, and how one value of a feature becomes one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lerotool.arrow_types import IMAGE_TYPE, arrow_field, arrow_type, value_type
from lerotool.errors import IncompatibleDatasetError
from lerotool.features import Feature, Kind

PICTURE_PREFIX = "picture/"
BOOKKEEPING: Mapping[str, pa.DataType] = {
    "task": pa.string(),
    "tick_ns": pa.int64(),
    "observed_ns": pa.int64(),
    "acted_ns": pa.int64(),
    "stale": pa.uint64(),
    "stale_action": pa.uint64(),
}
PICTURE_TYPE = pa.int32()
_IMAGE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
"""How PNG, JPEG and TIFF files begin."""


def check_columns(features: Mapping[str, Feature]) -> None:
    """Check that features can be recorded."""
    for name, feature in features.items():
        if name in BOOKKEEPING:
            raise IncompatibleDatasetError(f"feature {name!r}: the name is one of the recorder's own")
        if feature.kind is Kind.LANGUAGE:
            raise IncompatibleDatasetError(f"feature {name!r}: language is annotated after recording, not recorded")
        if feature.kind is not Kind.VIDEO:
            arrow_field(name, feature)


def row_schema(features: Mapping[str, Feature], cameras: Iterable[str]) -> pa.Schema:
    """Return the schema of a row of these recorded features and cameras."""
    columns = [arrow_field(name, feature) for name, feature in features.items() if feature.kind is not Kind.VIDEO]
    own = [pa.field(name, data_type) for name, data_type in BOOKKEEPING.items()]
    pictures = [pa.field(PICTURE_PREFIX + key, PICTURE_TYPE) for key in cameras]
    return pa.schema(columns + own + pictures)


class MismatchError(Exception):
    """A value is not what its feature says; the text is what was found."""


class Column(Protocol):
    """Turns the values of one feature into Arrow arrays of one row."""

    expected: str

    def convert(self, value: object) -> tuple[pa.Array[Any], bool]:
        """Return the array, and whether all numbers in it are finite; raises MismatchError."""


def column(feature: Feature) -> Column:
    """Return the converter of a feature's values."""
    if feature.kind is Kind.IMAGE:
        return ImageColumn()
    if feature.kind is Kind.STRING:
        return TextColumn(feature)
    return NumberColumn(feature)


class NumberColumn:
    """Numbers and bools: arrays of exactly the feature's dtype and shape; Python's own numbers where one is wanted."""

    def __init__(self, feature: Feature) -> None:
        self.expected = f"{feature.dtype} {feature.shape}"
        self._dtype = np.dtype(feature.dtype)
        self._shape = feature.shape
        self._scalar = feature.is_scalar
        self._floating = self._dtype.kind == "f"
        self._type = arrow_type(feature)
        self._value_type = value_type(feature.dtype)
        self._size = int(np.prod(feature.shape))
        self._levels = _list_levels(feature.shape) if len(feature.shape) > 1 else []

    def convert(self, value: object) -> tuple[pa.Array[Any], bool]:
        """Return the array, and whether all numbers in it are finite; raises MismatchError."""
        array = self._as_array(value)
        finite = not self._floating or bool(np.isfinite(array).all())
        return self._to_arrow(array), finite

    def _as_array(self, value: object) -> NDArray[Any]:
        if isinstance(value, np.ndarray | np.generic):
            if value.dtype != self._dtype or not (value.shape == self._shape or (self._scalar and value.shape == ())):
                raise MismatchError(f"{value.dtype} {value.shape}")
            return np.ascontiguousarray(value)
        kinds = {bool: "b", int: "iuf", float: "f"}.get(type(value), "")
        if not self._scalar or self._dtype.kind not in kinds:
            raise MismatchError(type(value).__name__)
        try:
            with np.errstate(over="raise"):
                return np.array([value], self._dtype)
        except (OverflowError, FloatingPointError):
            raise MismatchError(repr(value)) from None

    def _to_arrow(self, array: NDArray[Any]) -> pa.Array[Any]:
        if self._dtype.kind == "b":
            values = pa.array(array.reshape(-1), self._value_type)
        else:
            values = pa.Array.from_buffers(self._value_type, self._size, [None, pa.py_buffer(array)])
        if self._scalar:
            return values
        if not self._levels:
            return pa.Array.from_buffers(self._type, 1, [None], children=[values])
        for offsets in self._levels:
            values = pa.ListArray.from_arrays(offsets, values)
        return values


def _list_levels(shape: tuple[int, ...]) -> list[pa.Int32Array]:
    """Return the offsets of nested lists of a shape, innermost first."""
    levels = []
    for depth in range(len(shape) - 1, -1, -1):
        lists = int(np.prod(shape[:depth]))
        levels.append(pa.array(np.arange(lists + 1, dtype=np.int32) * shape[depth]))
    return levels


class TextColumn:
    """Texts: a str, or for a vector a list or array of them."""

    def __init__(self, feature: Feature) -> None:
        self.expected = f"string {feature.shape}"
        self._shape = feature.shape
        self._scalar = feature.is_scalar
        self._type = arrow_type(feature)

    def convert(self, value: object) -> tuple[pa.Array[Any], bool]:
        """Return the array; texts are always finite. Raises MismatchError."""
        if self._scalar and isinstance(value, str):
            return text_array(value), True
        if not isinstance(value, list | tuple | np.ndarray):
            raise MismatchError(type(value).__name__)
        texts = np.asarray(value, dtype=object)
        if texts.shape != self._shape or not all(isinstance(text, str) for text in texts.flat):
            kinds = sorted({type(item).__name__ for item in texts.flat})
            raise MismatchError(f"{', '.join(kinds)} {texts.shape}")
        try:
            return pa.array([texts[0] if self._scalar else texts.tolist()], self._type), True
        except UnicodeEncodeError as error:
            raise MismatchError(f"a text that is not Unicode ({error.reason})") from None


def text_array(text: str) -> pa.Array[Any]:
    """Return an array of one text; raises MismatchError for half a surrogate pair, which is not Unicode text."""
    try:
        return pa.array([text], pa.string())
    except UnicodeEncodeError as error:
        raise MismatchError(f"a text that is not Unicode ({error.reason})") from None


class ImageColumn:
    """Pictures inside the rows: the bytes of a PNG, JPEG or TIFF file, or LeRobot's ``{"bytes": …, "path": …}``."""

    expected = "the bytes of a PNG, JPEG or TIFF picture"

    def convert(self, value: object) -> tuple[pa.Array[Any], bool]:
        """Return the array; ``path`` is null unless given. Raises MismatchError."""
        picture, path = (value.get("bytes"), value.get("path")) if isinstance(value, Mapping) else (value, None)
        if not isinstance(picture, bytes | bytearray | memoryview) or not isinstance(path, str | None):
            raise MismatchError(type(picture).__name__)
        data = bytes(picture)
        if not data.startswith(_IMAGE_MAGIC):
            raise MismatchError(f"{len(data)} bytes that begin with {data[:4]!r}")
        return pa.array([{"bytes": data, "path": path}], IMAGE_TYPE), True
