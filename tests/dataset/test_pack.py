"""Packing joins small files, keeps every value and picture, and is all or nothing like any other change."""

from __future__ import annotations

import json
import math
import shutil
from contextlib import suppress
from pathlib import Path

import av
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.writing.appender import DatasetAppender, NewEpisode
from lerotool.dataset.writing.packing import SMALL_BYTES, NumberedFile, pack_numbers, plan_packs
from lerotool.features import Feature, camera
from lerotool.media.encode import VideoEncoder
from lerotool.media.format import EncoderSettings
from lerotool.media.join import join_videos
from lerotool.media.probe import count_packets
from lerotool.workspace import Workspace
from tests.dataset.faults import Fault, Killed, contents, faulty
from tests.dataset.writing import FEATURES, FPS, FRONT, STATE_ONLY, episode, pictures
from tests.lerobot_judge import judge
from tests.shared import GOLDEN

MB = 1024**2
SMALL_CAMERA = {**STATE_ONLY, FRONT: camera(16, 16)}


def write(root: Path, features: dict[str, Feature], batches: list[list[int]]) -> list[NewEpisode]:
    """A dataset of batches of episodes of the lengths given; nothing is packed."""
    written: list[NewEpisode] = []
    with DatasetAppender.create(root, FPS, features, None) as appender:
        for batch in batches:
            folders = [root.parent / f"{root.name}-{len(written) + i}" for i in range(len(batch))]
            new = [
                episode(f, features, ["a"] * n, len(written) + i)
                for i, (f, n) in enumerate(zip(folders, batch, strict=True))
            ]
            appender.append(new)
            written += new
        appender.measure_again()
    return written


def pack(root: Path) -> tuple[int, int]:
    with DatasetAppender.open(root) as appender:
        report = appender.finalize()
        assert not report.notes
    return report.packed, report.made


def everything(root: Path) -> list[object]:
    """All rows, lengths, tasks, measured times and pictures of a dataset."""
    dataset = Dataset.open(root)
    found: list[object] = [dataset.rows().to_pylist()]
    for number, read in enumerate(dataset.episodes):
        found.append(
            (
                read.length,
                read.tasks,
                read.dataset_from,
                dict(read.extra),
                {k: v.to_json() for k, v in read.stats.items()},
            )
        )
        times = dataset.timing(number)
        found.append(None if times is None else times.to_pylist())
        found += [[picture.tobytes() for picture in dataset.frames(number, key)] for key in dataset.cameras]
    return found


@given(
    sizes=st.lists(st.integers(1, 300), max_size=40),
    limit=st.integers(1, 400),
    barriers=st.sets(st.integers(0, 40)),
)
def test_packs_cover_all_files_in_order_within_the_limit(sizes: list[int], limit: int, barriers: set[int]) -> None:
    scaled = [size * MB for size in sizes]
    packs = plan_packs(scaled, limit * MB, lambda place, _: place not in barriers)
    assert [place for pack in packs for place in pack] == list(range(len(sizes)))
    for one in packs:
        members = [scaled[place] for place in one]
        assert len(members) == 1 or sum(members) < limit * MB
        assert all(place not in barriers for place in one[:-1])
        assert all(s <= max(sum(members[i + 1 :]), SMALL_BYTES) for i, s in enumerate(members[:-1]))


def test_bytes_are_copied_few_times_over_many_sessions() -> None:
    limit, step, sessions = 200 * MB, 20 * MB, 500
    sizes: list[int] = []
    copied = 0
    for _ in range(sessions):
        sizes.append(step)
        packs = plan_packs(sizes, limit, lambda *_: True)
        copied += sum(sum(sizes[i] for i in one) for one in packs if len(one) > 1)
        sizes = [sum(sizes[i] for i in one) for one in packs]
    assert sum(sizes) == step * sessions
    assert copied <= sum(sizes) * math.log2(limit / step)
    assert len(sizes) <= 2 * sum(sizes) / limit + math.log2(limit / step)


def test_numbers_stay_up_to_the_first_change_and_have_no_gaps_from_there() -> None:
    files = [NumberedFile(Path("x"), FileNumber(0, number), 1) for number in (0, 3, 7, 8, 9)]
    packs = [range(1), range(1, 3), range(3, 4), range(4, 5)]
    assert pack_numbers(files, packs, 1000) == [FileNumber(0, n) for n in (0, 3, 4, 5)]
    assert pack_numbers(files, packs, 5) == [FileNumber(0, 0), FileNumber(0, 3), FileNumber(0, 4), FileNumber(1, 0)]


