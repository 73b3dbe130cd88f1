"""Golden sets with one thing changed: single defects, each with what must be found, and changes that do no harm."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.checking import Code, Loading
from lerotool.media.join import Piece, join_videos
from tests.dataset.reading import (
    DATA,
    EPISODES,
    IMAGE_SET,
    OLD_SET,
    PLAIN_SET,
    SMALL_FILES_SET,
    VIDEO_SET,
    copy_set,
    edit_json,
    edit_table,
)

Change = Callable[[Path], object]
FRONT = "observation.images.front"
VIDEO = f"videos/{FRONT}/chunk-000/file-000.mp4"
OLD_DATA = "data/chunk-000/episode_000001.parquet"
OLD_VIDEO = f"videos/chunk-000/{FRONT}/episode_000001.mp4"
RIGHT, WRONG, REFUSED = Loading.RIGHT, Loading.WRONG, Loading.REFUSED


@dataclass(frozen=True)
class Defect:
    """One thing changed in a golden set.

    Attributes:
        base: the golden set.
        change: what is done to a copy of it.
        codes: errors and warnings that must be found, and no others.
        loading: what LeRobot does with it.
        is_repaired: whether `--repair` gives back the values of the golden set.
        changes_values: whether rows or pictures are others than those of the golden set, rightly.
    """

    base: str
    change: Change
    codes: frozenset[Code]
    loading: Loading
    is_repaired: bool = False
    changes_values: bool = False

    def make(self, folder: Path) -> Path:
        """Return a copy of the set with the defect in it."""
        root = copy_set(self.base, folder)
        self.change(root)
        return root


def defect(
    base: str, change: Change, *codes: Code, loading: Loading = WRONG, repaired: bool = False, changes: bool = False
) -> Defect:
    return Defect(base, change, frozenset(codes), loading, repaired, changes)


def column(table: Any, name: str, values: Any) -> Any:
    array = (
        values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, table.schema.field(name).type)
    )
    return table.set_column(table.column_names.index(name), pa.field(name, array.type), array)


def data(change: Callable[[Any], Any], **options: Any) -> Change:
    return lambda root: edit_table(root / DATA, change, **options)


def episodes(change: Callable[[Any], Any]) -> Change:
    return lambda root: edit_table(root / EPISODES, change)


def info(**keys: Any) -> Change:
    return lambda root: edit_json(root / "meta/info.json", lambda document: document.update(keys))


def stats(change: Callable[[dict[str, Any]], object]) -> Change:
    return lambda root: edit_json(root / "meta/stats.json", change)


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


def first_frames(count: int) -> Change:
    """Leave only the first pictures of the video."""

    def change(root: Path) -> None:
        whole = (root / VIDEO).rename(root / "whole.mp4")
        join_videos([Piece(whole, 0, count)], root / VIDEO, 10)
        whole.unlink()

    return change


def retimed(shown: Callable[[int], float]) -> Change:
    """Copy the video's packets so that picture k is shown at ``shown(k)`` seconds."""

    def change(root: Path) -> None:
        old = (root / VIDEO).rename(root / "old.mp4")
        with av.open(str(old)) as source, av.open(str(root / VIDEO), "w") as target:
            stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
            for packet in source.demux(video=0):
                if packet.size:
                    packet.pts = packet.dts = round(shown(packet.pts // 1024) * 10240)
                    packet.stream = stream
                    target.mux(packet)
        old.unlink()

    return change


def encode(path: Path, frames: Sequence[Any], times: Sequence[float], encoder: str = "h264") -> None:
    """Write pictures with any times."""
    with av.open(str(path), "w") as target:
        stream = target.add_stream(encoder, rate=10)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, 10240)
        stream.codec_context.time_base = Fraction(1, 10240)
        stream.options = {"crf": "5", "g": "2", "bf": "0"}
        for pixels, seconds in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.time_base, frame.pts = Fraction(1, 10240), round(seconds * 10240)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


def pictures(make: Callable[[int, Any], Any]) -> Change:
    """Replace every picture of the front camera."""

    def change(root: Path) -> None:
        with av.open(str(root / VIDEO)) as source:
            frames = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]
        new = [make(number, frames) for number in range(len(frames))]
        encode(root / VIDEO, new, [number / 10 for number in range(len(new))])
        edit_json(root / "meta/info.json", lambda d: d["features"][FRONT]["info"].update({"video.codec": "h264"}))

    return change


def both(*changes: Change) -> Change:
    def change(root: Path) -> None:
        for one in changes:
            one(root)

    return change


def h264(root: Path) -> None:
    edit_json(root / "meta/info.json", lambda d: d["features"][FRONT]["info"].update({"video.codec": "h264"}))


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


