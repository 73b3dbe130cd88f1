"""Whatever goes wrong: a clear error, the sources as they were, and no target or the whole target."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.errors import (
    CorruptDatasetError,
    DatasetNotFoundError,
    IncompatibleDatasetError,
    LerotoolError,
    TargetExistsError,
    UsageError,
)
from lerotool.mending.repair import repair
from lerotool.rewriting.events import Begun, Event, Finishing
from tests.checking.defects.edits import add
from tests.dataset.faults import Fault, Killed, faulty
from tests.dataset.reading import EPISODES, VIDEO_SET, copy_set, edit_json, edit_table, tree_hash
from tests.dataset.writing import FRONT
from tests.merging.sets import assert_is_concatenation, make, make_with_cameras
from tests.patience import PATIENCE_S

DATA = "data/chunk-000/file-000.parquet"
VIDEO = f"videos/{FRONT}/chunk-000/file-000.mp4"


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith(".") or "merged" in p.name)


def v21(folder: Path, lengths: tuple[int, ...] = (3, 4)) -> Path:
    """Make a v2.1 dataset with cameras."""
    lerotool.merge([make_with_cameras(folder / "origin", lengths)], folder / "v21", to="v2.1")
    return folder / "v21"


def test_a_missing_video_of_one_episode_is_named_and_no_other_taken(tmp_path: Path) -> None:
    source = v21(tmp_path)
    gone = source / f"videos/chunk-000/{FRONT}/episode_000001.mp4"
    gone.unlink()
    with pytest.raises(
        CorruptDatasetError, match=f"1 of 2 videos of camera '{FRONT}' are missing, the first of episode 1"
    ):
        lerotool.merge([source], tmp_path / "merged")
    lerotool.merge([f"{source}:0"], tmp_path / "merged")
    assert Dataset.open(tmp_path / "merged").num_episodes == 1


def test_a_truncated_json_line_is_named_and_no_episode_vanishes(tmp_path: Path) -> None:
    source = v21(tmp_path)
    path = source / "meta/episodes.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(LerotoolError, match=r"episodes\.jsonl, line 2: expected JSON"):
        lerotool.merge([source], tmp_path / "merged")
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("damage", ["cut", "empty", "noise"])
def test_damaged_videos_are_named_before_anything_is_written(tmp_path: Path, damage: str) -> None:
    source = make_with_cameras(tmp_path / "a")
    path = source / VIDEO
    data = path.read_bytes()
    path.write_bytes({"cut": data[: len(data) - 40], "empty": b"", "noise": b"\x00" * 500}[damage])
    with pytest.raises(CorruptDatasetError, match=r"file-000\.mp4"):
        lerotool.merge([source], tmp_path / "merged")
    assert leftovers(tmp_path) == []


def test_a_video_that_is_shorter_than_its_rows_is_told(tmp_path: Path) -> None:
    source, short = make_with_cameras(tmp_path / "a", (4,)), make_with_cameras(tmp_path / "b", (3,))
    shutil.copyfile(short / VIDEO, source / VIDEO)
    with pytest.raises(CorruptDatasetError, match="video has 3 frames, table needs 4"):
        lerotool.merge([source], tmp_path / "merged")


@pytest.mark.parametrize("files", ["pack", "keep"])
def test_a_video_of_another_rate_gives_each_row_its_picture_and_that_is_told(tmp_path: Path, files: str) -> None:
    source = make_with_cameras(tmp_path / "a", (4,))
    shutil.copyfile(make_with_cameras(tmp_path / "b", (4,), fps=20) / VIDEO, source / VIDEO)
    report = lerotool.merge([source], tmp_path / "merged", files=files)
    (note,) = [note for note in report.notes if "off the times" in note]
    assert "0.15 s off the times of their rows" in note
    assert "taken in order" in note
    camera = VIDEO.split("/")[1]
    found, expected = (list(Dataset.open(root).frames(0, camera)) for root in (tmp_path / "merged", tmp_path / "b"))
    assert np.array_equal(found, expected)


def test_rows_that_contradict_the_episode_table_are_told_and_leave_nothing(tmp_path: Path) -> None:
    sources = [make(tmp_path / "a"), make(tmp_path / "b")]

    def change(name: str, value: int) -> None:
        edit_table(sources[1] / DATA, lambda t: t.set_column(t.column_names.index(name), name, [[value] * t.num_rows]))

    for name, value, text in (
        ("episode_index", 7, r"expected episode_index \d"),
        ("frame_index", 0, "expected frame_index 1"),
        ("task_index", 9, "a row has task 9, but there are only 2 tasks"),
    ):
        original = (sources[1] / DATA).read_bytes()
        change(name, value)
        with pytest.raises(CorruptDatasetError, match=text):
            lerotool.merge(sources, tmp_path / "merged")
        (sources[1] / DATA).write_bytes(original)
        assert leftovers(tmp_path) == []


def test_numbers_that_are_none_are_told_with_their_episode(tmp_path: Path) -> None:
    source = make(tmp_path / "a", (2, 3))

    def spoil(table: pa.Table) -> pa.Table:
        values = table["action"].to_pylist()
        values[3][1] = float("nan")
        place = table.column_names.index("action")
        return table.set_column(place, "action", pa.array(values, table["action"].type))

    edit_table(source / DATA, spoil)
    with pytest.raises(CorruptDatasetError, match="episode 1, frame 1, feature 'action'"):
        lerotool.merge([source], tmp_path / "merged")


def test_wall_clock_timestamps_are_replaced_only_when_asked(tmp_path: Path) -> None:
    source = make(tmp_path / "a", (3,))
    edit_table(
        source / DATA, lambda t: t.set_column(t.column_names.index("timestamp"), "timestamp", [[1.7e9, 1.7e9, 1.7e9]])
    )
    with pytest.raises(IncompatibleDatasetError, match="frame 0 has timestamp"):
        lerotool.merge([source], tmp_path / "merged")
    lerotool.merge([source], tmp_path / "merged", retime=True)
    assert Dataset.open(tmp_path / "merged").numpy("timestamp").tolist() == pytest.approx([0, 0.1, 0.2])


def test_everything_that_is_damaged_is_told_at_once(tmp_path: Path) -> None:
    sources = [make(tmp_path / n) for n in "ab"]
    edit_json(sources[0] / "meta/info.json", lambda d: d.update(fps="fast"))
    (sources[1] / "meta/tasks.parquet").write_bytes(b"")
    with pytest.raises(CorruptDatasetError) as caught:
        lerotool.merge([*sources, tmp_path / "nowhere"], tmp_path / "merged")
    for part in ("3 problems", "'fps'", "tasks.parquet", "the folder does not exist"):
        assert part in str(caught.value)


def test_what_is_no_source_and_no_choice_is_refused(tmp_path: Path) -> None:
    source = make(tmp_path / "a")
    with pytest.raises(UsageError, match="nothing to merge"):
        lerotool.merge([], tmp_path / "merged")
    with pytest.raises(DatasetNotFoundError):
        lerotool.merge([tmp_path / "none"], tmp_path / "merged")
    with pytest.raises(UsageError, match="has episodes 0 to 1, asked for 2-5"):
        lerotool.merge([f"{source}:2-5"], tmp_path / "merged")
    with pytest.raises(UsageError, match="asked for twice"):
        lerotool.merge([f"{source}:0,0"], tmp_path / "merged")
    with pytest.raises(UsageError, match=r"to is 'v2\.2', expected 'v3\.0' or 'v2\.1'"):
        lerotool.merge([source], tmp_path / "merged", to="v2.2")


def test_a_target_that_exists_is_a_source_or_inside_of_one_is_refused(tmp_path: Path) -> None:
    source = make(tmp_path / "a")
    before = tree_hash(source)
    with pytest.raises(TargetExistsError, match="is a source and the target"):
        lerotool.merge([source], source)
    with pytest.raises(TargetExistsError, match="lies inside the source"):
        lerotool.merge([source], source / "merged")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").touch()
    with pytest.raises(TargetExistsError, match="a folder that is not empty"):
        lerotool.merge([source], tmp_path / "full")
    (tmp_path / "file").touch()
    with pytest.raises(TargetExistsError, match="exists already: a file"):
        lerotool.merge([source], tmp_path / "file")
    (tmp_path / "empty").mkdir()
    lerotool.merge([source], tmp_path / "empty")
    assert tree_hash(source) == before


def test_a_source_with_a_journal_that_is_not_its_own_is_merged_as_it_stands(tmp_path: Path) -> None:
    source = make(tmp_path / "a")
    (source / ".lerotool").mkdir(exist_ok=True)
    (source / ".lerotool" / "journal.json").write_text("{}")
    before = tree_hash(source)
    report = lerotool.merge([source], tmp_path / "merged")
    assert any("journal.json" in note and "is ignored" in note for note in report.notes)
    assert tree_hash(source) == before


def test_a_source_that_changes_while_it_is_merged_is_told(tmp_path: Path) -> None:
    source = make(tmp_path / "a")

    def listen(event: Event) -> None:
        if isinstance(event, Finishing):
            (source / "meta" / "note.txt").write_text("somebody was here")

    with pytest.raises(CorruptDatasetError, match="a: files have changed while they were read"):
        lerotool.merge([source], tmp_path / "merged", on_event=listen)
    assert leftovers(tmp_path) == []


def test_a_target_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    source = make(tmp_path / "a")

    def listen(event: Event) -> None:
        if isinstance(event, Begun):
            make(tmp_path / "merged", (1,))

    with pytest.raises(TargetExistsError):
        lerotool.merge([source], tmp_path / "merged", on_event=listen)
    assert Dataset.open(tmp_path / "merged").num_frames == 1


def test_without_room_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [make_with_cameras(tmp_path / n) for n in "ab"]
    full = SimpleNamespace(total=10**9, used=10**9, free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda *_: full)
    with pytest.raises(OSError, match=r"the new dataset needs about .*, only 1\.0 kB are free") as caught:
        lerotool.merge(sources, tmp_path / "merged")
    assert caught.value.errno == errno.ENOSPC
    assert leftovers(tmp_path) == []


@pytest.mark.slow
def test_a_failing_disk_leaves_nothing_and_the_next_attempt_works(tmp_path: Path) -> None:
    sources = [make(tmp_path / n, seed=k) for k, n in enumerate("ab")]
    before = [tree_hash(s) for s in sources]
    with faulty() as calls:
        lerotool.merge(sources, tmp_path / "counted")
    shutil.rmtree(tmp_path / "counted")
    for at in range(0, calls.count, max(1, calls.count // 12)):
        target = tmp_path / f"merged-{at}"
        with faulty(Fault.ERROR, at):
            try:
                lerotool.merge(sources, target)
                is_done = True
            except OSError:
                is_done = target.exists()
        if is_done:
            assert_is_concatenation(target, sources)
        else:
            assert leftovers(tmp_path) == [p.name for p in sorted(tmp_path.glob("merged-*"))]
            lerotool.merge(sources, target)
        shutil.rmtree(target)
    assert [tree_hash(s) for s in sources] == before


@pytest.mark.slow
def test_a_full_disk_while_files_are_written_leaves_nothing(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("limits of file sizes")
    sources = [make_with_cameras(tmp_path / n, (9,)) for n in "ab"]
    before = [tree_hash(s) for s in sources]
    program = (
        "import resource, signal, sys, lerotool; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2);"
        "lerotool.merge(sys.argv[3:], sys.argv[2])"
    )
    for limit in (1000, 4000, 12000):
        command = [sys.executable, "-c", program, str(limit), str(tmp_path / "merged"), *map(str, sources)]
        found = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        assert found.returncode != 0
        assert leftovers(tmp_path) == []
    assert [tree_hash(s) for s in sources] == before


@pytest.mark.slow
def test_killed_at_any_moment_there_is_no_target_or_the_whole_one(tmp_path: Path) -> None:
    sources = [make(tmp_path / n, seed=k) for k, n in enumerate("ab")]
    before = [tree_hash(s) for s in sources]
    with faulty() as calls:
        lerotool.merge(sources, tmp_path / "counted")
    shutil.rmtree(tmp_path / "counted")
    target = tmp_path / "merged"
    outcomes = set()
    for at in [*range(0, calls.count, max(1, calls.count // 10)), calls.count - 2, calls.count + 50]:
        with faulty(Fault.KILL, at), contextlib.suppress(Killed):
            lerotool.merge(sources, target)
        outcomes.add(target.exists())
        if not target.exists():
            lerotool.merge(sources, target)
        assert_is_concatenation(target, sources)
        assert leftovers(tmp_path) == ["merged"]
        shutil.rmtree(target)
    assert outcomes == {True, False}
    assert [tree_hash(s) for s in sources] == before


@pytest.mark.slow
def test_a_killed_process_leaves_what_the_next_one_sweeps_away(tmp_path: Path) -> None:
    sources = [make_with_cameras(tmp_path / n, (9, 9), seed=k) for k, n in enumerate("abc")]
    before = [tree_hash(s) for s in sources]
    target = tmp_path / "merged"
    program = "import sys, lerotool; lerotool.merge(sys.argv[2:], sys.argv[1])"
    command = [sys.executable, "-c", program, str(target), *map(str, sources)]
    deadline = time.monotonic() + PATIENCE_S
    with subprocess.Popen(command) as process:
        while not list(tmp_path.glob(".merged.building-*/data")) and not target.exists():
            assert time.monotonic() < deadline
            assert process.poll() is None or target.exists()
        os.kill(process.pid, 9)
    if target.exists():
        assert_is_concatenation(target, sources)
        shutil.rmtree(target)
    lerotool.merge(sources, target)
    assert_is_concatenation(target, sources)
    assert leftovers(tmp_path) == ["merged"]
    assert [tree_hash(s) for s in sources] == before


def test_episodes_that_share_pictures_are_not_merged_until_they_are_repaired(tmp_path: Path) -> None:
    source = copy_set(VIDEO_SET, tmp_path)
    edit_table(source / EPISODES, add(f"videos/{FRONT}/from_timestamp", 0.1, slice(1, 2)))

    with pytest.raises(CorruptDatasetError, match="episodes 1 and 2 both show pictures of"):
        lerotool.merge([source], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()

    repair(source)
    lerotool.merge([source], tmp_path / "merged")
    assert Dataset.open(tmp_path / "merged").num_episodes == Dataset.open(source).num_episodes
