"""The task texts of a dataset, by number, as the formats keep them; ``info.json`` and ``stats.json`` of a new one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.info import INFO, DatasetInfo
from lerotool.dataset.layout import STATS
from lerotool.dataset.parquet import plain_array, plain_texts
from lerotool.moments import FeatureStats
from lerotool.storage import json_bytes, json_lines, sync_file

TASK = "task"


def write_task_lines(path: Path, tasks: Sequence[str]) -> None:
    """Write ``tasks.jsonl`` (v2.x)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json_lines({"task_index": number, "task": text} for number, text in enumerate(tasks)))


def write_task_table(path: Path, tasks: Sequence[str]) -> None:
    """Write ``tasks.parquet`` (v3.0) as pandas does with the text as the index, because LeRobot reads it so.

    pandas itself takes longer to import than a small merge does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
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


_NONE: Mapping[str, Any] = MappingProxyType({})


def write_info(root: Path, info: DatasetInfo) -> None:
    """Write ``info.json``."""
    _write(root / INFO, info.to_json())


def write_stats(root: Path, stats: Mapping[str, FeatureStats], others: Mapping[str, Any] = _NONE) -> None:
    """Write ``stats.json``, in the order given, ``others`` behind where they are of something else."""
    document: dict[str, Any] = {name: entry.to_json() for name, entry in stats.items()}
    _write(root / STATS, document | {name: entry for name, entry in others.items() if name not in document})


def _write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Statistics of NaN are NaN, and a foreign key of info.json may hold anything that was read.
    path.write_bytes(json_bytes(document, allow_nan=True))
