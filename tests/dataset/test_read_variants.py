"""Whatever form a sound dataset has, it is read as LeRobot reads it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.errors import DatasetNotFoundError
from tests.dataset.edits import Change, column, data, episodes, info, lines, without
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
from tests.shared import GOLDEN


def as_lists(table: Any) -> Any:
    for name in ("action", "observation.state"):
        values = pa.chunked_array([chunk.cast(pa.large_list(pa.float64())) for chunk in table[name].chunks])
        table = column(table, name, values)
    return column(table, "index", table["index"].cast(pa.int32()))


def two_episode_files(root: Path) -> None:
    table = pq.ParquetFile(root / EPISODES).read()
    first, second = table.slice(0, 1), table.slice(1)
    pq.write_table(first, root / EPISODES)
    names = [name for name in reversed(second.column_names) if not name.startswith("stats/action/q")]
    pq.write_table(second.select(names), root / EPISODES.replace("file-000", "file-001"))


def other_data_path(root: Path) -> None:
    (root / "data/part-a").mkdir()
    (root / DATA).rename(root / "data/part-a/x.parquet")
    info(data_path="data/part-a/x.parquet")(root)


def stray_files(root: Path) -> None:
    for name in (".DS_Store", "notes.txt", "._file-000.parquet", "file-001.parquet.partial-12-aa"):
        (root / "data/chunk-000" / name).write_bytes(b"junk")
        (root / "meta/episodes/chunk-000" / name).write_bytes(b"junk")


LEGAL: dict[str, Change] = {
    "unchanged": info(),
    "row groups that cut episodes": data(lambda table: table, row_group_size=5),
    "one row group": data(lambda table: table, row_group_size=10**6),
    "zstd": data(lambda table: table, compression="zstd"),
    "lists and other widths": data(as_lists),
    "other column order": data(lambda table: table.select(list(reversed(table.column_names)))),
    "no schema metadata": data(lambda table: table.replace_schema_metadata(None)),
    "times as doubles": data(lambda t: column(t, "timestamp", t["timestamp"].cast(pa.float64()))),
    "no episode statistics": episodes(without("stats/")),
    "no ranges": episodes(without("dataset_", "meta/")),
    "no data files named": episodes(without("data/")),
    "no episode numbers": episodes(without("episode_index")),
    "no tasks in the table": episodes(without("tasks")),
    "narrow numbers": episodes(lambda t: column(t, "length", t["length"].cast(pa.int32()))),
    "numbers as doubles": episodes(lambda t: column(t, "length", t["length"].cast(pa.float64()))),
    "two episode files": two_episode_files,
    "other data path": other_data_path,
    "unknown keys": info(mine={"a": [1]}, tools=[]),
    "few keys": lambda root: edit_json(
        root / "meta/info.json",
        lambda d: [d.pop(k) for k in list(d) if k not in ("codebase_version", "fps", "features")],
    ),
    "fractional fps": info(fps=10.0),
    "no statistics": lambda root: (root / "meta/stats.json").unlink(),
    "stray files": stray_files,
    "plain task table": lambda root: edit_table(root / "meta/tasks.parquet", lambda t: t.replace_schema_metadata(None)),
    "unnamed task index": lambda root: edit_table(
        root / "meta/tasks.parquet", lambda t: t.rename_columns(["task_index", "__index_level_0__"])
    ),
}


@pytest.mark.sampled
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


def test_lines_of_old_datasets_may_stand_in_any_order_and_keep_unknown_keys(tmp_path: Path) -> None:
    root = copy_set(OLD_SET, tmp_path)
    for file in ("episodes.jsonl", "tasks.jsonl", "episodes_stats.jsonl"):
        lines(f"meta/{file}", lambda entries: [{"mine": 1, **entry} for entry in reversed(entries)])(root)
    dataset, truth = Dataset.open(root), Dataset.open(GOLDEN / OLD_SET)

    assert dataset.tasks == truth.tasks
    assert [e.tasks for e in dataset.episodes] == [e.tasks for e in truth.episodes]
    assert dataset.episodes[3].extra == {"mine": 1}
    np.testing.assert_array_equal(dataset.episodes[3].stats["action"].mean, truth.episodes[3].stats["action"].mean)


def test_unknown_columns_of_rows_and_episodes_are_kept(tmp_path: Path) -> None:
    root = copy_set(PLAIN_SET, tmp_path)
    data(lambda t: t.append_column("mine", pa.array(range(24))))(root)
    episodes(lambda t: t.append_column("note", pa.array(["a", "b", "c"])))(root)
    dataset = Dataset.open(root)

    assert dataset.rows(3, 5)["mine"].to_pylist() == [3, 4]
    assert dataset.rows(3, 5, ["mine"]).column_names == ["mine"]
    assert [episode.extra for episode in dataset.episodes] == [{"note": "a"}, {"note": "b"}, {"note": "c"}]


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


def test_episodes_are_a_sequence() -> None:
    found = Dataset.open(GOLDEN / VIDEO_SET).episodes
    assert [episode.index for episode in found] == [0, 1, 2, 3]
    assert found[-1] == found[3]
    assert [episode.index for episode in found[1:3]] == [1, 2]
    assert found.lengths.tolist() == [7, 25, 12, 18]


def test_a_repository_name_is_found_under_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "user").mkdir()
    copy_set(VIDEO_SET, tmp_path / "user").rename(tmp_path / "user/name")
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path))

    assert Dataset.open("user/name").root == tmp_path / "user/name"
    with pytest.raises(DatasetNotFoundError, match="user/other"):
        Dataset.open("user/other")


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