def over_999(root: Path) -> None:
    """Give every episode a data file of its own, with numbers whose texts sort in another order."""
    table = pq.ParquetFile(root / DATA).read()
    numbers = (998, 999, 1000, 1001)
    (root / DATA).unlink()
    for episode, number in enumerate(numbers):
        rows = table.filter(pa.array([value == episode for value in table["episode_index"].to_pylist()]))
        pq.write_table(rows, root / f"data/chunk-000/file-{number:03d}.parquet")
    edit_table(root / EPISODES, lambda t: column(t, "data/file_index", list(numbers)))


def swapped_pointers(root: Path) -> None:
    files = sorted((root / "meta/episodes").glob("*/*.parquet"))
    edit_table(
        files[0],
        lambda t: column(t, "data/file_index", [1 - v if v < 2 else v for v in t["data/file_index"].to_pylist()]),
    )


def v21_metadata(root: Path) -> None:
    def change(table: Any) -> Any:
        text = table.schema.metadata[b"huggingface"].replace(b'"Sequence"', b'"List"')
        return table.replace_schema_metadata({b"huggingface": text})

    edit_table(root / OLD_DATA, change)


def lines(name: str, change: Callable[[list[Any]], list[Any]]) -> Change:
    def edit(root: Path) -> None:
        entries = [json.loads(line) for line in (root / name).read_text().splitlines()]
        (root / name).write_text("".join(json.dumps(entry) + "\n" for entry in change(entries)))

    return edit


def feature(name: str, **keys: Any) -> Change:
    return lambda root: edit_json(root / "meta/info.json", lambda d: d["features"].setdefault(name, {}).update(keys))


def without_feature(name: str) -> Change:
    return lambda root: edit_json(root / "meta/info.json", lambda d: d["features"].pop(name))


def journal(root: Path) -> None:
    folder = root / ".lerotool/staging/aa"
    folder.mkdir(parents=True)
    shutil.copyfile(root / "meta/stats.json", folder / "stats.json")
    renames = [{"source": ".lerotool/staging/aa/stats.json", "target": "meta/stats.json"}]
    document = {"schema": 1, "renames": renames, "removals": [], "consumed": [], "staging": ".lerotool/staging/aa"}
    (root / ".lerotool/journal.json").write_text(json.dumps(document))


def lost_journal(root: Path) -> None:
    journal(root)
    (root / ".lerotool/staging/aa/stats.json").unlink()
    (root / "meta/stats.json").unlink()


def still_rows(table: Any) -> Any:
    for name in ("action", "observation.state"):
        values = table[name].to_pylist()
        values[7:32] = [values[7]] * 25
        table = column(table, name, values)
    return table


def bad_png(table: Any) -> Any:
    values = table["observation.images.front"].to_pylist()
    values[0]["bytes"] = values[0]["bytes"][:40]
    return column(table, "observation.images.front", values)


def link_outside(root: Path) -> None:
    outside = root.parent / "outside.parquet"
    shutil.move(root / DATA, outside)
    (root / DATA).symlink_to(outside)


def short_times(root: Path) -> None:
    path = root / "meta/lerotool/timing/chunk-000/file-000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"tick_ns": pa.array(range(60))}), path)


def noise_in_pictures(root: Path) -> None:
    """Overwrite the pictures; header and sizes stay."""
    content = bytearray((root / VIDEO).read_bytes())
    start = content.index(b"mdat") + 4
    content[start:] = np.random.default_rng(0).bytes(len(content) - start)
    (root / VIDEO).write_bytes(content)


from_time = f"videos/{FRONT}/from_timestamp"
to_time = f"videos/{FRONT}/to_timestamp"
LAST = slice(-1, None)

