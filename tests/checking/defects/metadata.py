"""Defects of ``info.json``, the tasks, the episode table and the statistics."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.checking import Code
from tests.checking.defects.defect import FRONT, REFUSED, RIGHT, Defect, defect
from tests.checking.defects.edits import (
    add,
    both,
    copied,
    cut,
    drop,
    feature,
    footerless,
    overwrite,
    remove,
    reordered,
    set_value,
    stats,
    without_feature,
)
from tests.checking.defects.videos import from_time
from tests.dataset.edits import Change, column, data, episodes, info
from tests.dataset.reading import EPISODES, PLAIN_SET, SMALL_FILES_SET, VIDEO_SET, edit_json, edit_table

LAST = slice(-1, None)
TO_TIMES = [f"videos/observation.images.{camera}/to_timestamp" for camera in ("front", "wrist")]


def h264(root: Path) -> None:
    edit_json(root / "meta/info.json", lambda d: d["features"][FRONT]["info"].update({"video.codec": "h264"}))


def old_block(root: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        entry = document["features"][FRONT]
        entry["video_info"] = {**entry.pop("info"), "video.codec": "h264"}

    edit_json(root / "meta/info.json", change)


def tasks(**options: Any) -> Change:
    def change(root: Path) -> None:
        frame = pd.read_parquet(root / "meta/tasks.parquet")
        if options.get("reverse"):
            frame.iloc[::-1].to_parquet(root / "meta/tasks.parquet")
        else:
            table = pa.table({"task_index": frame["task_index"].tolist(), "task": frame.index.tolist()})
            pq.write_table(table, root / "meta/tasks.parquet")

    return change


def two_tables(more: str) -> Change:
    """Split the episode table; the file called ``more`` keeps columns that the other lacks."""

    def change(root: Path) -> None:
        table = pq.ParquetFile(root / EPISODES).read()
        parts = {"first": table.slice(0, 2), "second": table.slice(2)}
        names = [name for name in table.column_names if not name.startswith("stats/action/q")]
        for part, rows in parts.items():
            if more not in (part, "both"):
                parts[part] = rows.select(names)
        pq.write_table(parts["first"], root / EPISODES)
        pq.write_table(parts["second"], root / EPISODES.replace("file-000", "file-001"))

    return change


def swapped_pointers(root: Path) -> None:
    files = sorted((root / "meta/episodes").glob("*/*.parquet"))
    edit_table(
        files[0],
        lambda t: column(t, "data/file_index", [1 - v if v < 2 else v for v in t["data/file_index"].to_pylist()]),
    )


def one_more_without_frames(table: Any) -> Any:
    last = table.slice(3)
    for name, value in {"episode_index": 4, "length": 0, "dataset_from_index": 62, "dataset_to_index": 62}.items():
        last = column(last, name, [value])
    for name in (name for name in last.column_names if name.endswith("/from_timestamp")):
        last = column(last, name, last[name.replace("from", "to")])
    return pa.concat_tables([table, last])


def one_before_without_frames(table: Any) -> Any:
    first = table.slice(0, 1)
    zeros = {"length": 0, "dataset_to_index": 0, **dict.fromkeys(TO_TIMES, 0.0)}
    for name, value in zeros.items():
        first = column(first, name, [value])
    return pa.concat_tables([first, column(table, "episode_index", [1, 2, 3, 4])])


def without_quantiles(document: dict[str, Any]) -> None:
    for entry in document.values():
        for name in [name for name in entry if name.startswith("q")]:
            entry.pop(name)


def in_lance(root: Path) -> None:
    info(storage_format="lance")(root)
    shutil.rmtree(root / "data")
    shutil.rmtree(root / "videos")
    (root / "frames.lance").mkdir()


def marked(root: Path) -> None:
    path = root / "meta/info.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


DEFECTS: dict[str, Defect] = {
    # meta/info.json
    "info missing": defect(VIDEO_SET, remove("meta/info.json"), Code.INFO_MISSING, loading=REFUSED),
    "info cut": defect(VIDEO_SET, cut(0.5, "meta/info.json"), Code.INFO_UNREADABLE, loading=REFUSED),
    "info empty": defect(VIDEO_SET, overwrite("meta/info.json", b""), Code.INFO_UNREADABLE, loading=REFUSED),
    "fps zero": defect(VIDEO_SET, info(fps=0), Code.INFO_INVALID, loading=REFUSED),
    "version of another format": defect(VIDEO_SET, info(codebase_version="v2.1"), Code.VERSION, loading=REFUSED),
    "rows in Lance": defect(VIDEO_SET, in_lance, Code.VERSION, loading=REFUSED),
    "a byte order mark": defect(VIDEO_SET, marked, Code.INFO_BOM, loading=REFUSED, repaired=True),
    "version unknown": defect(VIDEO_SET, info(codebase_version="v1.6"), Code.VERSION, loading=REFUSED),
    "total_frames too large": defect(VIDEO_SET, info(total_frames=63), Code.TOTALS, repaired=True),
    "total_frames too small": defect(VIDEO_SET, info(total_frames=60), Code.TOTALS, repaired=True),
    "total_episodes too large": defect(VIDEO_SET, info(total_episodes=5), Code.TOTALS, loading=REFUSED, repaired=True),
    "total_tasks wrong": defect(VIDEO_SET, info(total_tasks=7), Code.COUNTS, loading=RIGHT, repaired=True),
    "splits wrong": defect(VIDEO_SET, info(splits={"train": "0:99"}), Code.COUNTS, loading=RIGHT, repaired=True),
    "total_episodes is a float": defect(
        VIDEO_SET, info(total_episodes=4.0), Code.TOTALS, loading=REFUSED, repaired=True
    ),
    "total_episodes is a half": defect(
        VIDEO_SET, info(total_episodes=4.5), Code.TOTALS, loading=REFUSED, repaired=True
    ),
    "total_episodes is a text": defect(
        VIDEO_SET, info(total_episodes="4"), Code.TOTALS, loading=REFUSED, repaired=True
    ),
    "total_episodes is null": defect(VIDEO_SET, info(total_episodes=None), Code.TOTALS, loading=REFUSED, repaired=True),
    "total_episodes is true": defect(VIDEO_SET, info(total_episodes=True), Code.TOTALS, repaired=True),
    "total_episodes is negative": defect(VIDEO_SET, info(total_episodes=-4), Code.TOTALS, repaired=True),
    "total_frames is a float": defect(VIDEO_SET, info(total_frames=62.0), Code.TOTALS, repaired=True),
    "feature declared without column": defect(
        PLAIN_SET, feature("ghost", dtype="float32", shape=[1], names=None), Code.COLUMN_MISSING, Code.STATS_MISSING
    ),
    "column not declared": defect(PLAIN_SET, without_feature("action"), Code.COLUMN_EXTRA, loading=REFUSED),
    "other length declared": defect(
        PLAIN_SET, feature("action", shape=[5], names=None), Code.COLUMN_TYPE, Code.STATS_SHAPE, loading=REFUSED
    ),
    "other size declared": defect(
        VIDEO_SET, feature(FRONT, shape=[480, 640, 3]), Code.VIDEO_INFO, loading=RIGHT, repaired=True
    ),
    "other codec declared": defect(VIDEO_SET, h264, Code.VIDEO_INFO, loading=RIGHT, repaired=True),
    "other codec declared, as older datasets do": defect(
        VIDEO_SET, old_block, Code.VIDEO_INFO, loading=RIGHT, repaired=True
    ),
    "camera without names": defect(
        VIDEO_SET, feature(FRONT, names=None), Code.CAMERA_NAMES, loading=RIGHT, repaired=True
    ),
    "keys missing": defect(
        VIDEO_SET,
        lambda root: edit_json(
            root / "meta/info.json", lambda d: [d.pop(k) for k in ("splits", "chunks_size", "data_path")]
        ),
        Code.INFO_KEYS,
        loading=RIGHT,
        repaired=True,
    ),
    "timestamp not declared": defect(
        VIDEO_SET, without_feature("timestamp"), Code.DEFAULT_FEATURES, Code.COLUMN_EXTRA, loading=REFUSED
    ),
    "template leads out": defect(
        VIDEO_SET, info(video_path="../{video_key}/{file_index}.mp4"), Code.PATH_TEMPLATE, loading=REFUSED
    ),
    "data_path is another": defect(
        VIDEO_SET, info(data_path="data/{file_index}.parquet"), Code.TEMPLATE_WRONG, loading=RIGHT, repaired=True
    ),
    "video_path is another": defect(
        VIDEO_SET, info(video_path="videos/{video_key}.mp4"), Code.TEMPLATE_WRONG, loading=REFUSED, repaired=True
    ),
    # tasks
    "tasks missing": defect(VIDEO_SET, remove("meta/tasks.parquet"), Code.TASKS_MISSING, loading=REFUSED),
    "tasks damaged": defect(VIDEO_SET, cut(0.5, "meta/tasks.parquet"), Code.TASKS_UNREADABLE, loading=REFUSED),
    "tasks without index": defect(VIDEO_SET, tasks(), Code.TASKS_INDEX, repaired=True),
    "tasks reversed": defect(VIDEO_SET, tasks(reverse=True), Code.TASKS_ORDER, repaired=True),
    "task unknown": defect(VIDEO_SET, data(add("task_index", 5, LAST)), Code.TASK_UNKNOWN),
    "task list stale": defect(
        VIDEO_SET, episodes(lambda t: column(t, "tasks", [["x"]] * 4)), Code.TASK_LIST, loading=RIGHT, repaired=True
    ),
    # episode table
    "episodes missing": defect(VIDEO_SET, remove(EPISODES), Code.EPISODES_MISSING, loading=REFUSED, repaired=True),
    "episodes footerless": defect(
        VIDEO_SET, lambda r: footerless(r / EPISODES), Code.EPISODES_UNREADABLE, loading=REFUSED, repaired=True
    ),
    "episodes cut": defect(VIDEO_SET, cut(0.5, EPISODES), Code.EPISODES_UNREADABLE, loading=REFUSED, repaired=True),
    "episode doubled": defect(VIDEO_SET, episodes(reordered([0, 1, 1, 2, 3])), Code.EPISODES_ORDER, repaired=True),
    "episode missing in the table": defect(
        VIDEO_SET, episodes(reordered([0, 2, 3])), Code.EPISODES_ORDER, loading=REFUSED, repaired=True
    ),
    "last episode missing in the table": defect(
        VIDEO_SET, episodes(reordered([0, 1, 2])), Code.EPISODES_ORDER, loading=REFUSED, repaired=True
    ),
    "episodes reversed": defect(VIDEO_SET, episodes(reordered([3, 2, 1, 0])), Code.EPISODES_ORDER, repaired=True),
    "range wrong": defect(VIDEO_SET, episodes(add("dataset_to_index", 2)), Code.EPISODE_RANGE, repaired=True),
    "episode without frames": defect(
        VIDEO_SET,
        both(episodes(one_more_without_frames), info(total_episodes=5, splits={"train": "0:5"})),
        Code.EPISODE_EMPTY,
        loading=REFUSED,
    ),
    "first episode without frames": defect(
        VIDEO_SET,
        both(episodes(one_before_without_frames), data(add("episode_index", 1)), info(total_episodes=5, splits={})),
        Code.EPISODE_EMPTY,
        loading=REFUSED,
        changes=True,
    ),
    "length wrong": defect(
        VIDEO_SET, episodes(add("length", 1, LAST)), Code.EPISODE_LENGTH, loading=RIGHT, repaired=True
    ),
    "length zero": defect(
        VIDEO_SET, episodes(set_value("length", 1, 0)), Code.EPISODE_LENGTH, loading=RIGHT, repaired=True
    ),
    "length negative": defect(
        VIDEO_SET, episodes(set_value("length", 1, -5)), Code.EPISODES_VALUES, loading=RIGHT, repaired=True
    ),
    "video pointer null": defect(
        VIDEO_SET,
        both(*(episodes(set_value(f"videos/{FRONT}/{part}_index", 1, None)) for part in ("chunk", "file"))),
        Code.EPISODES_VALUES,
        loading=REFUSED,
        repaired=True,
    ),
    "table is a folder": defect(
        VIDEO_SET,
        lambda r: [(r / EPISODES).unlink(), (r / EPISODES).mkdir()],
        Code.EPISODES_UNREADABLE,
        loading=REFUSED,
    ),
    "no video columns": defect(VIDEO_SET, episodes(drop(from_time)), Code.VIDEO_POINTER, repaired=True),
    "later table has more columns": defect(
        VIDEO_SET, two_tables("second"), Code.EPISODES_COLUMNS, loading=REFUSED, repaired=True
    ),
    "table doubled": defect(
        VIDEO_SET,
        copied(EPISODES, EPISODES.replace("file-000", "file-000 copy")),
        Code.EPISODES_STRAY,
        loading=RIGHT,
        repaired=True,
    ),
    "table with a hidden file": defect(
        VIDEO_SET,
        overwrite("meta/episodes/chunk-000/._file-000.parquet", b"junk"),
        Code.EPISODES_STRAY,
        loading=REFUSED,
        repaired=True,
    ),
    "file numbers are floats": defect(
        VIDEO_SET,
        episodes(lambda t: column(t, f"videos/{FRONT}/file_index", pa.array([0.0] * 4))),
        Code.EPISODES_COLUMNS,
        loading=REFUSED,
        repaired=True,
    ),
    "data pointer wrong": defect(SMALL_FILES_SET, swapped_pointers, Code.DATA_POINTER, loading=RIGHT, repaired=True),
    # statistics
    "stats missing": defect(VIDEO_SET, remove("meta/stats.json"), Code.STATS_MISSING, loading=RIGHT),
    "stats cut": defect(VIDEO_SET, cut(0.5, "meta/stats.json"), Code.STATS_UNREADABLE, loading=REFUSED, repaired=True),
    "stats of a feature missing": defect(
        VIDEO_SET, stats(lambda d: d.pop("action")), Code.STATS_MISSING, loading=RIGHT
    ),
    "stats flat": defect(
        VIDEO_SET, stats(lambda d: d[FRONT].update(mean=[0.5, 0.5, 0.5])), Code.STATS_SHAPE, loading=RIGHT
    ),
    "stats negative": defect(
        VIDEO_SET, stats(lambda d: d["action"].update(std=[-1.0] * 6)), Code.STATS_IMPOSSIBLE, loading=RIGHT
    ),
    "stats of pictures in bytes": defect(
        VIDEO_SET,
        stats(lambda d: d[FRONT].update(min=[[[0.0]]] * 3, max=[[[255.0]]] * 3, mean=[[[99.0]]] * 3)),
        Code.STATS_IMPOSSIBLE,
        loading=RIGHT,
    ),
    "std zero where values differ": defect(
        VIDEO_SET, stats(lambda d: d[FRONT].update(std=[[[0.0]]] * 3)), Code.STATS_IMPOSSIBLE, loading=RIGHT
    ),
    "stats stale": defect(
        VIDEO_SET, stats(lambda d: d["action"].update(max=[999.0] * 6)), Code.STATS_STALE, loading=RIGHT
    ),
}

NOTES: dict[str, Defect] = {
    "no quantiles": defect(VIDEO_SET, stats(without_quantiles), Code.STATS_QUANTILES, loading=RIGHT),
}
