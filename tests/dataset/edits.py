"""Changes of one file of a dataset."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.dataset.reading import DATA, EPISODES, edit_json, edit_table

Change = Callable[[Path], object]


def column(table: Any, name: str, values: Any) -> Any:
    """Return the table with other values in a column, of its type unless they have one."""
    array = (
        values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, table.schema.field(name).type)
    )
    return table.set_column(table.column_names.index(name), pa.field(name, array.type), array)


def with_nulls(table: Any, name: str, values: list[Any]) -> Any:
    """Return the table with vectors, some of them missing; old pyarrow writes such only as lists of any length."""
    kind = table.schema.field(name).type
    return column(table, name, pa.array(values, pa.list_(kind.value_type)))


def data(change: Callable[[Any], Any], **options: Any) -> Change:
    """Return what changes the rows; options are those of the parquet writer."""
    return lambda root: edit_table(root / DATA, change, **options)


def episodes(change: Callable[[Any], Any]) -> Change:
    """Return what changes the table of episodes."""
    return lambda root: edit_table(root / EPISODES, change)


def info(**keys: Any) -> Change:
    """Return what sets keys of ``info.json``."""
    return lambda root: edit_json(root / "meta/info.json", lambda document: document.update(keys))


def lines(name: str, change: Callable[[list[Any]], list[Any]]) -> Change:
    """Return what changes the entries of a file of JSON lines."""

    def edit(root: Path) -> None:
        entries = [json.loads(line) for line in (root / name).read_text().splitlines()]
        (root / name).write_text("".join(json.dumps(entry) + "\n" for entry in change(entries)))

    return edit


def without(*names: str) -> Callable[[Any], Any]:
    """Return what drops the columns that begin so."""
    return lambda table: table.select([name for name in table.column_names if not name.startswith(names)])
