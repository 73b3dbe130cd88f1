"""Defects of data files: files, columns, values, numbering and times of rows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool import merge
from lerotool.checking import Code
from tests.checking.defects.defect import REFUSED, RIGHT, Defect, defect
from tests.checking.defects.edits import add, copied, drop, footerless, null_at, overwrite, remove, reordered, value_at
from tests.dataset.edits import column, data
from tests.dataset.reading import DATA, EPISODES, IMAGE_SET, PLAIN_SET, SMALL_FILES_SET, VIDEO_SET, edit_table


def over_999(root: Path) -> None:
    """Give every episode a data file of its own, with numbers whose texts sort in another order."""
    table = pq.ParquetFile(root / DATA).read()
    numbers = (998, 999, 1000, 1001)
    (root / DATA).unlink()
    for episode, number in enumerate(numbers):
        rows = table.filter(pa.array([value == episode for value in table["episode_index"].to_pylist()]))
        pq.write_table(rows, root / f"data/chunk-000/file-{number:03d}.parquet")
    edit_table(root / EPISODES, lambda t: column(t, "data/file_index", list(numbers)))


def still_rows(table: Any) -> Any:
    for name in ("action", "observation.state"):
        values = table[name].to_pylist()
        values[7:32] = [values[7]] * 25
        table = column(table, name, values)
    return table


def merged_with_itself(root: Path) -> None:
    other, whole = root.parent / "other", root.parent / "whole"
    shutil.copytree(root, other)
    merge([root, other], whole)
    shutil.rmtree(root)
    whole.rename(root)


def bad_png(table: Any) -> Any:
    values = table["observation.images.front"].to_pylist()
    values[0]["bytes"] = values[0]["bytes"][:40]
    return column(table, "observation.images.front", values)


DEFECTS: dict[str, Defect] = {
    "data missing": defect(SMALL_FILES_SET, remove(DATA), Code.DATA_MISSING, loading=REFUSED),
    "data footerless": defect(
        VIDEO_SET, lambda r: footerless(r / DATA), Code.DATA_NO_FOOTER, loading=REFUSED, repaired=True
    ),
    "data damaged": defect(
        VIDEO_SET, overwrite(DATA, b"PAR1" + bytes(400) + b"PAR1"), Code.DATA_DAMAGED, loading=REFUSED
    ),
    "data doubled": defect(
        VIDEO_SET, copied(DATA, DATA.replace("file-000", "file-001")), Code.DATA_STRAY, loading=RIGHT, repaired=True
    ),
    "data with a hidden file": defect(
        VIDEO_SET,
        overwrite("data/chunk-000/._file-000.parquet", b"junk"),
        Code.DATA_STRAY,
        loading=REFUSED,
        repaired=True,
    ),
    "data files over 999": defect(VIDEO_SET, over_999, Code.FILE_ORDER, repaired=True),
    "column missing": defect(PLAIN_SET, data(drop("action")), Code.COLUMN_MISSING),
    "index missing": defect(VIDEO_SET, data(drop("index")), Code.COLUMN_MISSING, repaired=True),
    "frame_index missing": defect(VIDEO_SET, data(drop("frame_index")), Code.COLUMN_MISSING, repaired=True),
    "timestamp missing": defect(VIDEO_SET, data(drop("timestamp")), Code.COLUMN_MISSING, repaired=True),
    "episodes doubled": defect(VIDEO_SET, merged_with_itself, Code.EPISODE_DOUBLED, loading=RIGHT, changes=True),
    "data file is a folder": defect(
        VIDEO_SET, lambda r: [(r / DATA).unlink(), (r / DATA).mkdir()], Code.DATA_MISSING, loading=REFUSED
    ),
    "scalar as list": defect(
        VIDEO_SET,
        data(lambda t: column(t, "frame_index", pa.array([[v] for v in t["frame_index"].to_pylist()]))),
        Code.COLUMN_TYPE,
        loading=REFUSED,
    ),
    "texts for numbers": defect(
        PLAIN_SET,
        data(lambda t: column(t, "action", pa.array([["x"] * 6] * t.num_rows))),
        Code.COLUMN_TYPE,
        loading=REFUSED,
    ),
    "null row": defect(VIDEO_SET, data(null_at("observation.state", 3)), Code.MISSING_VALUES),
    "NaN": defect(
        VIDEO_SET, data(value_at("observation.state", 3, float("nan"))), Code.NOT_FINITE, loading=RIGHT, changes=True
    ),
    "rows shuffled": defect(VIDEO_SET, data(reordered([*range(5, 62), *range(5)])), Code.WRONG_INDEX, repaired=True),
    "index gap": defect(VIDEO_SET, data(add("index", 100, slice(32, None))), Code.WRONG_INDEX, repaired=True),
    "frame_index from one": defect(
        VIDEO_SET, data(add("frame_index", 1, slice(7, 32))), Code.WRONG_FRAME, repaired=True
    ),
    "episode_index from one": defect(
        VIDEO_SET, data(add("episode_index", 1)), Code.WRONG_EPISODE, loading=REFUSED, repaired=True
    ),
    "wall-clock timestamps": defect(VIDEO_SET, data(add("timestamp", 1000.25)), Code.TIMESTAMPS, repaired=True),
    "jittering timestamps": defect(
        VIDEO_SET,
        data(lambda t: column(t, "timestamp", np.array(t["timestamp"].to_pylist()) + np.arange(62) % 3 * 1e-3)),
        Code.TIMESTAMPS,
        repaired=True,
    ),
    "wall-clock without videos": defect(
        PLAIN_SET, data(add("timestamp", 1000.25)), Code.TIMESTAMPS, loading=RIGHT, changes=True, repaired=True
    ),
    "rows of the last episode missing": defect(VIDEO_SET, data(reordered(range(60))), Code.ROW_COUNT),
    "picture damaged": defect(IMAGE_SET, data(bad_png), Code.IMAGE_UNREADABLE),
    "robot idle": defect(VIDEO_SET, data(still_rows), Code.EPISODE_IDLE, Code.STATS_STALE, loading=RIGHT, changes=True),
}

NOTES: dict[str, Defect] = {
    "row groups that cut episodes": defect(
        VIDEO_SET, data(lambda t: t, row_group_size=5), Code.ROW_GROUPS, loading=RIGHT
    ),
}
