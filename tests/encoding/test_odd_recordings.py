"""Recordings that are unlike others: one frame, no packets, a packet that is no picture, cameras of all sizes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.devices.cameras.simulated import numbered_picture, read_number
from lerotool.encoding.events import Ending
from lerotool.encoding.run import encode_pending
from lerotool.features import CAMERA_PREFIX, STATE, Feature, camera, vector
from lerotool.media.encode import encode_jpeg
from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.media.probe import count_packets, probe
from lerotool.spool.documents import Header
from lerotool.spool.pending import PendingEpisode, list_pending
from lerotool.spool.writer import PendingWriter
from lerotool.workspace import Workspace
from tests.encoding.reading import all_numbers
from tests.encoding.recordings import FPS, FRONT, QUICK, WRIST, packet, record
from tests.lerobot_judge import judge

SIZES = {"front": (128, 64, 30), "wrist": (192, 96, 15), "top": (256, 128, 60), "side": (128, 128, 10)}


def record_packets(
    root: Path, packets: Mapping[str, list[bytes]], picks: Mapping[str, list[int]], sequence: int = 0
) -> PendingEpisode:
    """Record the packets of some cameras of `SIZES`, and rows that name them."""
    keys = {name: f"{CAMERA_PREFIX}{name}" for name in packets}
    features: dict[str, Feature] = {STATE: vector(["a.pos"])}
    features |= {keys[name]: camera(SIZES[name][1], SIZES[name][0]) for name in packets}
    streams = {
        keys[name]: StreamFormat(StreamCodec.MJPEG, *SIZES[name][:2], "yuvj422p", SIZES[name][2]) for name in packets
    }
    header = Header.build(sequence=sequence, fps=FPS, features=features, cameras=streams, encoder=QUICK, task="odd")
    writer = PendingWriter.create(Workspace(root).pending, header)
    for name, data in packets.items():
        for number, one in enumerate(data):
            writer.camera(keys[name]).append(one, captured_ns=number * 10**9 // SIZES[name][2])
    for row in range(len(next(iter(picks.values())))):
        writer.append_row(
            {STATE: np.array([row], np.float32)},
            task="odd",
            tick_ns=row * 10**9 // FPS,
            observed_ns=0,
            acted_ns=0,
            pictures={keys[name]: numbers[row] for name, numbers in picks.items()},
        )
    return writer.save({})


@pytest.mark.slow
def test_an_episode_of_one_frame_is_an_episode(tmp_path: Path) -> None:
    record(tmp_path, 0, [0])
    assert encode_pending(tmp_path).ending is Ending.COMPLETE
    dataset = Dataset.open(tmp_path)
    assert (dataset.num_episodes, dataset.num_frames) == (1, 1)
    assert all_numbers(tmp_path, FRONT) == all_numbers(tmp_path, WRIST) == [0]


@pytest.mark.slow
def test_a_packet_in_the_middle_that_is_no_picture_sets_its_episode_aside(tmp_path: Path) -> None:
    packets = [packet(number) for number in range(5)]
    packets[2] = b"\xff\xd8 no picture \xff\xd9"
    record_packets(tmp_path, {"front": packets}, {"front": [0, 1, 2, 3, 4]})
    record_packets(tmp_path, {"front": packets[3:]}, {"front": [0, 1]}, sequence=1)
    report = encode_pending(tmp_path)
    assert (report.ending, report.episodes) == (Ending.INCOMPLETE, 1)
    assert "packet 2" in report.failures[0].reason
    assert len(list_pending(tmp_path)) == 1
    assert all_numbers(tmp_path, FRONT) == [3, 4]


@pytest.mark.slow
def test_a_camera_that_sent_nothing_sets_its_episode_aside(tmp_path: Path) -> None:
    record(tmp_path, 0, [0, 1], first_number=20)
    silent = record(tmp_path, 1, [0, 1])
    for name in ("wrist.mjpeg", "wrist.index"):
        (silent.path / name).write_bytes(b"")
    report = encode_pending(tmp_path)
    assert (report.ending, report.episodes) == (Ending.INCOMPLETE, 1)
    (left,) = report.left
    assert left.episode == silent.path.name
    assert left.hint
    assert [episode.path for episode in list_pending(tmp_path)] == [silent.path]
    assert all_numbers(tmp_path, FRONT) == [20, 21]


def make_four(root: Path, rows: int = 30) -> dict[str, list[int]]:
    """Record four cameras, each of its own size and rate; return the numbers of the pictures that each row has."""
    picks = {name: [row * rate // FPS for row in range(rows)] for name, (_, _, rate) in SIZES.items()}
    packets = {
        name: [encode_jpeg(numbered_picture(number, *SIZES[name][:2])) for number in range(numbers[-1] + 1)]
        for name, numbers in picks.items()
    }
    record_packets(root, packets, picks)
    return picks


@pytest.mark.slow
def test_four_cameras_of_different_size_and_rate_have_one_frame_a_row(tmp_path: Path) -> None:
    picks = make_four(tmp_path)
    assert encode_pending(tmp_path).ending is Ending.COMPLETE
    dataset = Dataset.open(tmp_path)
    for name, (width, height, _) in SIZES.items():
        (video,) = tmp_path.glob(f"videos/{CAMERA_PREFIX}{name}/*/*.mp4")
        found = probe(video)
        assert (found.width, found.height, count_packets(video)) == (width, height, 30)
        assert [read_number(picture) for picture in dataset.frames(0, f"{CAMERA_PREFIX}{name}")] == picks[name]


@pytest.mark.lerobot
def test_lerobot_loads_four_cameras_and_an_episode_of_one_frame(tmp_path: Path) -> None:
    make_four(tmp_path / "four", rows=5)
    record(tmp_path / "one", 0, [0])
    for root in (tmp_path / "four", tmp_path / "one"):
        assert encode_pending(root).ending is Ending.COMPLETE
        judge(root)
