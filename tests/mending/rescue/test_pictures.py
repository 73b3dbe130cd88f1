"""Pictures that LeRobot has not encoded become videos of its dataset."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.encoding.events import Ending
from lerotool.media.encode import encode_png
from lerotool.mending.fates import Fate
from lerotool.spool.pending import list_pending
from tests.dataset.reading import tree_hash
from tests.mending.rescue.leftovers import (
    BATCH,
    FRONT,
    WRIST,
    Encode,
    age,
    assert_is,
    copy_golden,
    expected_of,
    fates,
    picture,
    reason,
    unencode,
)


def test_a_failed_batch_is_encoded_from_its_pictures(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    report = encode(root)
    assert_is(root, expected_of(BATCH))
    assert report.ending is Ending.COMPLETE
    assert fates(report) == dict.fromkeys(range(3), Fate.ENCODED)
    assert report.rescue is not None
    assert report.rescue.removed_pictures == 44
    assert not (root / "images").exists()
    assert list_pending(root) == []
    report = encode(root)
    assert (report.ending, report.rescue, report.left) == (Ending.COMPLETE, None, ())


def test_the_names_of_older_recorders_are_known_too(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    for path in sorted((root / "images").rglob("*"), reverse=True):
        path.rename(path.with_name(path.name.replace("-", "_")))
    encode(root)
    assert_is(root, expected_of(BATCH))
    assert not (root / "images").exists()


def old_batch(root: Path, episodes: list[int]) -> None:
    """Make of a v2.1 dataset what its recorder leaves when its batch mode is stopped: pictures instead of videos."""
    dataset = Dataset.open(root)
    for episode in episodes:
        for key in dataset.cameras:
            folder = root / "images" / key / f"episode_{episode:06d}"
            folder.mkdir(parents=True)
            for frame, rgb in enumerate(dataset.frames(episode, key)):
                (folder / f"frame_{frame:06d}.png").write_bytes(encode_png(rgb))
            dataset.layout.video_path(key, 0, episode).unlink()
    age(root)


def test_videos_that_an_old_dataset_lacks_are_filled_in(encode: Encode, tmp_path: Path) -> None:
    name = "v21_lerobot033_two_cams"
    root = copy_golden(name, tmp_path / "set")
    before = tree_hash(root)
    old_batch(root, [1, 3])
    report = encode(root)
    assert fates(report) == {1: Fate.ENCODED, 3: Fate.ENCODED}
    assert report.ending is Ending.COMPLETE
    assert report.rescue is not None
    assert report.rescue.removed_pictures == 2 * (25 + 18)
    assert not (root / "images").exists()
    assert_is(root, expected_of(name))
    after = tree_hash(root)
    assert {key for key in before if before[key].split()[1] != after[key].split()[1]} == {
        f"videos/chunk-000/{key}/episode_{episode:06d}.mp4" for key in (FRONT, WRIST) for episode in (1, 3)
    }


def test_an_old_dataset_whose_picture_is_damaged_lacks_that_episode_alone(encode: Encode, tmp_path: Path) -> None:
    name = "v21_lerobot033_two_cams"
    root = copy_golden(name, tmp_path / "set")
    old_batch(root, [1, 3])
    (root / "images" / FRONT / "episode_000003" / "frame_000004.png").unlink()
    bad = root / "images" / WRIST / "episode_000001" / "frame_000002.png"
    bad.write_bytes(bad.read_bytes()[:60] + b"x" + bad.read_bytes()[61:])
    age(root)
    report = encode(root)
    assert fates(report) == {1: Fate.LEFT, 3: Fate.LEFT}
    assert "damaged png" in reason(report, 1)
    assert f"{FRONT} has 4" in reason(report, 3)
    assert not (root / f"videos/chunk-000/{FRONT}/episode_000001.mp4").exists()
    assert len(list((root / "images").rglob("*.png"))) == 2 * (25 + 18) - 1


def test_an_episode_ends_before_the_first_picture_that_is_missing_or_cut(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    picture(root, FRONT, 1, 6).unlink()
    cut = picture(root, WRIST, 2, 4)
    cut.write_bytes(cut.read_bytes()[:-1])
    age(root)
    report = encode(root)
    assert fates(report) == {0: Fate.ENCODED, 1: Fate.CUT, 2: Fate.CUT}
    assert "not 9 finished pictures for its 9 rows: observation.images.front has 6" in reason(report, 1)
    assert [len(Dataset.open(root).episode_rows(n)) for n in range(3)] == [6, 6, 4]
    # Only what was taken is gone.
    assert picture(root, FRONT, 1, 7).exists()
    assert not picture(root, FRONT, 1, 5).exists()
    assert picture(root, WRIST, 2, 4).exists()


def test_an_episode_without_pictures_is_left_and_its_rows_are_kept(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    shutil.rmtree(picture(root, WRIST, 1, 0).parent)
    age(root)
    data = (root / "data/chunk-000/file-000.parquet").read_bytes()
    report = encode(root)
    assert fates(report) == {0: Fate.ENCODED, 1: Fate.LEFT, 2: Fate.ENCODED}
    assert "the pictures of observation.images.wrist are neither in a video nor in files" in reason(report, 1)
    assert_is(root, expected_of(BATCH), [0, 2])
    assert picture(root, FRONT, 1, 0).exists()
    assert report.rescue is not None
    assert report.rescue.originals is not None
    assert (report.rescue.originals / "data/chunk-000/file-000.parquet.kept").read_bytes() == data
    assert str(report.rescue.originals) in str(report.left[0].hint)


def test_a_picture_that_cannot_be_decoded_fails_its_episode_alone(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    bad = picture(root, FRONT, 1, 3)
    data = bytearray(bad.read_bytes())
    data[len(data) // 2] ^= 0xFF
    bad.unlink()
    bad.write_bytes(data)
    age(root)
    report = encode(root)
    assert report.ending is Ending.INCOMPLETE
    assert "packet 3: damaged png picture" in report.failures[0].reason
    assert_is(root, expected_of(BATCH), [0, 2])
    assert len(list_pending(root)) == 1
    assert sorted(path.parent.name for path in (root / "images" / FRONT).rglob("*0.png")) == ["episode-000001"]
    # It stays a pending episode like any other, and is not taken a second time.
    again = encode(root)
    assert len(list_pending(root)) == 1
    assert [left.episode for left in again.failures] == [left.episode for left in report.failures]


def test_pictures_of_another_size_are_named(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    picture(root, FRONT, 0, 2).write_bytes(encode_png(np.zeros((10, 10, 3), np.uint8)))
    age(root)
    report = encode(root)
    assert "packet 2: the picture is 10x10 uint8, expected 64x48 uint8" in report.failures[0].reason
    assert_is(root, expected_of(BATCH), [1, 2])


def test_depth_pictures_are_encoded_as_depth(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden("v30_lerobot061_depth", tmp_path / "set")
    dataset = Dataset.open(root)
    (key,) = [name for name in dataset.cameras if dataset.features[name].is_depth]
    before = [list(dataset.frames(episode, key)) for episode in range(2)]
    unencode(root, [1])
    report = encode(root)
    assert fates(report)[1] is Fate.ENCODED, report
    for episode, depths in enumerate(before):
        np.testing.assert_allclose(list(Dataset.open(root).frames(episode, key)), depths, atol=2)


@pytest.mark.parametrize("episodes", [[2, 3], [1], [0, 1, 2, 3]])
def test_episodes_of_a_closed_dataset_whose_videos_were_never_made_are_encoded(
    encode: Encode, tmp_path: Path, episodes: list[int]
) -> None:
    name = "v30_lerobot061_two_cams"
    root = copy_golden(name, tmp_path / "set")
    unencode(root, episodes)
    report = encode(root)
    assert {number for number, fate in fates(report).items() if fate is Fate.ENCODED} == set(episodes)
    kept = [number for number in range(4) if number not in episodes]
    assert_is(root, expected_of(name), [*kept, *episodes])
    assert report.ending is Ending.COMPLETE
    assert not (root / "images").exists()
