"""Episodes are cut shorter: frames that stay keep their pictures and rows, and statistics are those of what stays."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.marks import load_marks, save_mark
from lerotool.errors import IncompatibleDatasetError, UsageError
from tests.dataset.reading import IMAGE_SET, OLD_SET, VIDEO_SET, copy_set
from tests.editing.model import Model, Piece, findings
from tests.mending.test_undoing import contents
from tests.shared import GOLDEN
from tests.statistics.sets import arm_set


@pytest.mark.parametrize("name", [VIDEO_SET, IMAGE_SET, "v30_lerobot061_depth"])
def test_what_is_left_of_an_episode_is_what_was_there(tmp_path: Path, name: str) -> None:
    root = copy_set(name, tmp_path)
    before = contents(root)
    report = lerotool.edit(root, lerotool.TrimEpisodes(first=2, last=1, episodes="1"))
    whole = Model.of(GOLDEN / name).pieces
    after = Model(GOLDEN / name, (whole[0], Piece(1, 2, whole[1].stop - 1), *whole[2:])).check(root)
    assert report.trimmed == (1,)
    assert report.frames_left_out == 3
    assert findings(root) <= findings(GOLDEN / name)
    for camera in after.cameras:
        pictures = np.stack(list(after.frames(1, camera)))
        stats = after.episodes[1].stats[camera]
        assert stats.count == len(pictures)
        if not after.features[camera].is_depth:
            np.testing.assert_allclose(stats.max.reshape(-1) * 255, pictures.max((0, 1, 2)))
    lerotool.undo(root)
    assert contents(root) == before


def test_files_of_one_episode_are_cut_at_keyframes_without_touching_their_packets(tmp_path: Path) -> None:
    root = copy_set(OLD_SET, tmp_path)
    before = contents(root)
    lerotool.edit(root, lerotool.TrimEpisodes(first=2, last=1, episodes=[0]))
    whole = Model.of(GOLDEN / OLD_SET).pieces
    Model(GOLDEN / OLD_SET, (Piece(0, 2, whole[0].stop - 1), *whole[1:])).check(root)
    assert findings(root) <= findings(GOLDEN / OLD_SET)
    lerotool.undo(root)
    with pytest.raises(IncompatibleDatasetError, match="not a keyframe"):
        lerotool.edit(root, lerotool.TrimEpisodes(first=1))
    assert contents(root) == before


def test_trim_points_that_were_marked_are_where_it_is_cut(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    lengths = Dataset.open(root).episodes.lengths.tolist()
    save_mark(root, 1, {"trim": [3, 9], "outcome": "success"})
    shutil.copytree(root, tmp_path / "before")
    lerotool.edit(root, lerotool.TrimEpisodes(last=1, marked=True))
    pieces = [Piece(n, 0, length - 1) for n, length in enumerate(lengths)]
    pieces[1] = Piece(1, 3, 9)
    after = Model(tmp_path / "before", tuple(pieces)).check(root)
    assert load_marks(after).by_episode[1].trim is None


def test_frames_in_which_nothing_moves_are_cut_off_at_both_ends(tmp_path: Path) -> None:
    moving = np.linspace(0, 10, 20)
    still = np.concatenate([np.zeros(7), moving, np.full(5, 10.0)])
    root = arm_set(tmp_path / "set", [rows(still), rows(np.zeros(9)), rows(moving)]).root
    lerotool.edit(root, lerotool.TrimEpisodes(still=True))
    assert Dataset.open(root).episodes.lengths.tolist() == [20, 9, 20]
    assert Dataset.open(root).numpy("observation.state")[0, 0] == 0


def rows(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[:, np.newaxis], 3, axis=1).astype(np.float32)


def test_a_cut_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    before = contents(root)
    with pytest.raises(UsageError, match=r"nothing would be left of episode 0, which has 7 frames"):
        lerotool.edit(root, lerotool.TrimEpisodes(first=4, last=3))
    with pytest.raises(UsageError, match="nothing is to be cut"):
        lerotool.edit(root, lerotool.TrimEpisodes())
    assert contents(root) == before