DEFECTS: dict[str, Defect] = {
    # meta/info.json
    "info missing": defect(VIDEO_SET, remove("meta/info.json"), Code.INFO_MISSING, loading=REFUSED),
    "info cut": defect(VIDEO_SET, cut(0.5, "meta/info.json"), Code.INFO_UNREADABLE, loading=REFUSED),
    "info empty": defect(VIDEO_SET, overwrite("meta/info.json", b""), Code.INFO_UNREADABLE, loading=REFUSED),
    "fps zero": defect(VIDEO_SET, info(fps=0), Code.INFO_INVALID, loading=REFUSED),
    "version of another format": defect(VIDEO_SET, info(codebase_version="v2.1"), Code.VERSION, loading=REFUSED),
    "version unknown": defect(VIDEO_SET, info(codebase_version="v1.6"), Code.VERSION, loading=REFUSED),
    "total_frames too large": defect(VIDEO_SET, info(total_frames=63), Code.TOTALS, repaired=True),
    "total_frames too small": defect(VIDEO_SET, info(total_frames=60), Code.TOTALS, repaired=True),
    "total_episodes too large": defect(VIDEO_SET, info(total_episodes=5), Code.TOTALS, loading=REFUSED, repaired=True),
    "total_tasks wrong": defect(VIDEO_SET, info(total_tasks=7), Code.COUNTS, loading=RIGHT, repaired=True),
    "splits wrong": defect(VIDEO_SET, info(splits={"train": "0:99"}), Code.COUNTS, loading=RIGHT, repaired=True),
    "feature declared without column": defect(
        PLAIN_SET, feature("ghost", dtype="float32", shape=[1], names=None), Code.COLUMN_MISSING, Code.STATS_MISSING
    ),
    "column not declared": defect(PLAIN_SET, without_feature("action"), Code.COLUMN_EXTRA, loading=REFUSED),
    "other length declared": defect(
        PLAIN_SET, feature("action", shape=[5], names=None), Code.COLUMN_TYPE, Code.STATS_SHAPE, loading=REFUSED
    ),
    "other size declared": defect(VIDEO_SET, feature(FRONT, shape=[480, 640, 3]), Code.VIDEO_INFO, loading=RIGHT),
    "other codec declared": defect(VIDEO_SET, h264, Code.VIDEO_INFO, loading=RIGHT),
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
        VIDEO_SET, episodes(reordered([0, 2, 3])), Code.EPISODES_ORDER, repaired=True
    ),
    "last episode missing in the table": defect(
        VIDEO_SET, episodes(reordered([0, 1, 2])), Code.EPISODES_ORDER, repaired=True
    ),
    "episodes reversed": defect(VIDEO_SET, episodes(reordered([3, 2, 1, 0])), Code.EPISODES_ORDER, repaired=True),
    "range wrong": defect(VIDEO_SET, episodes(add("dataset_to_index", 2)), Code.EPISODE_RANGE, repaired=True),
    "length wrong": defect(
        VIDEO_SET, episodes(add("length", 1, LAST)), Code.EPISODE_LENGTH, loading=RIGHT, repaired=True
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
    # data
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
    "link out of the dataset": defect(VIDEO_SET, link_outside, Code.LINK_OUTSIDE, loading=RIGHT),
    # videos
    "video missing": defect(VIDEO_SET, remove(VIDEO), Code.VIDEO_MISSING, loading=REFUSED),
    "video cut": defect(VIDEO_SET, cut(0.7), Code.VIDEO_TRUNCATED),
    "video cut in its header": defect(VIDEO_SET, cut(0.02), Code.VIDEO_UNREADABLE),
    "video is no video": defect(VIDEO_SET, overwrite(VIDEO, b"not a video" * 99), Code.VIDEO_UNREADABLE),
    "video one short": defect(VIDEO_SET, first_frames(61), Code.VIDEO_SHORT),
    "video starts late": defect(VIDEO_SET, retimed(lambda k: k / 10 + 0.201), Code.VIDEO_TIMES),
    "video drifts": defect(VIDEO_SET, retimed(lambda k: k / 9.99), Code.VIDEO_TIMES),
    "one picture late": defect(VIDEO_SET, retimed(lambda k: k / 10 + 0.05 * (k == 20)), Code.VIDEO_TIMES),
    "from_timestamp off by 0.2 ms": defect(
        VIDEO_SET, episodes(add(from_time, 2e-4)), Code.VIDEO_TIMES, Code.VIDEO_STOP, repaired=True
    ),
    "from_timestamp one frame late": defect(
        VIDEO_SET, episodes(add(from_time, 0.1, slice(1, 2))), Code.VIDEO_OVERLAP, Code.VIDEO_STOP, repaired=True
    ),
    "from_timestamp negative": defect(
        VIDEO_SET, episodes(add(from_time, -1.0, slice(0, 1))), Code.EPISODES_VALUES, repaired=True
    ),
    "to_timestamp zero": defect(
        VIDEO_SET, episodes(lambda t: column(t, to_time, [0.0] * 4)), Code.VIDEO_STOP, loading=RIGHT, repaired=True
    ),
    "camera black": defect(
        VIDEO_SET, pictures(lambda k, frames: np.zeros_like(frames[k])), Code.CAMERA_BLACK, loading=RIGHT, changes=True
    ),
    "camera frozen": defect(
        VIDEO_SET,
        pictures(lambda k, frames: frames[10] if 10 < k < 32 else frames[k]),
        Code.CAMERA_FROZEN,
        loading=RIGHT,
        changes=True,
    ),
    "robot idle": defect(VIDEO_SET, data(still_rows), Code.EPISODE_IDLE, Code.STATS_STALE, loading=RIGHT, changes=True),
    "pictures damaged": defect(VIDEO_SET, noise_in_pictures, Code.VIDEO_UNDECODABLE),
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
    "stats stale": defect(
        VIDEO_SET, stats(lambda d: d["action"].update(max=[999.0] * 6)), Code.STATS_STALE, loading=RIGHT
    ),
    # beside the dataset
    "commit interrupted": defect(VIDEO_SET, journal, Code.UNFINISHED_COMMIT, loading=WRONG, repaired=True),
    "commit lost": defect(VIDEO_SET, lost_journal, Code.JOURNAL, loading=WRONG),
    "template leads out": defect(
        VIDEO_SET, info(video_path="../{video_key}/{file_index}.mp4"), Code.PATH_TEMPLATE, loading=REFUSED
    ),
    "measured times are short": defect(VIDEO_SET, short_times, Code.SIDECAR, loading=RIGHT),
    # v2.1
    "v2.1: wrong totals": defect(OLD_SET, info(total_frames=63), Code.TOTALS, repaired=True),
    "v2.1: wrong number of videos": defect(OLD_SET, info(total_videos=1), Code.COUNTS, loading=RIGHT, repaired=True),
    "v2.1: data missing": defect(OLD_SET, remove(OLD_DATA), Code.DATA_MISSING, loading=REFUSED),
    "v2.1: stray data": defect(OLD_SET, copied(OLD_DATA, "data/old/x.parquet"), Code.DATA_STRAY, repaired=True),
    "v2.1: video missing": defect(OLD_SET, remove(OLD_VIDEO), Code.VIDEO_MISSING, loading=REFUSED),
    "v2.1: wall-clock timestamps": defect(
        OLD_SET, lambda r: edit_table(r / OLD_DATA, add("timestamp", 50.5)), Code.TIMESTAMPS, repaired=True
    ),
    "v2.1: index gap": defect(
        OLD_SET, lambda r: edit_table(r / OLD_DATA, add("index", 50)), Code.WRONG_INDEX, repaired=True
    ),
    "v2.1: List in the metadata": defect(OLD_SET, v21_metadata, Code.SCHEMA_METADATA, loading=REFUSED),
    "v2.1: episode doubled": defect(
        OLD_SET, lines("meta/episodes.jsonl", lambda e: [*e, e[1]]), Code.EPISODES_ORDER, repaired=True
    ),
    "v2.1: episode missing in the table": defect(
        OLD_SET, lines("meta/episodes.jsonl", lambda e: [e[0], *e[2:]]), Code.EPISODES_ORDER, repaired=True
    ),
    "v2.1: statistics without count": defect(
        OLD_SET,
        lines("meta/episodes_stats.jsonl", lambda e: [e[0]["stats"]["action"].pop("count"), e][1]),
        Code.STATS_SHAPE,
        loading=REFUSED,
    ),
    "v2.1: no statistics": defect(
        OLD_SET, remove("meta/episodes_stats.jsonl"), Code.STATS_UNREADABLE, loading=REFUSED, repaired=True
    ),
}


