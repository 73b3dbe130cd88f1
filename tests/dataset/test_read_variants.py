"""One thing changed in a golden set: what is legal is read right, what contradicts itself is refused by name."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError, DatasetError, DatasetNotFoundError, MetadataError, UsageError
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
    read_everything,
    tree_hash,
)
from tests.shared import GOLDEN, needs_shared

pytestmark = needs_shared

Change = Callable[[Path], object]


def with_column(table: Any, name: str, values: Any) -> Any:
    """Return the table with other values in a column."""
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    return table.set_column(table.column_names.index(name), name, array)


def rewrite_data(change: Callable[[Any], Any], **options: Any) -> Change:
    return lambda root: edit_table(root / DATA, change, **options)


def rewrite_episodes(change: Callable[[Any], Any]) -> Change:
    return lambda root: edit_table(root / EPISODES, change)


def rewrite_info(**keys: Any) -> Change:
    return lambda root: edit_json(root / "meta/info.json", lambda document: document.update(keys))


def without(*names: str) -> Callable[[Any], Any]:
    return lambda table: table.select([name for name in table.column_names if not name.startswith(names)])


def as_lists(table: Any) -> Any:
    for name in ("action", "observation.state"):
        values = pa.chunked_array([chunk.cast(pa.large_list(pa.float64())) for chunk in table[name].chunks])
        table = with_column(table, name, values)
    return with_column(table, "index", table["index"].cast(pa.int32()))


def two_episode_files(root: Path) -> None:
    table = pq.ParquetFile(root / EPISODES).read()
    first, second = table.slice(0, 1), table.slice(1)
    pq.write_table(first, root / EPISODES)
    names = [name for name in reversed(second.column_names) if not name.startswith("stats/action/q")]
    pq.write_table(second.select(names), root / EPISODES.replace("file-000", "file-001"))


def other_data_path(root: Path) -> None:
    (root / "data/part-a").mkdir()
    (root / DATA).rename(root / "data/part-a/x.parquet")
    rewrite_info(data_path="data/part-a/x.parquet")(root)


def stray_files(root: Path) -> None:
    for name in (".DS_Store", "notes.txt", "._file-000.parquet", "file-001.parquet.partial-12-aa"):
        (root / "data/chunk-000" / name).write_bytes(b"junk")
        (root / "meta/episodes/chunk-000" / name).write_bytes(b"junk")


LEGAL: dict[str, Change] = {
    "unchanged": rewrite_info(),
    "row groups that cut episodes": rewrite_data(lambda table: table, row_group_size=5),
    "one row group": rewrite_data(lambda table: table, row_group_size=10**6),
    "zstd": rewrite_data(lambda table: table, compression="zstd"),
    "lists and other widths": rewrite_data(as_lists),
    "other column order": rewrite_data(lambda table: table.select(list(reversed(table.column_names)))),
    "no schema metadata": rewrite_data(lambda table: table.replace_schema_metadata(None)),
    "times as doubles": rewrite_data(lambda t: with_column(t, "timestamp", t["timestamp"].cast(pa.float64()))),
    "no episode statistics": rewrite_episodes(without("stats/")),
    "no ranges": rewrite_episodes(without("dataset_", "meta/")),
    "no data files named": rewrite_episodes(without("data/")),
    "no episode numbers": rewrite_episodes(without("episode_index")),
    "no tasks in the table": rewrite_episodes(without("tasks")),
    "narrow numbers": rewrite_episodes(lambda t: with_column(t, "length", t["length"].cast(pa.int32()))),
    "numbers as doubles": rewrite_episodes(lambda t: with_column(t, "length", t["length"].cast(pa.float64()))),
    "two episode files": two_episode_files,
    "other data path": other_data_path,
    "unknown keys": rewrite_info(mine={"a": [1]}, tools=[]),
    "few keys": lambda root: edit_json(
        root / "meta/info.json",
        lambda d: [d.pop(k) for k in list(d) if k not in ("codebase_version", "fps", "features")],
    ),
    "fractional fps": rewrite_info(fps=10.0),
    "no statistics": lambda root: (root / "meta/stats.json").unlink(),
    "stray files": stray_files,
    "plain task table": lambda root: edit_table(root / "meta/tasks.parquet", lambda t: t.replace_schema_metadata(None)),
    "unnamed task index": lambda root: edit_table(
        root / "meta/tasks.parquet", lambda t: t.rename_columns(["task_index", "__index_level_0__"])
    ),
}


@pytest.mark.parametrize("change", LEGAL.values(), ids=LEGAL.keys())
@pytest.mark.parametrize("name", [VIDEO_SET, PLAIN_SET])
def test_what_lerobot_reads_right_is_read_right(tmp_path: Path, name: str, change: Change) -> None:
    root = copy_set(name, tmp_path)
    truth, expected = Dataset.open(GOLDEN / name), json.loads((GOLDEN / f"{name}.expected.json").read_text())
    change(root)
    dataset = Dataset.open(root)

    assert dataset.tasks == truth.tasks
    assert [(e.length, sorted(e.tasks)) for e in dataset.episodes] == [
        (e.length, sorted(e.tasks)) for e in truth.episodes
    ]
    for key in ("action", "index", "timestamp", "task_index"):
        np.testing.assert_array_equal(dataset.numpy(key), truth.numpy(key))
        assert dataset.numpy(key).dtype == truth.numpy(key).dtype
        assert dataset.rows(columns=[key]).schema.field(0).type == truth.rows(columns=[key]).schema.field(0).type
    for episode in (1, 2):
        for camera in dataset.cameras:
            (picture,) = dataset.frames(episode, camera, 3, 4)
            mean = expected["mean_rgb"][camera][dataset.episodes[episode].dataset_from + 3]
            np.testing.assert_allclose(picture.mean(axis=(0, 1)) / 255, mean, atol=1e-3)
    read_everything(root)


def plus_one(name: str, row: int = 1) -> Change:
    def change(table: Any) -> Any:
        values = table[name].to_pylist()
        values[row] += 1
        return with_column(table, name, pa.array(values, table[name].type))

    return rewrite_episodes(change)


def set_value(name: str, value: Any, row: int = 1) -> Change:
    def change(table: Any) -> Any:
        values = table[name].to_pylist()
        values[row] = value
        return with_column(table, name, values)

    return rewrite_episodes(change)


def shuffled(table: Any) -> Any:
    order = np.random.default_rng(0).permutation(table.num_rows)
    return table.take(pa.array(order))


FROM = "videos/observation.images.front/from_timestamp"
CONTRADICTIONS: dict[str, tuple[Change, str]] = {
    "too many frames stated": (rewrite_info(total_frames=63), "expected 63 total_frames.*found 62"),
    "too many episodes stated": (rewrite_info(total_episodes=5), "expected 5 total_episodes.*found 4"),
    "an episode is missing": (
        rewrite_episodes(lambda t: pa.concat_tables([t.slice(0, 1), t.slice(2)])),
        "total_episodes|expected",
    ),
    "an episode is there twice": (rewrite_episodes(lambda t: t.take(pa.array([0, 1, 1, 3]))), "row 2|total_frames"),
    "reversed episodes": (
        rewrite_episodes(lambda t: t.take(pa.array([3, 2, 1, 0]))),
        "expected episode_index 0, found 3",
    ),
    "overlapping ranges": (plus_one("dataset_to_index"), "expected dataset_to_index 32, found 33"),
    "a gap between ranges": (plus_one("dataset_from_index"), "expected dataset_from_index 7, found 8"),
    "a negative length": (set_value("length", -3), "found -3"),
    "a huge length": (set_value("length", 2**62), "found 4611686018427387904"),
    "no length": (set_value("length", None), "1 of 4 values are missing"),
    "a fractional length": (set_value("length", 2.5), "whole numbers"),
    "no length column": (rewrite_episodes(without("length")), "column 'length' is missing"),
    "a length that is a text": (
        rewrite_episodes(lambda t: with_column(t, "length", ["a"] * 4)),
        "whole numbers",
    ),
    "episodes of one file apart": (set_value("data/file_index", 1), "continues file 0 of chunk 0"),
    "a data file that is not there": (
        rewrite_episodes(lambda t: with_column(t, "data/file_index", [3] * 4)),
        r"file-003\.parquet: the file is missing",
    ),
    "a row missing": (rewrite_data(lambda t: t.slice(1)), "expected 62 rows.*found 61"),
    "a row too many": (rewrite_data(lambda t: pa.concat_tables([t, t.slice(61)])), "expected 62 rows.*found 63"),
    "shuffled rows": (rewrite_data(shuffled, row_group_size=7), "expected episodes 0 to 0"),
    "a column missing": (
        rewrite_data(without("observation.state")),
        "column of feature 'observation.state' is missing",
    ),
    "a null row": (
        rewrite_data(
            lambda t: with_column(t, "action", pa.array([None, *t["action"].to_pylist()[1:]], t["action"].type))
        ),
        "feature 'action': 1 of 62 values are missing",
    ),
    "vectors of another length": (
        rewrite_data(lambda t: with_column(t, "action", pa.array([r[:5] for r in t["action"].to_pylist()]))),
        "expected lists of 6 values.*found one of 5",
    ),
    "scalars for vectors": (
        rewrite_data(lambda t: with_column(t, "action", t["timestamp"])),
        r"expected values of shape \[6\]",
    ),
    "fractions for whole numbers": (
        rewrite_data(lambda t: with_column(t, "frame_index", pc.add(t["timestamp"], 0.25))),
        "feature 'frame_index': expected int64, found",
    ),
    "texts for numbers": (rewrite_data(lambda t: with_column(t, "action", ["a"] * 62)), "feature 'action'"),
    "a start between frames": (set_value(FROM, 0.75), "from_timestamp is 0.75"),
    "a start that is no number": (set_value(FROM, float("nan")), "from_timestamp is nan"),
    "a start before the file": (set_value(FROM, -1.0), "from_timestamp is -1"),
    "tasks in another order": (
        lambda r: edit_table(r / "meta/tasks.parquet", lambda t: t.take(pa.array([1, 0]))),
        "expected tasks 0 to 1",
    ),
    "a task without text": (
        lambda r: edit_table(r / "meta/tasks.parquet", lambda t: with_column(t, "task", pa.array(["a", None]))),
        "1 of 2 task texts are missing",
    ),
    "no task column": (
        lambda r: edit_table(r / "meta/tasks.parquet", lambda t: t.select(["task_index"])),
        "expected columns",
    ),
    "v2.1 stated": (rewrite_info(codebase_version="v2.1", data_path=None, video_path=None), r"tasks\.jsonl.*missing"),
    "a task that nobody knows": (
        lambda r: (
            rewrite_episodes(without("tasks"))(r),
            edit_table(r / DATA, lambda t: with_column(t, "task_index", [9] * 62)),
        ),
        "task 9.*only 2 tasks",
    ),
}


@pytest.mark.parametrize(("change", "text"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_a_contradiction_is_named(tmp_path: Path, change: Change, text: str) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    change(root)

    with pytest.raises(DatasetError, match=text):
        read_everything(root)


def old_lines(file: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Change:
    def edit(root: Path) -> None:
        path = root / "meta" / file
        lines = change([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    return edit


OLD_CONTRADICTIONS: dict[str, tuple[Change, str]] = {
    "an episode twice": (
        old_lines("episodes.jsonl", lambda lines: [*lines, lines[1]]),
        "line 5: episode 1 is there twice",
    ),
    "an episode missing": (old_lines("episodes.jsonl", lambda lines: [lines[0], *lines[2:]]), "episode 1 is missing"),
    "the last episode missing": (old_lines("episodes.jsonl", lambda lines: lines[:-1]), "expected 4 total_episodes"),
    "a task twice": (old_lines("tasks.jsonl", lambda lines: [*lines, lines[0]]), "line 3: task 0 is there twice"),
    "a task missing": (old_lines("tasks.jsonl", lambda lines: lines[1:]), "expected tasks 0 to 0"),
    "statistics twice": (
        old_lines("episodes_stats.jsonl", lambda lines: [*lines, lines[0]]),
        "line 5: episode 0 is there twice",
    ),
    "statistics of an unknown episode": (
        old_lines("episodes_stats.jsonl", lambda lines: [*lines, {**lines[0], "episode_index": 9}]),
        "episode 9 is not in the episode table",
    ),
    "a data file of another episode": (
        lambda r: shutil.copy(r / "data/chunk-000/episode_000001.parquet", r / "data/chunk-000/episode_000000.parquet"),
        "expected 7 rows",
    ),
    "a data file missing": (
        lambda r: (r / "data/chunk-000/episode_000002.parquet").unlink(),
        "episode_000002.*missing",
    ),
}


@pytest.mark.parametrize(("change", "text"), OLD_CONTRADICTIONS.values(), ids=OLD_CONTRADICTIONS.keys())
def test_a_contradiction_in_an_old_dataset_is_named(tmp_path: Path, change: Change, text: str) -> None:
    root = copy_set(OLD_SET, tmp_path)
    change(root)

    with pytest.raises(DatasetError, match=text):
        read_everything(root)


def test_lines_of_old_datasets_may_stand_in_any_order_and_keep_unknown_keys(tmp_path: Path) -> None:
    root = copy_set(OLD_SET, tmp_path)
    for file in ("episodes.jsonl", "tasks.jsonl", "episodes_stats.jsonl"):
        old_lines(file, lambda lines: [{"mine": 1, **line} for line in reversed(lines)])(root)
    dataset, truth = Dataset.open(root), Dataset.open(GOLDEN / OLD_SET)

    assert dataset.tasks == truth.tasks
    assert [e.tasks for e in dataset.episodes] == [e.tasks for e in truth.episodes]
    assert dataset.episodes[3].extra == {"mine": 1}
    np.testing.assert_array_equal(dataset.episodes[3].stats["action"].mean, truth.episodes[3].stats["action"].mean)


def test_unknown_columns_of_rows_and_episodes_are_kept(tmp_path: Path) -> None:
    root = copy_set(PLAIN_SET, tmp_path)
    rewrite_data(lambda t: t.append_column("mine", pa.array(range(24))))(root)
    rewrite_episodes(lambda t: t.append_column("note", pa.array(["a", "b", "c"])))(root)
    dataset = Dataset.open(root)

    assert dataset.rows(3, 5)["mine"].to_pylist() == [3, 4]
    assert dataset.rows(3, 5, ["mine"]).column_names == ["mine"]
    assert [episode.extra for episode in dataset.episodes] == [{"note": "a"}, {"note": "b"}, {"note": "c"}]


def test_a_missing_column_does_not_hide_the_others(tmp_path: Path) -> None:
    root = copy_set(PLAIN_SET, tmp_path)
    rewrite_data(without("observation.state"))(root)

    assert Dataset.open(root).numpy("action").shape == (24, 6)


def test_ranges_cut_files_and_row_groups_anywhere() -> None:
    dataset = Dataset.open(GOLDEN / SMALL_FILES_SET)
    action = dataset.numpy("action")

    assert len({episode.data.path for episode in dataset.episodes}) > 1
    for start in range(0, dataset.num_frames, 5):
        for stop in (start, start + 1, min(start + 30, dataset.num_frames), dataset.num_frames):
            if stop >= start:
                np.testing.assert_array_equal(dataset.numpy("action", start, stop), action[start:stop])
    assert dataset.rows(4, 4).num_rows == 0
    assert dataset.rows(4, 4, ["action"]).schema.equals(dataset.rows(4, 5, ["action"]).schema, check_metadata=False)


def test_reading_changes_nothing(tmp_path: Path) -> None:
    for name in (VIDEO_SET, OLD_SET, IMAGE_SET):
        root = copy_set(name, tmp_path)
        before = tree_hash(root)
        read_everything(root)
        assert tree_hash(root) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_dataset_that_nobody_may_write_is_read(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    for path in [root, *root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        read_everything(root)
    finally:
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_wrong_questions_are_answered_with_what_there_is() -> None:
    dataset = Dataset.open(GOLDEN / VIDEO_SET)

    with pytest.raises(UsageError, match="no feature 'nothing'") as caught:
        dataset.numpy("nothing")
    assert "observation.state" in (caught.value.hint or "")
    with pytest.raises(UsageError, match="no column 'nothing'"):
        dataset.rows(columns=["nothing"])
    with pytest.raises(UsageError, match="is a video"):
        dataset.rows(columns=["observation.images.front"])
    with pytest.raises(UsageError, match="is a video"):
        dataset.numpy("observation.images.front")
    with pytest.raises(UsageError, match="is no camera"):
        dataset.frames(0, "action")
    with pytest.raises(IndexError, match="no episode 4"):
        dataset.episodes[4]
    with pytest.raises(IndexError, match="not within the 62 rows"):
        dataset.rows(60, 63)
    with pytest.raises(IndexError, match="not within the 7 frames of episode 0"):
        dataset.frames(0, "observation.images.front", 0, 8)


def test_episodes_are_a_sequence() -> None:
    episodes = Dataset.open(GOLDEN / VIDEO_SET).episodes

    assert [episode.index for episode in episodes] == [0, 1, 2, 3]
    assert episodes[-1] == episodes[3]
    assert [episode.index for episode in episodes[1:3]] == [1, 2]
    assert episodes.lengths.tolist() == [7, 25, 12, 18]


def test_a_repository_name_is_found_under_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "user").mkdir()
    copy_set(VIDEO_SET, tmp_path / "user").rename(tmp_path / "user/name")
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path))

    assert Dataset.open("user/name").root == tmp_path / "user/name"
    with pytest.raises(DatasetNotFoundError, match="user/other"):
        Dataset.open("user/other")


@pytest.mark.parametrize("key", ["data_path", "video_path"])
def test_a_template_with_code_in_it_is_refused_on_opening(tmp_path: Path, key: str) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    rewrite_info(**{key: "{video_key.__class__}/x"})(root)

    with pytest.raises(MetadataError, match=key):
        Dataset.open(root)


@pytest.mark.parametrize("file", [EPISODES, DATA, "videos/observation.images.front/chunk-000/file-000.mp4"])
def test_a_file_that_is_a_link_out_of_the_root_is_refused(tmp_path: Path, file: str) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    outside = (root / file).rename(tmp_path / "outside")
    (root / file).symlink_to(outside)

    with pytest.raises(CorruptDatasetError, match="leads out of the dataset"):
        read_everything(root)


def test_an_empty_dataset_opens(tmp_path: Path) -> None:
    root = tmp_path / "new"
    (root / "meta").mkdir(parents=True)
    document = json.loads((GOLDEN / VIDEO_SET / "meta/info.json").read_text())
    document.update(total_episodes=0, total_frames=0, total_tasks=0)
    (root / "meta/info.json").write_text(json.dumps(document))
    dataset = Dataset.open(root)

    assert (len(dataset.episodes), dataset.num_frames, dataset.tasks, dict(dataset.stats)) == (0, 0, (), {})
    assert dataset.rows().num_rows == 0
    assert dataset.numpy("action").shape == (0, 6)


def test_a_row_without_its_picture_is_named(tmp_path: Path) -> None:
    root = copy_set(IMAGE_SET, tmp_path)
    camera = "observation.images.front"
    rewrite_data(
        lambda t: with_column(
            t, camera, pa.array([{**t[camera][0].as_py(), "bytes": None}, *t[camera].to_pylist()[1:]])
        )
    )(root)

    with pytest.raises(CorruptDatasetError, match=f"episode 0, camera '{camera}', row 0: there is no picture"):
        list(Dataset.open(root).frames(0, camera))
