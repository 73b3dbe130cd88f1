"""What LeRobot left behind becomes part of its dataset."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.encoding.events import EncodeReport, Ending
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.rescue.findings import Fate
from lerotool.encoding.rescue.plan import plan_rescue
from lerotool.encoding.run import encode_pending
from lerotool.errors import CorruptDatasetError, DatasetLockedError
from lerotool.execution import ProcessExecutor
from lerotool.media.decode import iter_frames
from lerotool.media.encode import VideoEncoder, encode_depth_image, encode_png
from lerotool.media.format import EncoderSettings
from lerotool.spool.pending import list_pending
from lerotool.storage import ProcessLock
from lerotool.workspace import Workspace
from tests.dataset.reading import edit_json, edit_table, tree_hash
from tests.encoding.leftovers import (
    BATCH,
    CRASHED,
    FRONT,
    WRIST,
    age,
    assert_is,
    copy_golden,
    expected_of,
    picture,
    tear_off_footer,
)
from tests.encoding.recordings import record
from tests.lerobot_judge import judge
from tests.shared import needs_shared

pytestmark = needs_shared
Encode = Callable[[Path], EncodeReport]


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessExecutor]:
    with ProcessExecutor(2) as pool:
        yield pool


@pytest.fixture
def encode(pool: ProcessExecutor) -> Encode:
    return functools.partial(encode_pending, options=EncodeOptions(rescue=True), executor=pool)


def fates(report: EncodeReport) -> dict[int, Fate]:
    assert report.rescue is not None
    return {finding.episode: finding.fate for finding in report.rescue.findings}


def reason(report: EncodeReport, episode: int) -> str:
    assert report.rescue is not None
    return next(finding.reason for finding in report.rescue.findings if finding.episode == episode)


def test_a_killed_recording_gets_its_tables_back_and_keeps_its_videos(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(CRASHED, tmp_path / "set")
    before = tree_hash(root)
    report = encode(root)
    assert_is(root, expected_of(CRASHED))
    assert report.ending is Ending.INCOMPLETE
    assert fates(report) == {**dict.fromkeys(range(12), Fate.KEPT), 12: Fate.LEFT}
    assert "there are no rows for these pictures" in reason(report, 12)
    after = tree_hash(root)
    assert {name for name in before if name.startswith(("images", "videos"))} == {
        name for name in before if after.get(name) == before[name] and name.startswith(("images", "videos"))
    }
    originals = report.rescue.originals if report.rescue else None
    assert originals is not None
    for name in ("data/chunk-000/file-000.parquet", "meta/episodes/chunk-000/file-000.parquet", "meta/info.json"):
        assert tree_hash(originals)[name] == before[name]


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


@pytest.mark.lerobot
@pytest.mark.parametrize("name", [CRASHED, BATCH])
def test_lerobot_loads_what_was_rescued(encode: Encode, tmp_path: Path, name: str) -> None:
    root = copy_golden(name, tmp_path / "set")
    encode(root)
    expected = expected_of(name)
    found = judge(root)
    assert (found["episodes"], found["frames"]) == (expected["num_episodes"], expected["num_frames"])
    stats = Dataset.open(root).stats
    for feature, entry in expected["stats"].items():
        for part in ("min", "max", "mean", "std"):
            # LeRobot's deviation of pictures is put together from bins.
            tolerance = 1e-3 if "images" in feature else 1e-5
            np.testing.assert_allclose(getattr(stats[feature], part), np.array(entry[part]), atol=tolerance)


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


def test_a_dry_look_changes_nothing(tmp_path: Path) -> None:
    for name in (CRASHED, BATCH):
        root = copy_golden(name, tmp_path / name)
        before = tree_hash(root)
        plan = plan_rescue(root)
        assert plan is not None
        assert plan.does_anything
        assert tree_hash(root) == before


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
    assert (report.rescue.originals / "data/chunk-000/file-000.parquet").read_bytes() == data
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


def unencode(root: Path, episodes: list[int]) -> None:
    """Make a finished dataset as a batch mode leaves it that was not full in the end: pictures, no video columns."""
    dataset = Dataset.open(root)
    for episode in episodes:
        for key in dataset.cameras:
            for frame, pixels in enumerate(dataset.frames(episode, key)):
                path = picture(root, key, episode, frame)
                path.parent.mkdir(parents=True, exist_ok=True)
                if dataset.features[key].is_depth:
                    path.with_suffix(".tiff").write_bytes(encode_depth_image(pixels.astype(np.uint16)))
                else:
                    path.write_bytes(encode_png(pixels))

    def forget(table: pa.Table) -> pa.Table:
        is_lost = pa.array([number in episodes for number in table["episode_index"].to_pylist()])
        for place, name in enumerate(table.column_names):
            if name.startswith("videos/"):
                known = table[name].cast(pa.float64())
                table = table.set_column(place, name, pc.if_else(is_lost, pa.scalar(float("nan")), known))
        return table

    edit_table(root / "meta/episodes/chunk-000/file-000.parquet", forget)
    age(root)


@pytest.mark.parametrize("place", ["joined", "not joined"])
def test_an_episode_that_was_being_encoded_when_it_stopped_is_saved(encode: Encode, tmp_path: Path, place: str) -> None:
    """One camera's pictures are gone already: they are in a video, joined to the others or in a folder of its own."""
    name = "v30_lerobot061_two_cams"
    root = copy_golden(name, tmp_path / "set")
    unencode(root, [3])
    shutil.rmtree(picture(root, FRONT, 3, 0).parent)
    for path in ("data/chunk-000/file-000.parquet", "meta/episodes/chunk-000/file-000.parquet"):
        tear_off_footer(root / path)
    video = root / f"videos/{FRONT}/chunk-000/file-000.mp4"
    if place == "not joined":
        whole = shutil.copy(video, tmp_path / "whole.mp4")
        rewrite(whole, video, 0, 44)
        (root / "tmpabcd").mkdir()
        rewrite(whole, root / "tmpabcd" / f"{FRONT}_003.mp4", 44, 62)
    wrist = root / f"videos/{WRIST}/chunk-000/file-000.mp4"
    rewrite(shutil.copy(wrist, tmp_path / "wrist.mp4"), wrist, 0, 44)
    age(root)
    report = encode(root)
    assert {number: fate for number, fate in fates(report).items() if fate is not Fate.KEPT} == {3: Fate.ENCODED}
    assert f"the pictures of {FRONT} come out of a video and are encoded again" in reason(report, 3)
    assert_is(root, expected_of(name))


