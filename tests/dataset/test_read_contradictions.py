"""Datasets that contradict themselves, or name what is not theirs, are refused with the contradiction named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError, DatasetError, MetadataError, UsageError
from tests.dataset.edits import Change, column, data, episodes, info, lines, with_nulls, without
from tests.dataset.reading import (
    DATA,
    EPISODES,
    IMAGE_SET,
    OLD_SET,
    PLAIN_SET,
    VIDEO_SET,
    copy_set,
    edit_table,
    read_everything,
)
from tests.shared import GOLDEN


def plus_one(name: str, row: int = 1) -> Change:
    def change(table: Any) -> Any:
        values = table[name].to_pylist()
        values[row] += 1
        return column(table, name, pa.array(values, table[name].type))

    return episodes(change)


def set_value(name: str, value: Any, row: int = 1) -> Change:
    def change(table: Any) -> Any:
        values = table[name].to_pylist()
        values[row] = value
        return column(table, name, pa.array(values))

    return episodes(change)


def shuffled(table: Any) -> Any:
    order = np.random.default_rng(0).permutation(table.num_rows)
    return table.take(pa.array(order))


FROM = "videos/observation.images.front/from_timestamp"


CONTRADICTIONS: dict[str, tuple[Change, str]] = {
    "too many frames stated": (info(total_frames=63), "expected 63 total_frames.*found 62"),
    "too many episodes stated": (info(total_episodes=5), "expected 5 total_episodes.*found 4"),
    "an episode is missing": (
        episodes(lambda t: pa.concat_tables([t.slice(0, 1), t.slice(2)])),
        "total_episodes|expected",
    ),
    "an episode is there twice": (episodes(lambda t: t.take(pa.array([0, 1, 1, 3]))), "row 2|total_frames"),
    "reversed episodes": (
        episodes(lambda t: t.take(pa.array([3, 2, 1, 0]))),
        "expected episode_index 0, found 3",
    ),
    "overlapping ranges": (plus_one("dataset_to_index"), "expected dataset_to_index 32, found 33"),
    "a gap between ranges": (plus_one("dataset_from_index"), "expected dataset_from_index 7, found 8"),
    "a negative length": (set_value("length", -3), "found -3"),
    "a huge length": (set_value("length", 2**62), "found 4611686018427387904"),
    "no length": (set_value("length", None), "missing values: 1 of 4"),
    "a fractional length": (set_value("length", 2.5), "whole numbers"),
    "no length column": (episodes(without("length")), "column 'length' is missing"),
    "a length that is a text": (
        episodes(lambda t: column(t, "length", pa.array(["a"] * 4))),
        "whole numbers",
    ),
    "episodes of one file apart": (set_value("data/file_index", 1), "continues file 0 of chunk 0"),
    "a data file that is not there": (
        episodes(lambda t: column(t, "data/file_index", [3] * 4)),
        r"file-003\.parquet: the file is missing",
    ),
    "a row missing": (data(lambda t: t.slice(1)), "expected 62 rows.*found 61"),
    "a row too many": (data(lambda t: pa.concat_tables([t, t.slice(61)])), "expected 62 rows.*found 63"),
    "shuffled rows": (data(shuffled, row_group_size=7), "expected episodes 0 to 0"),
    "a column missing": (
        data(without("observation.state")),
        "column of feature 'observation.state' is missing",
    ),
    "a null row": (
        data(lambda t: with_nulls(t, "action", [None, *t["action"].to_pylist()[1:]])),
        "feature 'action': missing values: 1 of 62",
    ),
    "vectors of another length": (
        data(lambda t: column(t, "action", pa.array([r[:5] for r in t["action"].to_pylist()]))),
        "expected lists of 6 values.*found one of 5",
    ),
    "scalars for vectors": (
        data(lambda t: column(t, "action", t["timestamp"])),
        r"expected values of shape \[6\]",
    ),
    "fractions for whole numbers": (
        data(lambda t: column(t, "frame_index", pc.add(t["timestamp"], 0.25))),
        "feature 'frame_index': expected int64, found",
    ),
    "texts for numbers": (data(lambda t: column(t, "action", pa.array(["a"] * 62))), "feature 'action'"),
    "a start between frames": (set_value(FROM, 0.75), "from_timestamp is 0.75"),
    "a start that is no number": (set_value(FROM, float("nan")), "from_timestamp is nan"),
    "a start before the file": (set_value(FROM, -1.0), "from_timestamp is -1"),
    "tasks in another order": (
        lambda r: edit_table(r / "meta/tasks.parquet", lambda t: t.take(pa.array([1, 0]))),
        "expected tasks 0 to 1",
    ),
    "a task without text": (
        lambda r: edit_table(r / "meta/tasks.parquet", lambda t: column(t, "task", pa.array(["a", None]))),
        "1 of 2 task texts are missing",
    ),
    "no task column": (
        lambda r: edit_table(r / "meta/tasks.parquet", lambda t: t.select(["task_index"])),
        "expected columns",
    ),
    "v2.1 stated": (info(codebase_version="v2.1", data_path=None, video_path=None), r"tasks\.jsonl.*missing"),
    "a task that nobody knows": (
        lambda r: (
            episodes(without("tasks"))(r),
            edit_table(r / DATA, lambda t: column(t, "task_index", [9] * 62)),
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


OLD_CONTRADICTIONS: dict[str, tuple[Change, str]] = {
    "an episode twice": (
        lines("meta/episodes.jsonl", lambda old: [*old, old[1]]),
        "line 5: episode 1 is there twice",
    ),
    "an episode missing": (
        lines("meta/episodes.jsonl", lambda old: [old[0], *old[2:]]),
        "episode 1 is missing",
    ),
    "the last episode missing": (
        lines("meta/episodes.jsonl", lambda old: old[:-1]),
        "expected 4 total_episodes",
    ),
    "a task twice": (
        lines("meta/tasks.jsonl", lambda old: [*old, old[0]]),
        "line 3: task 0 is there twice",
    ),
    "a task missing": (lines("meta/tasks.jsonl", lambda old: old[1:]), "expected tasks 0 to 0"),
    "statistics twice": (
        lines("meta/episodes_stats.jsonl", lambda old: [*old, old[0]]),
        "line 5: episode 0 is there twice",
    ),
    "statistics of an unknown episode": (
        lines("meta/episodes_stats.jsonl", lambda old: [*old, {**old[0], "episode_index": 9}]),
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


def test_a_missing_column_does_not_hide_the_others(tmp_path: Path) -> None:
    root = copy_set(PLAIN_SET, tmp_path)
    data(without("observation.state"))(root)

    assert Dataset.open(root).numpy("action").shape == (24, 6)


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
    with pytest.raises(UsageError, match="is not a camera"):
        dataset.frames(0, "action")
    with pytest.raises(IndexError, match="no episode 4"):
        dataset.episodes[4]
    with pytest.raises(IndexError, match="not within the 62 rows"):
        dataset.rows(60, 63)
    with pytest.raises(IndexError, match="not within the 7 frames of episode 0"):
        dataset.frames(0, "observation.images.front", 0, 8)


@pytest.mark.parametrize("key", ["data_path", "video_path"])
def test_a_template_with_code_in_it_is_refused_on_opening(tmp_path: Path, key: str) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    info(**{key: "{video_key.__class__}/x"})(root)

    with pytest.raises(MetadataError, match=key):
        Dataset.open(root)


@pytest.mark.parametrize("file", [EPISODES, DATA, "videos/observation.images.front/chunk-000/file-000.mp4"])
def test_a_file_that_is_a_link_out_of_the_root_is_refused(tmp_path: Path, file: str) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    outside = (root / file).rename(tmp_path / "outside")
    (root / file).symlink_to(outside)

    with pytest.raises(CorruptDatasetError, match="leads out of the dataset"):
        read_everything(root)


def test_a_row_without_its_picture_is_named(tmp_path: Path) -> None:
    root = copy_set(IMAGE_SET, tmp_path)
    camera = "observation.images.front"
    data(lambda t: column(t, camera, pa.array([{**t[camera][0].as_py(), "bytes": None}, *t[camera].to_pylist()[1:]])))(
        root
    )

    with pytest.raises(CorruptDatasetError, match=f"episode 0, camera '{camera}', row 0: the row has no picture"):
        list(Dataset.open(root).frames(0, camera))
