"""Columns of data files: what LeRobot can make of their types and values, and whether two episodes have the same."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.arrow_types import MAX_DIMENSIONS, is_list, value_type
from lerotool.checking.report import Problem
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.parquet import joined_chunks, plain_values
from lerotool.errors import CorruptDatasetError
from lerotool.features import Feature, Kind
from lerotool.findings import Code, Loading
from lerotool.wording import counted

_ROWS_PER_BYTE = 100
Marks = npt.NDArray[np.uint64]
_ODD = np.uint64(0x9E3779B97F4A7C15)


def check_plausible(file: pq.ParquetFile, path: Path) -> None:
    """Refuse a file that claims more rows than can be in it: each has a number of its own."""
    size = path.stat().st_size
    if file.metadata.num_rows > _ROWS_PER_BYTE * size:
        raise CorruptDatasetError(f"{path}: {file.metadata.num_rows} rows are declared, which {size} bytes cannot hold")


def check_type(name: str, feature: Feature, found: pa.DataType) -> Problem | None:
    """Return what is wrong with a column's type, if LeRobot cannot cast it to what ``info.json`` declares."""
    if feature.kind is Kind.LANGUAGE:
        return None
    if feature.kind is Kind.IMAGE:
        fields = {found.field(i).name for i in range(found.num_fields)} if pa.types.is_struct(found) else set()
        is_right = "bytes" in fields or pa.types.is_binary(found) or pa.types.is_large_binary(found)
        expected = "struct<bytes: binary, path: string>"
    else:
        depth, leaf = _leaf(found)
        wanted = 0 if feature.is_scalar else len(feature.shape)
        is_right = depth == wanted <= MAX_DIMENSIONS and _fits(leaf, feature)
        is_right = is_right and not (pa.types.is_fixed_size_list(found) and found.list_size != feature.shape[0])
        expected = f"{feature.dtype} {list(feature.shape)}"
    return None if is_right else Problem(Code.COLUMN_TYPE, f"it is {found}, expected {expected}", column=name)


def _leaf(found: pa.DataType) -> tuple[int, pa.DataType]:
    depth = 0
    while isinstance(found, pa.BaseExtensionType):
        found = found.storage_type
    while is_list(found):
        found, depth = found.value_type, depth + 1
    return depth, found


def _fits(leaf: pa.DataType, feature: Feature) -> bool:
    if feature.kind is Kind.STRING:
        return bool(pa.types.is_string(leaf) or pa.types.is_large_string(leaf))
    types = pa.types
    return bool(types.is_integer(leaf) or types.is_floating(leaf) or types.is_boolean(leaf))


def read_values(
    column: pa.ChunkedArray[Any], name: str, feature: Feature
) -> tuple[npt.NDArray[Any] | None, Problem | None]:
    """Return a column's values, (n,) or (n, *shape), and what is wrong with them; None where they are unusable.

    Texts are not turned into Python objects: an empty array stands for them.
    """
    array: Any = joined_chunks(column)
    if array.null_count:
        return None, Problem(Code.MISSING_VALUES, f"no value in {counted(array.null_count, 'row')}", column=name)
    rows = len(array)
    for size in () if feature.is_scalar else feature.shape:
        if not pa.types.is_fixed_size_list(array.type):
            lengths = array.value_lengths()
            counts = plain_values(lengths, np.dtype(np.int32 if lengths.type == pa.int32() else np.int64))
            if len(counts) and not (counts == size).all():
                row = int(np.flatnonzero(counts != size)[0])
                text = f"a list has {counts[row]} values, expected {size} for shape {list(feature.shape)}"
                return None, Problem(Code.COLUMN_TYPE, text, column=name, row=row)
        array = array.flatten()
        if array.null_count:
            text = f"{counted(array.null_count, 'value')} missing inside of lists"
            return None, Problem(Code.MISSING_VALUES, text, column=name)
    if feature.kind is Kind.STRING:
        return np.empty(0), None
    try:
        values = array.cast(value_type(feature.dtype))
    except MemoryError:
        raise
    except pa.ArrowException as error:
        text = f"values are not {feature.dtype}: {str(error).splitlines()[0]}"
        return None, Problem(Code.COLUMN_TYPE, text, column=name)
    if feature.dtype == "bool":
        flags: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False)
    else:
        flags = plain_values(values, np.dtype(feature.dtype))
    return flags.reshape(rows, *(() if feature.is_scalar else feature.shape)), None


def metadata_problem(schema: pa.Schema, features: Mapping[str, Feature], version: FormatVersion) -> Problem | None:
    """Return what LeRobot 0.3, which reads v2.x, dislikes about the schema metadata; v3.0 needs none."""
    if not version.has_files_of_episodes:
        return None
    text = (schema.metadata or {}).get(b"huggingface")
    has_images = any(feature.kind is Kind.IMAGE for feature in features.values())
    if text is None:
        found = "the 'huggingface' key is missing, without which pictures arrive as dicts"
        return Problem(Code.SCHEMA_METADATA, found, harms=Loading.WRONG) if has_images else None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return Problem(Code.SCHEMA_METADATA, "the 'huggingface' key is not JSON")
    if _has_type(document, "List"):
        return Problem(Code.SCHEMA_METADATA, "it names the type 'List', which `datasets` 3 does not know")
    return None


def _has_type(document: object, name: str) -> bool:
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if value.get("_type") == name:
                return True
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return False


class Fingerprints:
    """A fingerprint of each run of rows, over as many columns as are added.

    `starts`: first row of each run, int64, (runs,).
    """

    def __init__(self, starts: npt.NDArray[np.int64], rows: int) -> None:
        self._starts = starts
        self._rows = rows
        self.marks: Marks = np.zeros(len(starts), np.uint64)

    def add(self, name: str, first: int, values: npt.NDArray[Any]) -> None:
        """Add values, (n, ...), of a column: those of the rows from ``first`` on."""
        if not len(values) or not len(self._starts):
            return
        with np.errstate(invalid="ignore", over="ignore"):
            numbers = np.ascontiguousarray(values.reshape(len(values), -1).astype(np.float64)).view(np.uint64)
            seed = np.uint64(zlib.crc32(name.encode()) | 1)
            weights = _mixed(np.arange(1, numbers.shape[1] + 1, dtype=np.uint64) * seed)
            rows = _mixed((_mixed(numbers) * (weights | np.uint64(1))).sum(axis=1, dtype=np.uint64))
            run = np.searchsorted(self._starts, np.arange(first, first + len(values)), side="right") - 1
            within = (np.arange(first, first + len(values)) - self._starts[run] + 1).astype(np.uint64)
            rows = _mixed(rows + within * _ODD)
            cuts = np.flatnonzero(np.concatenate([[True], run[1:] != run[:-1]]))
            self.marks[run[cuts]] += np.add.reduceat(rows, cuts)


def _mixed(values: Marks) -> Marks:
    """Spread every bit over the whole number (the finalizer of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
