"""Episodes leave a dataset where it stands: what stays is bit for bit what it was, and all of it can be taken back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import lerotool
from lerotool.choices import Priority
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.marks import Mark, load_marks, save_mark
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.errors import (
    CorruptDatasetError,
    DatasetLockedError,
    IncompatibleDatasetError,
    IncompleteError,
    TargetExistsError,
    UsageError,
)
from lerotool.execution import ThisMachine
from lerotool.workspace import Workspace
from tests.dataset.edits import data
from tests.dataset.reading import IMAGE_SET, OLD_SET, SMALL_FILES_SET, VIDEO_SET, copy_set, edit_json
from tests.editing.model import Model, findings
from tests.encoding.recordings import record
from tests.mending.test_undoing import contents
from tests.merging.sets import make, make_with_cameras
from tests.shared import GOLDEN, REALDATA, needs_realdata

SETS = [GOLDEN / name for name in (VIDEO_SET, OLD_SET, SMALL_FILES_SET, IMAGE_SET, "v30_lerobot061_language")]
REAL = [
    pytest.param(REALDATA / "koch_v21_state", marks=needs_realdata),
    pytest.param(REALDATA / "g1_v30conv_b", marks=[needs_realdata, pytest.mark.slow]),
]
HERE = ThisMachine(1, Priority.NORMAL)


def copied(source: Path, folder: Path) -> Path:
    return Path(shutil.copytree(source, folder / source.name))


def reports(root: Path) -> list[dict[str, object]]:
    files = sorted((root / "meta/lerotool/recordings").rglob("*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


@pytest.mark.parametrize("source", [*SETS, *REAL], ids=lambda path: path.name)
def test_what_is_left_is_what_was_there_and_comes_back_byte_for_byte(tmp_path: Path, source: Path) -> None:
    root = copied(source, tmp_path)
    before, wrong = contents(root), findings(root)
    report = lerotool.edit(root, lerotool.DeleteEpisodes(0))
    after = Model.of(source).without(0).check(root)
    assert (report.episodes, report.frames) == (after.num_episodes, after.num_frames)
    assert report.left_out == (0,)
    assert findings(root) <= wrong
    lerotool.undo(root)
    assert contents(root) == before


@pytest.mark.parametrize("name", [VIDEO_SET, OLD_SET])
def test_several_edits_are_taken_back_one_after_another(tmp_path: Path, name: str) -> None:
    root = copy_set(name, tmp_path)
    states = [contents(root)]
    lerotool.edit(root, lerotool.DeleteEpisodes(-1))
    states.append(contents(root))
    lerotool.edit(root, lerotool.KeepEpisodes("0,2"))
    Model.of(GOLDEN / name).without(1, 3).check(root)
    commands = [change.command for change in lerotool.list_changes(root)]
    assert commands == [f"lerotool edit keep {root} 0,2", f"lerotool edit delete {root} -1"]
    for state in reversed(states):
        lerotool.undo(root)
        assert contents(root) == state


def test_videos_of_many_episodes_do_not_move_and_files_for_nobody_leave(tmp_path: Path) -> None:
    root = copy_set(SMALL_FILES_SET, tmp_path)
    videos = sorted((root / "videos").rglob("*.mp4"))
    spans = [episode.videos["observation.images.front"].path for episode in Dataset.open(root).episodes]
    facts = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in videos}
    alone = [number for number, path in enumerate(spans) if path == spans[0]]
    report = lerotool.edit(root, lerotool.DeleteEpisodes(alone))
    assert report.kept is not None
    left = sorted((root / "videos").rglob("*.mp4"))
    assert left == [path for path in videos if path != spans[0]]
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in left} == {p: facts[p] for p in left}
    kept = report.kept / f"{spans[0].relative_to(root)}.kept"
    assert kept.stat().st_ino == facts[spans[0]][0]


def test_files_whose_rows_do_not_change_are_not_written(tmp_path: Path) -> None:
    root = copy_set(SMALL_FILES_SET, tmp_path)
    files = sorted((root / "data").rglob("*.parquet"))
    inodes = {path: path.stat().st_ino for path in files}
    last = Dataset.open(root).num_episodes - 1
    lerotool.edit(root, lerotool.DeleteEpisodes(last))
    assert len(files) > 1
    assert {path: path.stat().st_ino for path in files[:-1]} == {path: inodes[path] for path in files[:-1]}


@pytest.mark.parametrize("name", [VIDEO_SET, OLD_SET, IMAGE_SET])
def test_an_edit_into_a_new_folder_leaves_the_dataset_alone(tmp_path: Path, name: str) -> None:
    root = copy_set(name, tmp_path)
    before = contents(root)
    report = lerotool.edit(root, lerotool.DeleteEpisodes("1"), tmp_path / "new")
    assert report.kept is None
    assert contents(root) == before
    Model.of(root).without(1).check(tmp_path / "new")
    assert findings(tmp_path / "new") <= findings(root)
    with pytest.raises(TargetExistsError):
        lerotool.plan_edit(root, lerotool.DeleteEpisodes("1"), tmp_path / "new")


def test_what_was_recorded_and_said_stays_with_its_episodes(tmp_path: Path) -> None:
    root = tmp_path / "recorded"
    for sequence in range(3):
        record(root, sequence, range(3 + sequence))
    encode_pending(root, EncodeOptions(jobs=1))
    save_mark(root, 1, {"outcome": "success", "note": "slow", "trim": [1, 3]})
    save_mark(root, 2, {"flagged": True})
    shutil.copytree(root, tmp_path / "before")
    lerotool.edit(root, lerotool.DeleteEpisodes("0"))
    new, old = Model.of(tmp_path / "before").without(0).check(root), Dataset.open(tmp_path / "before")
    assert load_marks(new).by_episode[1] == Mark(flagged=True)
    assert load_marks(new).by_episode[0].trim == (1, 3)
    for number in range(2):
        before, after = old.timing(number + 1), new.timing(number)
        assert before is not None
        assert after is not None
        assert after["tick_ns"].to_pylist() == before["tick_ns"].to_pylist()
        assert after["episode_index"].to_pylist() == [number] * (4 + number)
    lines, was = reports(root), reports(tmp_path / "before")
    assert [line["recording_id"] for line in lines] == [line["recording_id"] for line in was][1:]
    assert [line["episode_index"] for line in lines] == [0, 1]
    lerotool.edit(root, lerotool.DeleteEpisodes("flagged"))
    assert Dataset.open(root).num_episodes == 1
    assert lerotool.check(root).is_sound


def test_where_a_merge_had_its_episodes_from_is_carried_on(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one", (3, 4, 5)), make(tmp_path / "two", (6, 7))
    lerotool.merge([one, two], tmp_path / "merged")
    lerotool.edit(tmp_path / "merged", lerotool.DeleteEpisodes("1,3"))
    notes = json.loads((tmp_path / "merged/meta/lerotool/merge.json").read_text())
    assert [(s["name"], s["source_episodes"], s["episodes"]) for s in notes["sources"]] == [
        ("one", [[0, 1], [2, 3]], [0, 2]),
        ("two", [[1, 2]], [2, 3]),
    ]


def test_splits_and_unknown_keys_of_info_json_stay_true(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    edit_json(root / "meta/info.json", lambda d: d.update(splits={"train": "0:2", "val": "2:4"}, lab="ours"))
    lerotool.edit(root, lerotool.DeleteEpisodes(0))
    info = json.loads((root / "meta/info.json").read_text())
    assert info["splits"] == {"train": "0:1", "val": "1:3"}
    assert info["lab"] == "ours"


def test_what_cannot_be_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    before = contents(root)
    for wrong, text in (
        ("0-3", "no episode would be left"),
        ("9", "asked for 9"),
        ("1,1", "twice"),
        ("x", "chooses no"),
    ):
        with pytest.raises(UsageError, match=text):
            lerotool.edit(root, lerotool.DeleteEpisodes(wrong))
    with pytest.raises(UsageError, match="no episodes that are flagged"):
        lerotool.edit(root, lerotool.DeleteEpisodes("flagged"))
    with Workspace(root).lock_for_recording("recording"), pytest.raises(DatasetLockedError):
        lerotool.edit(root, lerotool.DeleteEpisodes(0))
    plan = lerotool.plan_edit(root, lerotool.DeleteEpisodes(0))
    save_mark(root, 1, {"flagged": True})
    with pytest.raises(CorruptDatasetError, match="files have changed while they were read"):
        plan.carry_out(place=HERE)
    save_mark(root, 1, {"flagged": False})
    assert contents(root) == before


def test_rows_that_would_lose_a_column_and_files_with_names_of_their_own_are_refused(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    path = root / "videos/{video_key}"
    edit_json(root / "meta/info.json", lambda d: d.update(video_path=f"{path.name}/{{chunk_index}}/{{file_index}}.mp4"))
    with pytest.raises(IncompatibleDatasetError, match="names its files in its own way"):
        lerotool.edit(root, lerotool.DeleteEpisodes(0))
    other = make(tmp_path / "other", (3, 4))
    data(lambda table: table.append_column("extra", table["index"]))(other)
    with pytest.raises(IncompatibleDatasetError, match="extra"):
        lerotool.edit(other, lerotool.DeleteEpisodes(0))


def test_an_edit_that_something_else_has_built_on_is_not_taken_back(tmp_path: Path) -> None:
    root = make_with_cameras(tmp_path / "set", (3, 4, 5))
    lerotool.edit(root, lerotool.DeleteEpisodes(0))
    edit_json(root / "meta/info.json", lambda document: document.update(robot_type="other"))
    with pytest.raises(IncompleteError):
        lerotool.undo(root)


def test_forgetting_an_edit_frees_what_it_left_out_and_forgetting_repairs_does_not(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    lerotool.edit(root, lerotool.DeleteEpisodes(0))
    assert lerotool.forget(root).only_here
    assert len(lerotool.list_changes(root)) == 1
    assert not lerotool.forget(root, edits=True).only_here
    assert lerotool.list_changes(root) == ()
    assert lerotool.undo(root) is None
