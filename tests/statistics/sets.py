"""Datasets for the tests of statistics: written by lerotool's own writer, with rows that the test chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.arrow_types import arrow_field
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.appender import DatasetAppender, NewEpisode
from lerotool.features import Feature, vector
from tests.dataset.reading import DATA

FPS = 10
JOINTS = ["pan.pos", "lift.pos", "grip.pos"]


def make_set(root: Path, episodes: Sequence[Mapping[str, np.ndarray]], features: Mapping[str, Feature]) -> Dataset:
    """Write a dataset whose episodes have these columns."""
    fields = [arrow_field(name, feature) for name, feature in features.items()]
    schema = pa.schema([*fields, pa.field("task", pa.string())])
    new = []
    for columns in episodes:
        tasks = pa.array(["do it"] * len(columns[fields[0].name]), pa.string())
        arrays = [pa.array(columns[f.name].tolist(), f.type) for f in fields]
        new.append(NewEpisode(pa.Table.from_arrays([*arrays, tasks], schema=schema)))
    with DatasetAppender.create(root, FPS, features, "test") as appender:
        appender.append(new)
        appender.finalize()
    return Dataset.open(root)


def arm_set(root: Path, episodes: Sequence[np.ndarray]) -> Dataset:
    """Write a dataset of a small arm: the state is each episode's array (n, 3), the action twice as much."""
    features = {"action": vector(JOINTS), "observation.state": vector(JOINTS)}
    columns = [{"observation.state": e.astype(np.float32), "action": (2 * e).astype(np.float32)} for e in episodes]
    return make_set(root, columns, features)


def moving(seed: int, length: int = 40, scale: float = 30.0) -> np.ndarray:
    """Return the values (n, 3) of an arm that moves."""
    return np.random.default_rng(seed).normal(0, scale, (length, 3))


def edit_data(root: Path, name: str, change: Callable[[np.ndarray], Any]) -> None:
    """Change a column of vectors in the first data file without telling the statistics."""
    path = root / DATA
    table = pq.ParquetFile(path).read()
    place = table.column_names.index(name)
    values = np.array(table[name].to_pylist())
    changed = change(values)
    values = values if changed is None else changed
    table = table.set_column(place, table.schema.field(name), pa.array(values.tolist(), table.schema.field(name).type))
    pq.write_table(table, path)
