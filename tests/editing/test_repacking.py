"""Repacking: what no episode needs leaves the videos, small files are joined, every packet that stays is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

import lerotool
from lerotool.findings import Code
from tests.dataset.reading import OLD_SET, SMALL_FILES_SET, VIDEO_SET, copy_set, edit_json
from tests.editing.model import Model, findings, packets
from tests.mending.test_undoing import contents
from tests.shared import GOLDEN


def videos(root: Path) -> list[Path]:
    return sorted((root / "videos").rglob("*.mp4"))


def small_files(folder: Path) -> Path:
    """Return a set of several small files, which may be larger."""
    root = copy_set(SMALL_FILES_SET, folder)
    edit_json(root / "meta/info.json", lambda d: d.update(data_files_size_in_mb=100, video_files_size_in_mb=200))
    return root


def test_small_files_are_joined_and_come_back_byte_for_byte(tmp_path: Path) -> None:
    root = small_files(tmp_path)
    before, many, wrong = contents(root), len(videos(root)), findings(root)
    plan = lerotool.plan_edit(root, lerotool.RepackFiles())
    report = plan.carry_out()
    assert len(videos(root)) < many
    assert (len(list((root / "data").rglob("*.parquet"))), len(videos(root))) == plan.files
    Model.of(GOLDEN / SMALL_FILES_SET).check(root)
    assert findings(root) <= wrong
    assert report.kept is not None
    lerotool.undo(root)
    assert contents(root) == before


@pytest.mark.parametrize("gone", ["0", "1-2", "-1"])
def test_pictures_of_episodes_that_left_leave_too(tmp_path: Path, gone: str) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    whole = contents(root)
    lerotool.edit(root, lerotool.DeleteEpisodes(gone))
    before, size = contents(root), sum(path.stat().st_size for path in videos(root))
    notes = [finding for finding in lerotool.check(root).findings if finding.code is Code.VIDEO_UNUSED]
    assert {note.advice.rpartition(": ")[2] for note in notes} == {"lerotool edit repack DATASET"}
    report = lerotool.edit(root, lerotool.RepackFiles())
    after = Model.of(GOLDEN / VIDEO_SET).without(*{"0": [0], "1-2": [1, 2], "-1": [3]}[gone]).check(root)
    assert report.freed_bytes == size - sum(path.stat().st_size for path in videos(root)) > 0
    assert Code.VIDEO_UNUSED not in {finding.code for finding in lerotool.check(root).findings}
    for path in videos(root):
        camera = path.relative_to(root / "videos").parts[0]
        needed = sum(e.length for e in after.episodes if e.videos[camera].path == path)
        assert len(packets(path)) == needed
    lerotool.undo(root)
    assert contents(root) == before
    lerotool.undo(root)
    assert contents(root) == whole


def test_files_that_would_not_be_smaller_nor_fewer_stay(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    before = contents(root)
    for root_now in (root, copy_set(OLD_SET, tmp_path / "old")):
        plan = lerotool.plan_edit(root_now, lerotool.RepackFiles())
        assert plan.has_nothing_to_repack
        assert plan.carry_out().kept is None
    assert contents(root) == before
    lerotool.edit(root, lerotool.DeleteEpisodes(1))
    lerotool.edit(root, lerotool.RepackFiles())
    assert lerotool.plan_edit(root, lerotool.RepackFiles()).has_nothing_to_repack


def test_a_repacked_copy_leaves_the_dataset_alone(tmp_path: Path) -> None:
    root = small_files(tmp_path)
    before = contents(root)
    lerotool.edit(root, lerotool.RepackFiles(), tmp_path / "new")
    assert contents(root) == before
    assert len(videos(tmp_path / "new")) < len(videos(root))
    Model.of(root).check(tmp_path / "new")


def test_rows_that_are_packed_already_stay_where_videos_are_packed(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    lerotool.edit(root, lerotool.KeepEpisodes("0,1"))
    numbers = {path: path.stat().st_ino for path in (root / "data").rglob("*.parquet")}
    lerotool.edit(root, lerotool.RepackFiles())
    assert {path: path.stat().st_ino for path in numbers} == numbers


def test_a_file_whose_pieces_begin_between_keyframes_stays_whole(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    lerotool.edit(root, lerotool.TrimEpisodes(first=1))
    plan = lerotool.plan_edit(root, lerotool.RepackFiles())
    assert plan.has_nothing_to_repack
    assert plan.unneeded_bytes > 0