def lists_and_widths(table: Any) -> Any:
    for name in ("action", "observation.state"):
        values = pa.chunked_array([chunk.cast(pa.large_list(pa.float64())) for chunk in table[name].chunks])
        table = column(table, name, values)
    return column(table, "index", table["index"].cast(pa.int32()))


def junk_files(root: Path) -> None:
    for name in (".DS_Store", "notes.txt"):
        (root / "data/chunk-000" / name).write_bytes(b"junk")
        (root / "meta/episodes/chunk-000" / name).write_bytes(b"junk")


def join_longer(root: Path) -> None:
    whole = (root / VIDEO).rename(root / "whole.mp4")
    join_videos([whole, Piece(whole, 0, 4)], root / VIDEO, 10)
    whole.unlink()


def unnamed_tasks(root: Path) -> None:
    frame = pd.read_parquet(root / "meta/tasks.parquet")
    frame.index.name = None
    frame.to_parquet(root / "meta/tasks.parquet")


HARMLESS: dict[str, tuple[str, Change]] = {
    "nothing": (VIDEO_SET, Path.is_dir),
    "zstd": (VIDEO_SET, data(lambda t: t, compression="zstd")),
    "one row group": (VIDEO_SET, data(lambda t: t, row_group_size=10**6)),
    "row groups that cut episodes": (VIDEO_SET, data(lambda t: t, row_group_size=5)),
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
    "more pictures than rows": (VIDEO_SET, join_longer),
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