def rewrite(source: Path, target: Path, start: int, stop: int) -> None:
    """Make a video of some frames of another."""
    frames = list(iter_frames(source, start, stop, 10))
    with VideoEncoder(target, frames[0].width, frames[0].height, 10, EncoderSettings(vcodec="h264", crf=5)) as encoder:
        for frame in frames:
            encoder.write(frame)


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


def test_a_resumed_recording_that_was_killed_keeps_what_was_closed_before(encode: Encode, tmp_path: Path) -> None:
    name = "v30_lerobot061_resumed"
    root = copy_golden(name, tmp_path / "set")
    for path in ("data/chunk-000/file-001.parquet", "meta/episodes/chunk-000/file-001.parquet"):
        tear_off_footer(root / path)
    age(root)
    report = encode(root)
    assert fates(report) == {2: Fate.KEPT, 3: Fate.KEPT}
    assert_is(root, expected_of(name))
    # The closed file was not made anew.
    assert report.rescue is not None
    assert report.rescue.originals is not None
    assert not (report.rescue.originals / "data/chunk-000/file-000.parquet").exists()


def test_rows_that_were_cut_off_are_told(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(CRASHED, tmp_path / "set")
    data = root / "data/chunk-000/file-000.parquet"
    data.write_bytes(data.read_bytes()[:-100])
    age(root)
    report = encode(root)
    assert_is(root, expected_of(CRASHED), range(11))
    assert report.rescue is not None
    notes = " / ".join(report.rescue.notes)
    assert "bytes hold no complete episode" in notes
    assert "there are no rows of 11" in notes
    assert f"the videos of {FRONT} have 7 frames that belong to no episode" in notes


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


def test_a_dataset_that_was_just_changed_is_not_touched(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    picture(root, FRONT, 0, 0).touch()
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


def test_counts_that_are_too_high_are_corrected(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(CRASHED, tmp_path / "set")
    edit_json(root / "meta/info.json", lambda info: info.update(total_episodes=14, total_frames=90))
    age(root)
    encode(root)
    assert_is(root, expected_of(CRASHED))


CHILD = """
import os, sys
from pathlib import Path
import lerotool.storage as storage
limit, count = int(sys.argv[2]), 0
def counted(name):
    global count
    real = getattr(os, name)
    def call(*args, **kwargs):
        global count
        count += 1
        if count > limit:
            os._exit(9)
        return real(*args, **kwargs)
    setattr(os, name, call)
for name in ("replace", "rename", "link", "unlink", "rmdir", "mkdir", "fsync"):
    counted(name)
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.execution import ThisMachine
encode_pending(Path(sys.argv[1]), EncodeOptions(rescue=True, jobs=1))
"""


@pytest.mark.parametrize("share", [0.02, 0.12, 0.22, 0.3, 0.5, 0.7, 0.85])
def test_a_rescue_that_is_cut_off_anywhere_is_completed_by_the_next(
    encode: Encode, tmp_path: Path, share: float
) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    calls = 600
    command = [sys.executable, "-c", CHILD, str(root), str(int(share * calls))]
    killed = subprocess.run(command, capture_output=True, timeout=100)
    assert killed.returncode == 9, killed.stderr.decode()
    age(root / "data")
    encode(root)
    assert_is(root, expected_of(BATCH))
    assert not (root / "images").exists()
    assert list_pending(root) == []


def test_pictures_that_a_cut_off_run_has_not_removed_go_with_the_next(
    encode: Encode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy_golden(BATCH, tmp_path / "set")

    def interrupted(root: Path) -> int:
        picture(root, FRONT, 0, 0).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lerotool.encoding.run.remove_rescued", interrupted)
        with pytest.raises(KeyboardInterrupt):
            encode(root)
    assert picture(root, WRIST, 2, 6).exists()
    report = encode(root)
    assert (report.ending, report.episodes) == (Ending.COMPLETE, 0)
    assert_is(root, expected_of(BATCH))
    assert not (root / "images").exists()


def test_a_picture_that_came_later_is_not_removed(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    other = picture(root, FRONT, 0, 0).with_name("notes.txt")
    other.write_text("mine")
    age(root)
    encode(root)
    assert [path for path in (root / "images").rglob("*") if path.is_file()] == [other]


def test_the_command_says_what_could_be_saved_and_what_not(tmp_path: Path) -> None:
    root = copy_golden(CRASHED, tmp_path / "set")
    command = [sys.executable, "-m", "lerotool", "encode", "--pending", str(root)]
    planned = subprocess.run([*command, "--dry-run"], capture_output=True, text=True)
    assert planned.returncode == 0, planned.stderr
    assert "LeRobot's episodes 0 to 11: 12 episodes, 72 rows: stay in the dataset" in planned.stdout
    assert "LeRobot's episode 12: 0 rows, 3 pictures of observation.images.front: left" in planned.stdout
    done = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert done.returncode == 8
    (report,) = json.loads(done.stdout)["datasets"]
    assert [entry["fate"] for entry in report["rescue"]["episodes"]] == ["kept"] * 12 + ["left"]
    assert report["total_episodes"] == 12
    assert Path(report["rescue"]["originals"]).is_dir()


def test_a_dataset_that_was_not_named_is_left_alone(tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    before = tree_hash(root)
    command = [sys.executable, "-m", "lerotool", "encode", "--pending"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"lerotool encode --pending {root} --dry-run" in done.stderr
    assert tree_hash(root) == before
