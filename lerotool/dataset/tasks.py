"""The tasks of a dataset: texts, numbered from 0.

v3.0 keeps them in ``meta/tasks.parquet`` and takes row t as task t; the text is the pandas index, called ``task`` or,
if it has no name, ``__index_level_0__``. v2.x keeps them in ``meta/tasks.jsonl``, in any order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from lerotool.dataset.documents import RESTORE, read_lines, whole_number
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import Files
from lerotool.errors import CorruptDatasetError, MetadataError
from lerotool.storage import json_lines, sync_file

TASK = "task"
_TASK_COLUMNS = (TASK, "__index_level_0__")


def load_tasks(root: Path, info: DatasetInfo, files: Files | None = None) -> tuple[str, ...]:
    """Read the task texts; a task's number is its place. ``files`` as for a `Layout`."""
    path = (files or Files(root)).path(info.codebase_version.tasks_path)
    if not path.exists() and not info.total_tasks and not info.total_episodes:
        return ()
    return _parse_lines(path) if path.suffix == ".jsonl" else _read_table(path)


def _parse_lines(path: Path) -> tuple[str, ...]:
    numbered: dict[int, str] = {}
    for place, entry in read_lines(path):
        number, text = whole_number(entry, "task_index", place), entry.get("task")
        if not isinstance(text, str):
            raise MetadataError(f"{place}: 'task' is {text!r}, expected a text", hint=RESTORE)
        if number in numbered:
            raise CorruptDatasetError(f"{place}: task {number} is there twice", hint=RESTORE)
        numbered[number] = text
    _check_numbers(path, sorted(numbered))
    return tuple(numbered[number] for number in sorted(numbered))


def _read_table(path: Path) -> tuple[str, ...]:
    import pyarrow as pa

    from lerotool.dataset.parquet import column_names, open_parquet, read_groups, whole_numbers

    with open_parquet(path) as file:
        names = column_names(file, path)
        text_column = next((name for name in _TASK_COLUMNS if name in names), None)
        if text_column is None or "task_index" not in names:
            raise CorruptDatasetError(f"{path}: expected columns 'task_index' and 'task', found {names}", hint=RESTORE)
        table = read_groups(file, path, range(file.num_row_groups), ["task_index", text_column])
    _check_numbers(path, whole_numbers(table["task_index"], f"{path}, column 'task_index'").tolist())
    try:
        texts = table[text_column].cast(pa.string())
        if texts.null_count:
            raise CorruptDatasetError(
                f"{path}: {texts.null_count} of {len(texts)} task texts are missing", hint=RESTORE
            )
        return tuple(texts.to_pylist())
    except MemoryError:
        raise
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise CorruptDatasetError(f"{path}, column {text_column!r}: expected texts: {error}", hint=RESTORE) from error


def _check_numbers(path: Path, numbers: Sequence[int]) -> None:
    for place, number in enumerate(numbers):
        if place != number:
            raise CorruptDatasetError(
                f"{path}: expected tasks 0 to {len(numbers) - 1} in order, found {number} in place of {place}",
                hint="LeRobot takes tasks by their place: sort them, or restore the file",
            )


def write_tasks(path: Path, tasks: Sequence[str]) -> None:
    """Write the task texts of a new dataset by number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jsonl":
        path.write_bytes(json_lines({"task_index": number, "task": text} for number, text in enumerate(tasks)))
    else:
        _write_table(path, tasks)


def _write_table(path: Path, tasks: Sequence[str]) -> None:
    """Write ``tasks.parquet`` (v3.0) as pandas does with the text as the index, because LeRobot reads it so.

    pandas itself takes longer to import than a small merge does.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from lerotool.dataset.parquet import plain_array, plain_texts

    text = {"name": None, "field_name": None, "pandas_type": "unicode", "numpy_type": "object"}
    number = {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"}
    columns = [{**number, "metadata": None}, {**text, "name": TASK, "field_name": TASK, "metadata": None}]
    document = {
        "index_columns": [TASK],
        "column_indexes": [{**text, "metadata": {"encoding": "UTF-8"}}],
        "columns": columns,
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.2.0",
    }
    table = pa.table({"task_index": plain_array(np.arange(len(tasks))), TASK: plain_texts(tasks)})
    with path.open("wb") as file:
        pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(document)}), file)


def rewrite_task_table(path: Path, old: Path, tasks: Sequence[str]) -> None:
    """Write ``tasks.parquet`` for more tasks, synced."""
    import pandas as pd

    table = pd.DataFrame({"task_index": range(len(tasks))}, index=pd.Index(list(tasks), name=TASK))
    if old.exists():
        with old.open("rb") as file:
            known = pd.read_parquet(file).reset_index(drop=True)
        for name in known.columns.difference(["task_index", TASK], sort=False):
            table[name] = known[name].reindex(range(len(tasks))).to_numpy()
    with path.open("wb") as sink:
        table.to_parquet(sink)
    sync_file(path)
