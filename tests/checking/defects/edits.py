"""Changes of one file of a dataset: documents, tables, bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tests.checking.defects.defect import VIDEO
from tests.dataset.edits import Change, column, with_nulls
from tests.dataset.reading import edit_json


def stats(change: Callable[[dict[str, Any]], object]) -> Change:
    return lambda root: edit_json(root / "meta/stats.json", change)


def feature(name: str, **keys: Any) -> Change:
    return lambda root: edit_json(root / "meta/info.json", lambda d: d["features"].setdefault(name, {}).update(keys))


def without_feature(name: str) -> Change:
    return lambda root: edit_json(root / "meta/info.json", lambda d: d["features"].pop(name))


def add(name: str, amount: float, rows: slice = slice(None)) -> Callable[[Any], Any]:
    def change(table: Any) -> Any:
        values = np.array(table[name].to_pylist())
        values[rows] += np.array(amount, values.dtype)
        return column(table, name, values)

    return change


def drop(*names: str) -> Callable[[Any], Any]:
    return lambda table: table.drop_columns(list(names))


def reordered(order: Sequence[int]) -> Callable[[Any], Any]:
    return lambda table: table.take(pa.array(order))


def null_at(name: str, row: int) -> Callable[[Any], Any]:
    def change(table: Any) -> Any:
        values = table[name].to_pylist()
        values[row] = None
        return with_nulls(table, name, values)

    return change


def set_value(name: str, row: int, new: object) -> Callable[[Any], Any]:
    """Return what sets one value of a scalar column."""

    def change(table: Any) -> Any:
        values = table[name].to_pylist()
        values[row] = new
        return column(table, name, values)

    return change


def value_at(name: str, row: int, value: float) -> Callable[[Any], Any]:
    def change(table: Any) -> Any:
        values = table[name].to_pylist()
        values[row][0] = value
        return column(table, name, values)

    return change


def footerless(path: Path) -> None:
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    path.write_bytes(content[: -8 - length])


def cut(share: float, name: str = VIDEO) -> Change:
    def change(root: Path) -> None:
        content = (root / name).read_bytes()
        (root / name).write_bytes(content[: int(len(content) * share)])

    return change


def overwrite(name: str, content: bytes) -> Change:
    return lambda root: (root / name).write_bytes(content)


def remove(name: str) -> Change:
    return lambda root: (root / name).unlink()


def copied(source: str, target: str) -> Change:
    def change(root: Path) -> None:
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / source, root / target)

    return change


def both(*changes: Change) -> Change:
    def change(root: Path) -> None:
        for one in changes:
            one(root)

    return change
