"""Values of features: columns conformed to the features' types and as numpy arrays, pictures decoded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lerotool.arrow_types import IMAGE_TYPE, arrow_type, is_list, value_type
from lerotool.dataset.documents import RESTORE
from lerotool.dataset.parquet import column_names, first_rows, joined_chunks, open_parquet, plain_values
from lerotool.errors import CorruptDatasetError, MediaError, UsageError
from lerotool.features import Feature, Kind

if TYPE_CHECKING:
    from lerotool.dataset.dataset import Dataset
    from lerotool.dataset.reading.episodes import VideoSpan

_MM_PER_M = 1000
_WIDE = 2**14
"""Values of a row that take little memory, true or not."""


def conform(table: pa.Table, features: Mapping[str, Feature]) -> pa.Table:
    """Return the table with each column in its feature's Arrow type, where that loses nothing.

    Language columns, columns that are not features, and columns whose values do not fit stay as they are stored.
    Field and schema metadata are kept.
    """
    for place, field in enumerate(table.schema):
        feature = features.get(field.name)
        if feature is None or feature.kind in (Kind.LANGUAGE, Kind.VIDEO):
            continue
        target = arrow_type(feature)
        if field.type == target:
            continue
        column = _as_type(table.column(place), target)
        if column is not None:
            table = table.set_column(place, pa.field(field.name, target, metadata=field.metadata), column)
    return table


def _as_type(column: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray | None:
    try:
        if target == IMAGE_TYPE and not pa.types.is_struct(column.type):
            return pa.chunked_array([_pictures(chunk) for chunk in column.chunks], type=IMAGE_TYPE)
        return column.cast(target)
    except MemoryError:
        raise
    except (pa.ArrowException, UnicodeDecodeError):
        return None


def _pictures(chunk: pa.Array) -> pa.Array:
    """Return pictures that are stored as plain bytes in the struct that LeRobot writes."""
    return pa.StructArray.from_arrays([chunk.cast(pa.binary()), pa.nulls(len(chunk), pa.string())], ["bytes", "path"])


def to_numpy(column: pa.ChunkedArray, name: str, feature: Feature) -> np.ndarray:
    """Return a column as one array, without a Python object per row.

    `feature`: what the values must be. The feature's dtype and shape (n,) for scalars, (n, *shape) for the others,
    read-only; texts are Python objects.
    """
    if feature.kind not in (Kind.NUMERIC, Kind.STRING):
        raise UsageError(f"feature {name!r} is of dtype {feature.dtype!r}: it is not an array of numbers or texts")
    rows = len(column)
    values = _flattened(column, name, feature)
    try:
        values = values.cast(value_type(feature.dtype))
        array: np.ndarray = (
            values.to_numpy(zero_copy_only=False)
            if feature.dtype in ("bool", "string")
            else plain_values(values, np.dtype(feature.dtype))
        )
    except MemoryError:
        raise
    except (pa.ArrowException, UnicodeDecodeError) as error:
        first_line = str(error).split("\n", 1)[0]
        raise CorruptDatasetError(
            f"feature {name!r}: expected {feature.dtype}, found {column.type}: {first_line}", hint=RESTORE
        ) from error
    return array if feature.is_scalar else array.reshape(rows, *feature.shape)


def _flattened(column: pa.ChunkedArray, name: str, feature: Feature) -> pa.Array:
    values: Any = joined_chunks(column)
    _check_complete(values, name)
    # A scalar is a plain value, or in some foreign datasets a list of one.
    sizes = feature.shape if not feature.is_scalar or is_list(values.type) else ()
    for size in sizes:
        if not is_list(values.type):
            raise CorruptDatasetError(
                f"feature {name!r}: expected values of shape {list(feature.shape)}, found {column.type}", hint=RESTORE
            )
        lengths = _lengths(values)
        if len(lengths) and not (lengths == size).all():
            row = int(np.flatnonzero(lengths != size)[0])
            raise CorruptDatasetError(
                f"feature {name!r}: expected lists of {size} values for shape {list(feature.shape)}, "
                f"found one of {lengths[row]}",
                hint=RESTORE,
            )
        values = values.flatten()
        _check_complete(values, name)
    return values


def _lengths(values: Any) -> np.ndarray:
    if pa.types.is_fixed_size_list(values.type):
        return np.full(min(len(values), 1), values.type.list_size)
    lengths = values.value_lengths()
    return plain_values(lengths, np.dtype(np.int32 if lengths.type == pa.int32() else np.int64))


def _check_complete(values: pa.Array, name: str) -> None:
    if values.null_count:
        raise CorruptDatasetError(
            f"feature {name!r}: missing values: {values.null_count} of {len(values)}", hint=RESTORE
        )


def check_widths(dataset: Dataset, names: Sequence[str]) -> None:
    """Compare the declared shapes of wide numeric columns with the first row, before memory is taken for them."""
    if not dataset.num_frames:
        return
    path = dataset.data_files.path(0)
    with open_parquet(path) as file:
        present = set(column_names(file, path))
        wide = [name for name in names if name in present and _is_wide(dataset, name)]
        row = first_rows(file, path, wide) if wide else pa.table({})
    for name in wide:
        to_numpy(row[name], name, dataset.features[name])


def _is_wide(dataset: Dataset, name: str) -> bool:
    feature = dataset.features[name]
    return feature.kind is Kind.NUMERIC and math.prod(feature.shape) > _WIDE


def iter_video(span: VideoSpan, start: int, stop: int, fps: float, feature: Feature) -> Iterator[np.ndarray]:
    """Return the frames ``start`` to ``stop`` of an episode's video; they are decoded as they are taken.

    Pictures HWC uint8 RGB, or depth (H, W, 1) float32 in millimetres.
    """
    if not span.path.is_file():
        raise CorruptDatasetError(f"{span.path}: the video is missing", hint=RESTORE)
    from lerotool.media.decode import iter_depth, iter_rgb

    first, after = span.start_frame + start, span.start_frame + stop
    if feature.is_depth:
        return iter_depth(span.path, first, after, fps, feature.info)
    return iter_rgb(span.path, first, after, fps)


def iter_images(column: pa.ChunkedArray, place: str, feature: Feature) -> Iterator[np.ndarray]:
    """Yield the pictures of an image column.

    `column`: structs of ``bytes`` and ``path``. Pictures HWC uint8 RGB, or depth (H, W, 1) float32 in millimetres.
    """
    from lerotool.media.pictures import decode_image

    scale = _MM_PER_M if feature.info.get("depth_unit") == "m" else 1
    for row, value in enumerate(column):
        stored = value.as_py()
        data = stored.get("bytes") if isinstance(stored, dict) else None
        if not data:
            raise CorruptDatasetError(f"{place}, row {row}: the row has no picture", hint=RESTORE)
        try:
            picture = decode_image(data)
        except MediaError as error:
            raise MediaError(f"{place}, row {row}: {error}", hint=error.hint or RESTORE) from error
        yield picture.astype(np.float32) * np.float32(scale) if feature.is_depth else picture
