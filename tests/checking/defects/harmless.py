"""Changes of golden sets that do no harm: nothing must be flagged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from tests.checking.defects.defect import OLD_DATA
from tests.checking.defects.edits import add, drop
from tests.checking.defects.metadata import two_tables
from tests.checking.defects.videos import from_time, retimed
from tests.dataset.edits import Change, column, data, episodes, info, lines
from tests.dataset.reading import OLD_SET, VIDEO_SET, edit_table


def lists_and_widths(table: Any) -> Any:
    for name in ("action", "observation.state"):
        values = pa.chunked_array([chunk.cast(pa.large_list(pa.float64())) for chunk in table[name].chunks])
        table = column(table, name, values)
    return column(table, "index", table["index"].cast(pa.int32()))


def junk_files(root: Path) -> None:
    for name in (".DS_Store", "notes.txt"):
        (root / "data/chunk-000" / name).write_bytes(b"junk")
        (root / "meta/episodes/chunk-000" / name).write_bytes(b"junk")


def unnamed_tasks(root: Path) -> None:
    frame = pd.read_parquet(root / "meta/tasks.parquet")
    frame.index.name = None
    frame.to_parquet(root / "meta/tasks.parquet")


HARMLESS: dict[str, tuple[str, Change]] = {
    "nothing": (VIDEO_SET, Path.is_dir),
    "zstd": (VIDEO_SET, data(lambda t: t, compression="zstd")),
    "one row group": (VIDEO_SET, data(lambda t: t, row_group_size=10**6)),
    "no schema metadata": (VIDEO_SET, data(lambda t: t.replace_schema_metadata(None))),
    "lists and other widths": (VIDEO_SET, data(lists_and_widths)),
    "other column order": (VIDEO_SET, data(lambda t: t.select(list(reversed(t.column_names))))),
    "times as doubles": (VIDEO_SET, data(lambda t: column(t, "timestamp", t["timestamp"].cast(pa.float64())))),
    "exact times": (
        VIDEO_SET,
        data(lambda t: column(t, "timestamp", pa.array([v / 10 for v in t["frame_index"].to_pylist()]))),
    ),
    "no episode statistics": (
        VIDEO_SET,
        episodes(lambda t: t.select([n for n in t.column_names if not n.startswith("stats/")])),
    ),
    "an extra column in the table": (VIDEO_SET, episodes(lambda t: t.append_column("note", pa.array(["x"] * 4)))),
    "later table has fewer columns": (VIDEO_SET, two_tables("first")),
    "two tables": (VIDEO_SET, two_tables("both")),
    "from_timestamp off by 50 us": (VIDEO_SET, episodes(add(from_time, 5e-5))),
    "video copied": (VIDEO_SET, retimed(lambda k: k / 10)),
    "unknown keys": (VIDEO_SET, info(mine={"a": [1]}, tools=[])),
    "fps as float": (VIDEO_SET, info(fps=10.0)),
    "unnamed task index": (VIDEO_SET, unnamed_tasks),
    "junk beside the files": (VIDEO_SET, junk_files),
    "no numbers of data files": (VIDEO_SET, episodes(drop("data/chunk_index", "data/file_index"))),
    "v2.1: lines in another order": (OLD_SET, lines("meta/episodes.jsonl", lambda e: e[::-1])),
    "v2.1: an extra column": (
        OLD_SET,
        lambda root: edit_table(root / OLD_DATA, lambda t: t.append_column("x", t["index"])),
    ),
}
