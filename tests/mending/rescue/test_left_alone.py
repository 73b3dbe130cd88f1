"""What a rescue does not touch, and whom it does not disturb."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lerotool.encoding.events import Ending
from lerotool.errors import CorruptDatasetError, DatasetLockedError
from lerotool.media.encode import encode_png
from lerotool.mending.fates import Fate
from lerotool.mending.rescue_plan import plan_rescue
from lerotool.storage import ProcessLock
from lerotool.workspace import Workspace
from tests.dataset.reading import edit_table, tree_hash
from tests.encoding.recordings import record
from tests.mending.rescue.leftovers import (
    BATCH,
    CRASHED,
    FRONT,
    Encode,
    age,
    assert_is,
    copy_golden,
    expected_of,
    fates,
    picture,
    rewrite,
    unencode,
)


def test_a_dry_look_changes_nothing(tmp_path: Path) -> None:
    for name in (CRASHED, BATCH):
        root = copy_golden(name, tmp_path / name)
        before = tree_hash(root)
        plan = plan_rescue(root)
        assert plan is not None
        assert plan.does_anything
        assert tree_hash(root) == before


def test_pictures_without_rows_in_a_sound_dataset_are_told_and_nothing_changes(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden("v30_lerobot061_two_cams", tmp_path / "set")
    path = picture(root, FRONT, 4, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(encode_png(np.zeros((48, 64, 3), np.uint8)))
    before = tree_hash(root)
    report = encode(root)
    assert fates(report) == {4: Fate.LEFT}
    assert report.ending is Ending.INCOMPLETE
    assert "images/*/episode-000004" in str(report.left[0].hint)
    assert {name: value for name, value in tree_hash(root).items() if name in before} == before


@pytest.mark.parametrize("damage", ["a missing video", "a cut video", "missing rows"])
def test_a_finished_dataset_that_lacks_files_is_not_made_smaller(encode: Encode, tmp_path: Path, damage: str) -> None:
    root = copy_golden("v30_lerobot061_two_cams", tmp_path / "set")
    unencode(root, [3])
    video = root / f"videos/{FRONT}/chunk-000/file-000.mp4"
    if damage == "a missing video":
        video.unlink()
    elif damage == "a cut video":
        rewrite(shutil.copy(video, tmp_path / "whole.mp4"), video, 0, 30)
    else:
        edit_table(root / "data/chunk-000/file-000.parquet", lambda table: table.slice(7))
    age(root)
    before = tree_hash(root)
    report = encode(root)
    assert report.ending is Ending.INCOMPLETE
    assert "nothing is rescued before that" in report.left[0].reason
    after = tree_hash(root)
    assert {name: after[name] for name in before} == before


def test_pictures_that_are_in_the_rows_are_nobodys_business(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden("v30_lerobot061_images", tmp_path / "set")
    key = next(iter(expected_of("v30_lerobot061_images")["image_keys"]))
    path = picture(root, key, 0, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(encode_png(np.zeros((4, 4, 3), np.uint8)))
    assert encode(root).rescue is None


@pytest.mark.parametrize("ahead_s", [0, 30], ids=["this clock", "a clock that is ahead"])
def test_a_dataset_that_was_just_changed_is_not_touched(encode: Encode, tmp_path: Path, ahead_s: int) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    now = time.time() + ahead_s
    os.utime(picture(root, FRONT, 0, 0), (now, now))
    before = tree_hash(root / "images"), tree_hash(root / "data")
    report = encode(root)
    assert report.rescue is not None
    assert "it was changed 0 s ago" in str(report.rescue.refusal)
    assert report.ending is Ending.INCOMPLETE
    assert (tree_hash(root / "images"), tree_hash(root / "data")) == before


def test_pending_episodes_wait_until_the_dataset_is_sound(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(CRASHED, tmp_path / "set")
    pending = record(root, 20, [0, 1])
    (root / "meta/info.json").touch()
    picture(root, FRONT, 12, 0).touch()
    report = encode(root)
    waiting = {left.episode: left.reason for left in report.left}
    assert "waits until" in waiting[pending.path.name]
    assert "it was changed" in waiting["images/"]
    assert pending.path.is_dir()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_dataset_that_a_process_has_open_is_not_touched(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(CRASHED, tmp_path / "set")
    program = "import sys; f = open(sys.argv[1], 'rb'); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(root / "data/chunk-000/file-000.parquet")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        report = encode(root)
        assert report.rescue is not None
        assert f"process {process.pid} has files of it open" in str(report.rescue.refusal)
    assert encode(root).total_episodes == 12


def test_who_works_on_the_dataset_is_named(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    with (
        ProcessLock(Workspace(root).writing_lock, "merging"),
        pytest.raises(DatasetLockedError, match="merging"),
    ):
        encode(root)
    encode(root)
    assert_is(root, expected_of(BATCH))


def test_without_task_texts_nothing_is_done(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    (root / "meta/tasks.parquet").unlink()
    before = tree_hash(root)
    with pytest.raises(CorruptDatasetError, match=r"tasks\.parquet"):
        encode(root)
    assert tree_hash(root) == before


def test_a_dataset_that_was_not_named_is_left_alone(tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    before = tree_hash(root)
    command = [sys.executable, "-m", "lerotool", "encode", "--pending"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"lerotool encode --pending {root} --dry-run" in done.stderr
    assert tree_hash(root) == before
