"""A dataset whose videos are encoded anew: real LeRobot datasets, real processes."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.encoding.events import Event, JobDone
from lerotool.encoding.reencode import ReencodeOptions, plan_reencoding, reencode
from lerotool.errors import CorruptDatasetError, IncompatibleDatasetError, MediaError, TargetExistsError, UsageError
from lerotool.execution import StoppedError
from lerotool.media.probe import probe
from lerotool.rewriting.new_videos import NewVideo
from tests.lerobot_judge import judge
from tests.media.pictures import psnr
from tests.shared import GOLDEN

FRONT = "observation.images.front"
TWO_CAMS = GOLDEN / "v30_lerobot061_two_cams"
H264 = {"vcodec": "h264", "crf": 12, "preset": "veryfast"}
HEVC = {"vcodec": "hevc", "crf": 12, "preset": "veryfast"}


def options(**overrides: Any) -> ReencodeOptions:
    return ReencodeOptions(overrides)


def others(root: Path) -> dict[str, bytes]:
    """Return all files but videos and info.json."""
    files = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".mp4" and path.name != "info.json"]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def begins(video: NewVideo) -> list[int]:
    """Return the frames at which the clips of a file begin."""
    return [clip.start for clip in video.clips]


def everything(root: Path) -> dict[str, tuple[bytes, int]]:
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(root.rglob("*")) if p.is_file()}


def assert_same_pictures(source: Path, target: Path, least_db: float = 30) -> None:
    """Every frame of every episode is the same picture, and not the one before it."""
    old, new = Dataset.open(source), Dataset.open(target)
    for episode in old.episodes:
        for camera in episode.videos:
            wanted, found = (list(dataset.frames(episode.index, camera)) for dataset in (old, new))
            likeness = [psnr(one, other) for one, other in zip(wanted, found, strict=True)]
            assert min(likeness) > least_db
            beside = [psnr(one, other) for one, other in zip(wanted[1:], found[:-1], strict=True)]
            assert all(own > other for own, other in zip(likeness[1:], beside, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [H264, HEVC, {"crf": 20, "g": 8}], ids=["h264", "hevc", "av1"])
def test_videos_are_new_and_all_else_is_the_same(tmp_path: Path, overrides: dict[str, Any]) -> None:
    before = everything(TWO_CAMS)
    report = reencode(TWO_CAMS, tmp_path / "new", options(**overrides))
    assert everything(TWO_CAMS) == before
    assert others(tmp_path / "new") == others(TWO_CAMS)
    assert_same_pictures(TWO_CAMS, tmp_path / "new", least_db=25)
    assert (report.files, report.frames) == (2, 2 * 62)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new"]
    assert not (tmp_path / "new" / ".lerotool").exists()


@pytest.mark.slow
def test_info_says_what_lerobot_says_of_such_videos(tmp_path: Path) -> None:
    golden = GOLDEN / "v30_lerobot061_h264"
    overrides = {"vcodec": "h264", "g": 10, "crf": 23, "preset": "medium"}
    reencode(TWO_CAMS, tmp_path / "new", options(**overrides))
    old, new, wanted = (
        json.loads((root / "meta/info.json").read_text()) for root in (TWO_CAMS, tmp_path / "new", golden)
    )
    assert new["features"][FRONT]["info"] == wanted["features"][FRONT]["info"]
    assert list(new) == list(old)
    for document in (old, new):
        for camera in [name for name in document["features"] if "images" in name]:
            del document["features"][camera]["info"]
    assert new == old


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [H264, {}], ids=["h264", "av1"])
def test_every_episode_begins_with_a_keyframe(tmp_path: Path, overrides: dict[str, Any]) -> None:
    reencode(TWO_CAMS, tmp_path / "new", options(**overrides, g=100))
    with av.open(str(tmp_path / "new/videos/observation.images.front/chunk-000/file-000.mp4")) as container:
        numbers = [
            round(packet.pts * packet.time_base * 10)
            for packet in container.demux(video=0)
            if packet.size and packet.is_keyframe
        ]
    starts = np.cumsum([0, 7, 25, 12]).tolist()
    assert set(starts) <= set(numbers)


@pytest.mark.slow
def test_long_stretches_are_shared_among_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lerotool.encoding.reencode.LONGEST_PART", 10)
    events: list[Event] = []
    reencode(TWO_CAMS, tmp_path / "new", options(**H264), events.append)
    lengths = sorted(event.frames for event in events if isinstance(event, JobDone))
    assert lengths == sorted([7, 10, 10, 5, 10, 2, 10, 8] * 2)
    assert_same_pictures(TWO_CAMS, tmp_path / "new")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["v21_lerobot033_two_cams", "v30_lerobot061_small_files", "v30_lerobot061_merged"])
def test_other_layouts_keep_theirs(tmp_path: Path, name: str) -> None:
    reencode(GOLDEN / name, tmp_path / "new", options(**H264))
    files = [sorted(p.relative_to(r).as_posix() for p in r.rglob("*.mp4")) for r in (GOLDEN / name, tmp_path / "new")]
    assert files[0] == files[1]
    assert others(tmp_path / "new") == others(GOLDEN / name)
    assert_same_pictures(GOLDEN / name, tmp_path / "new")


@pytest.mark.slow
def test_depth_is_copied(tmp_path: Path) -> None:
    source = GOLDEN / "v30_lerobot061_depth"
    report = reencode(source, tmp_path / "new", options(**H264))
    key = "observation.images.front_depth"
    place = f"videos/{key}/chunk-000/file-000.mp4"
    assert (tmp_path / "new" / place).read_bytes() == (source / place).read_bytes()
    assert report.kept == (key,)
    assert Dataset.open(tmp_path / "new").features[key] == Dataset.open(source).features[key]


@pytest.mark.lerobot
@pytest.mark.parametrize("overrides", [H264, HEVC, {}], ids=["h264", "hevc", "av1"])
def test_lerobot_loads_it(tmp_path: Path, overrides: dict[str, Any]) -> None:
    reencode(GOLDEN / "v30_lerobot061_resumed", tmp_path / "new", options(**overrides))
    judge(tmp_path / "new")


@pytest.mark.slow
def test_frames_that_no_episode_uses_stay_in_their_places(tmp_path: Path) -> None:
    """The table begins the first episode one frame late."""
    source = shutil.copytree(GOLDEN / "v30_lerobot061_two_cams", tmp_path / "old")
    plan = plan_reencoding(source, options())
    assert [begins(file) for file in plan.files] == [[0, 7, 32, 44]] * 2
    table = source / "meta/episodes/chunk-000/file-000.parquet"
    rows = pq.read_table(table, partitioning=None)
    names = [name for name in rows.column_names if name.endswith("from_timestamp") and "front" in name]
    shifted = [start + 0.1 if start == 0 else start for start in rows[names[0]].to_pylist()]
    rows = rows.set_column(rows.column_names.index(names[0]), names[0], pa.array(shifted))
    pq.write_table(rows, table)
    assert begins(plan_reencoding(source, options()).files[0]) == [0, 1, 7, 32, 44]
    reencode(source, tmp_path / "new", options(**H264))
    assert_same_pictures(source, tmp_path / "new")


def test_damaged_videos_are_all_named_and_nothing_is_made(tmp_path: Path) -> None:
    source = shutil.copytree(TWO_CAMS, tmp_path / "old")
    first, second = sorted(source.rglob("*.mp4"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:2000])
    with pytest.raises(CorruptDatasetError) as raised:
        reencode(source, tmp_path / "new", options(**H264))
    assert str(first) in str(raised.value)
    assert str(second) in str(raised.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old"]


def test_a_picture_that_cannot_be_decoded_ends_it_without_a_trace(tmp_path: Path) -> None:
    source = shutil.copytree(TWO_CAMS, tmp_path / "old")
    video = min(source.rglob("*.mp4"))
    data = bytearray(video.read_bytes())
    data[-400:-100] = np.random.default_rng(0).bytes(300)
    video.write_bytes(data)
    with pytest.raises(MediaError, match=video.name):
        reencode(source, tmp_path / "new", options(**H264))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old"]


def test_a_stop_leaves_nothing(tmp_path: Path) -> None:
    stop = threading.Event()

    def stop_at_first(event: Event) -> None:
        if isinstance(event, JobDone):
            stop.set()

    with pytest.raises(StoppedError):
        reencode(TWO_CAMS, tmp_path / "new", options(**H264), stop_at_first, stop=stop)
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes have no place in its folders")
def test_what_is_not_a_file_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    source = shutil.copytree(TWO_CAMS, tmp_path / "old")
    os.mkfifo(source / "meta" / "pipe")
    with pytest.raises(CorruptDatasetError, match="meta/pipe: expected a file"):
        reencode(source, tmp_path / "new", options(**H264))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old"]


def test_targets_that_cannot_be_are_refused(tmp_path: Path) -> None:
    source = shutil.copytree(TWO_CAMS, tmp_path / "old")
    with pytest.raises(TargetExistsError):
        reencode(source, source, options())
    for target in (source / "new", tmp_path):
        with pytest.raises(UsageError, match="lie in one another"):
            reencode(source, target, options())
    with pytest.raises(MediaError, match="no_such_codec"):
        reencode(source, tmp_path / "new", options(vcodec="no_such_codec"))
    with pytest.raises(UsageError, match="nonsense"):
        reencode(source, tmp_path / "new", options(nonsense=1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old"]


def test_a_dataset_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IncompatibleDatasetError, match="no colour videos"):
        reencode(GOLDEN / "v30_lerobot061_images", tmp_path / "new", options())


@pytest.mark.slow
def test_settings_of_the_encoder_arrive(tmp_path: Path) -> None:
    reencode(TWO_CAMS, tmp_path / "new", options(vcodec="h264", pix_fmt="yuv444p", crf=20))
    video = next((tmp_path / "new").rglob("*.mp4"))
    assert (probe(video).codec, probe(video).pix_fmt) == ("h264", "yuv444p")


@pytest.mark.slow
def test_what_the_colours_mean_is_kept(tmp_path: Path) -> None:
    """A video tagged BT.709 whose tag is lost shows other colours."""
    source = shutil.copytree(GOLDEN / "v30_lerobot061_h264", tmp_path / "old")
    for video in source.rglob("*.mp4"):
        untagged = video.with_suffix(".untagged")
        video.rename(untagged)
        tag_bt709(untagged, video)
        untagged.unlink()
    reencode(source, tmp_path / "new", options(**H264))
    assert_same_pictures(source, tmp_path / "new")
    old, new = (next(Dataset.open(root).frames(0, FRONT)).mean(axis=(0, 1)) for root in (source, tmp_path / "new"))
    assert abs(old - new).max() < 1
    reencode(source, tmp_path / "wide", options(**H264, pix_fmt="yuv444p"))
    assert_same_pictures(source, tmp_path / "wide")


def tag_bt709(source: Path, target: Path) -> None:
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        stream = output.add_stream("libx264", 10, options={"crf": "10", "g": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1
        for number, frame in enumerate(container.decode(video=0)):
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def test_odd_sizes_are_refused_by_the_plan_of_an_encoder_that_does_not_take_them(tmp_path: Path) -> None:
    source = shutil.copytree(TWO_CAMS, tmp_path / "old")
    info = json.loads((source / "meta/info.json").read_text())
    info["features"][FRONT]["shape"][0] = 47
    (source / "meta/info.json").write_text(json.dumps(info))
    with pytest.raises(MediaError, match=f"camera '{FRONT}': libx264 .*must be even"):
        plan_reencoding(source, options(**H264))
    assert plan_reencoding(source, options()).files
