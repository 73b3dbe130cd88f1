"""One thing changed in a dataset."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.dataset.reading import (
    DATA,
    EPISODES,
    edit_json,
    edit_table,
)

Change = Callable[[Path], object]


def with_column(table: Any, name: str, values: Any) -> Any:
    """Return the table with other values in a column."""
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    return table.set_column(table.column_names.index(name), name, array)


def rewrite_data(change: Callable[[Any], Any], **options: Any) -> Change:
    """Return what changes the rows; options are those of the parquet writer."""
    return lambda root: edit_table(root / DATA, change, **options)


def rewrite_episodes(change: Callable[[Any], Any]) -> Change:
    """Return what changes the table of episodes."""
    return lambda root: edit_table(root / EPISODES, change)


def rewrite_info(**keys: Any) -> Change:
    """Return what sets keys of ``info.json``."""
    return lambda root: edit_json(root / "meta/info.json", lambda document: document.update(keys))


def without(*names: str) -> Callable[[Any], Any]:
    """Return what drops the columns that begin so."""
    return lambda table: table.select([name for name in table.column_names if not name.startswith(names)])


def old_lines(file: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Change:
    """Return what changes the lines of a metadata file of v2.1."""

    def edit(root: Path) -> None:
        path = root / "meta" / file
        lines = change([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    return edit