def test_packing_keeps_every_value_and_picture(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    write(root, FEATURES, [[3, 1], [5], [2, 2, 4]])
    before = everything(root)
    packed, made = pack(root)
    assert made == 4
    assert packed == 3 + 3 + 6 + 6
    assert everything(root) == before
    assert pack(root) == (0, 0)
    names = {path.relative_to(root).as_posix() for path in root.rglob("*-0*/*") if path.is_file()}
    assert all(name.rpartition(".")[0].endswith("chunk-000/file-000") for name in names)
    assert len(names) == 6
    dataset = Dataset.open(root)
    first = 0
    for read in dataset.episodes:
        for span in read.videos.values():
            assert (span.from_timestamp, span.to_timestamp) == (first / FPS, (first + read.length) / FPS)
        first += read.length
    table = pq.ParquetFile(root / "data/chunk-000/file-000.parquet")
    assert [table.metadata.row_group(g).num_rows for g in range(table.num_row_groups)] == [3, 1, 5, 2, 2, 4]
    lines = (root / "meta/lerotool/recordings/chunk-000/file-000.jsonl").read_text().splitlines()
    assert [json.loads(line)["episode_index"] for line in lines] == list(range(6))


def test_a_packed_dataset_is_continued_and_packed_again(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    write(root, SMALL_CAMERA, [[3], [2]])
    for number in range(2, 5):
        pack(root)
        with DatasetAppender.open(root) as appender:
            assert len(appender.recorded_ids) == number
            appender.append([episode(tmp_path / f"e{number}", SMALL_CAMERA, ["b"] * 2, number)])
    before = everything(root)
    pack(root)
    assert everything(root) == before
    assert len(list(root.glob("videos/*/*/*"))) == len(list(root.glob("data/*/*"))) == 1


def test_episodes_without_measured_times_have_nulls_after_packing(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    write(root, STATE_ONLY, [[3]])
    shutil.rmtree(root / "meta/lerotool/timing")
    with DatasetAppender.open(root) as appender:
        appender.append([episode(tmp_path / "e", STATE_ONLY, ["a"] * 2, 5)])
        appender.finalize()
    table = pq.read_table(root / "meta/lerotool/timing/chunk-000/file-000.parquet", partitioning=None)
    assert table["frame_index"].to_pylist() == [0, 1, 2, 0, 1]
    assert table["tick_ns"].to_pylist() == [None, None, None, 1000, 1100]


def test_packs_stay_below_the_limits_and_numbers_have_no_gaps(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    write(root, SMALL_CAMERA, [[40] for _ in range(9)])
    video_mb = max(path.stat().st_size for path in root.glob("videos/*/*/*")) * 4.5 / MB
    data_mb = max(path.stat().st_size for path in root.glob("data/*/*")) * 3.5 / MB
    info = json.loads((root / "meta/info.json").read_text())
    info |= {"data_files_size_in_mb": data_mb, "video_files_size_in_mb": video_mb, "chunks_size": 2}
    # Numbers begin in chunk 0 and went on there; the new limit holds for new numbers.
    (root / "meta/info.json").write_text(json.dumps(info))
    before = everything(root)
    pack(root)
    assert everything(root) == before
    for kind, limit in (("data/*/*", data_mb), ("videos/*/*/*", video_mb)):
        sizes = [path.stat().st_size for path in root.glob(kind)]
        assert 2 <= len(sizes) <= 5
        assert max(sizes) < limit * MB
    assert [path.name for path in sorted(root.glob("data/*/*"))][:2] == ["file-000.parquet", "file-001.parquet"]


def test_no_video_gets_longer_than_lerobot_can_tell_times(tmp_path: Path) -> None:
    root, fps = tmp_path / "ds", 1
    features = {FRONT: camera(16, 16)}
    with DatasetAppender.create(root, fps, features, None) as appender:
        appender.append([episode(tmp_path / f"e{i}", features, ["a"] * 400, i, fps=fps) for i in range(3)])
        appender.finalize()
    assert sorted(count_packets(path) for path in root.glob("videos/*/*/*")) == [400, 800]


def test_videos_that_do_not_go_together_stay_apart(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    features = {FRONT: camera(16, 16)}
    with DatasetAppender.create(root, FPS, features, None) as appender:
        for number, codec in enumerate(["libsvtav1", "libsvtav1", "h264", "h264", "libsvtav1"]):
            new = episode(tmp_path / f"e{number}", features, ["a"] * 4, number)
            with VideoEncoder(new.videos[FRONT].path, 16, 16, FPS, EncoderSettings(vcodec=codec)) as encoder:
                for picture in pictures(16, 16, 4, number):
                    encoder.write(av.VideoFrame.from_ndarray(picture, format="rgb24"))
            appender.append([new])
        before = everything(root)
        appender.finalize()
    assert everything(root) == before
    assert sorted(count_packets(path) for path in root.glob("videos/*/*/*")) == [4, 8, 8]


def test_a_video_with_more_than_its_episodes_is_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    features = {FRONT: camera(16, 16)}
    write(root, features, [[3], [4], [5], [6]])
    odd = root / f"videos/{FRONT}/chunk-000/file-001.mp4"
    copy = shutil.copyfile(odd, tmp_path / "copy.mp4")
    join_videos([copy, copy], odd, FPS)
    kept = odd.read_bytes()
    before = everything(root)
    pack(root)
    assert odd.read_bytes() == kept
    assert everything(root) == before
    assert [path.name for path in sorted(root.glob("videos/*/*/*"))] == [f"file-00{n}.mp4" for n in range(3)]


def test_without_room_on_the_disk_files_stay_apart_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "ds"
    write(root, STATE_ONLY, [[3], [4]])
    monkeypatch.setattr("lerotool.storage.free_bytes", lambda _: 1000)
    before = contents(root)
    with DatasetAppender.open(root) as appender:
        report = appender.finalize()
    assert "were not packed" in report.notes[0]
    assert contents(root) == before


@pytest.mark.parametrize("fault", [pytest.param(Fault.KILL, marks=pytest.mark.slow), Fault.ERROR])
def test_a_pack_stopped_at_any_call_leaves_a_sound_dataset(tmp_path: Path, fault: Fault) -> None:
    source = tmp_path / "source"
    write(source, SMALL_CAMERA, [[2], [3]])
    before = everything(source)
    counted = shutil.copytree(source, tmp_path / "counted")
    with DatasetAppender.open(counted) as appender, faulty() as calls:
        appender.finalize()
    new = contents(counted)
    for at in calls.places(fault, every=5):
        root = shutil.copytree(source, tmp_path / "ds")
        with DatasetAppender.open(root) as appender, faulty(fault, at), suppress(Killed, OSError):
            appender.finalize()
        assert everything(root) == before
        pack(root)
        assert contents(root) == new
        assert not list(Workspace(root).staging.glob("*"))
        shutil.rmtree(root)


@pytest.mark.slow
def test_files_that_get_another_number_survive_a_stop_at_any_call(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write(source, STATE_ONLY, [[3], [3], [400]])
    info = json.loads((source / "meta/info.json").read_text())
    large = (source / "data/chunk-000/file-002.parquet").stat().st_size
    (source / "meta/info.json").write_text(json.dumps(info | {"data_files_size_in_mb": large / MB}))
    before = everything(source)
    counted = shutil.copytree(source, tmp_path / "counted")
    with DatasetAppender.open(counted) as appender, faulty() as calls:
        appender.finalize()
    new = contents(counted)
    assert new["data/chunk-000/file-001.parquet"] == contents(source)["data/chunk-000/file-002.parquet"]
    assert "data/chunk-000/file-002.parquet" not in new
    for at in calls.kills:
        root = shutil.copytree(source, tmp_path / "ds")
        with DatasetAppender.open(root) as appender, faulty(Fault.KILL, at), suppress(Killed):
            appender.finalize()
        assert everything(root) == before
        pack(root)
        assert contents(root) == new
        shutil.rmtree(root)


def test_files_of_lerobot_are_packed_with_all_that_they_say(tmp_path: Path) -> None:
    for name in ("v30_lerobot061_resumed", "v30_lerobot061_small_files"):
        root = shutil.copytree(GOLDEN / name, tmp_path / name)
        info = json.loads((root / "meta/info.json").read_text())
        (root / "meta/info.json").write_text(
            json.dumps(info | {"data_files_size_in_mb": 100, "video_files_size_in_mb": 200})
        )
        before = everything(root)
        packed, _ = pack(root)
        assert packed > 0
        after = everything(root)
        assert after == before
        assert all(len(list(root.glob(kind))) == 1 for kind in ("data/*/*", "meta/episodes/*/*"))


@pytest.mark.lerobot
@pytest.mark.slow
def test_lerobot_loads_many_sessions(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    write(root, SMALL_CAMERA, [[3], [2]])
    for session in range(6):
        with DatasetAppender.open(root) as appender:
            for number in range(3):
                seed = 10 * session + number + 2
                appender.append(
                    [episode(tmp_path / f"e{seed}", SMALL_CAMERA, [f"task {session}"] * (seed % 7 + 1), seed)]
                )
            appender.finalize()
    judge(root)
