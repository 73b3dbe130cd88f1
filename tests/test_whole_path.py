"""From the first tick to a dataset that LeRobot loads, through the commands that a user types, with real processes."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.devices.cameras.simulated import read_number
from lerotool.media.pictures import decode_image
from lerotool.spool.pending import PendingEpisode, pending_folders
from lerotool.web.waiting import waiting_frame
from tests.lerobot_judge import judge
from tests.shared import REALDATA, needs_realdata

pytestmark = pytest.mark.slow

FRONT, WRIST = "observation.images.front", "observation.images.wrist"


def lerotool(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command and return what it printed; fails the test when it fails."""
    command = [sys.executable, "-m", "lerotool", *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert finished.returncode == 0, f"{arguments} exited with {finished.returncode}:\n{finished.stderr}"
    return finished


def record(root: Path, *options: object, seconds: float = 2, episodes: int = 2) -> None:
    """Record into ``root`` without pauses."""
    times = ("--episode-time", seconds, "--reset-time", 0, "--episodes", episodes)
    lerotool("record", "--robot", "sim", "--root", root, *times, *options)


def assert_every_row_has_its_picture(root: Path, camera: str) -> None:
    """Read the number out of every frame and compare it with the packet that the row names."""
    dataset = Dataset.open(root)
    for episode in range(len(dataset.episodes)):
        timing = dataset.timing(episode)
        assert timing is not None
        named = timing.column(f"picture/{camera}").to_numpy()
        seen = np.array([read_number(frame) for frame in dataset.frames(episode, camera)])
        assert len(seen) == dataset.episodes[episode].length
        # Packet 0 of a take is whatever number the endlessly counting camera had reached.
        assert np.array_equal(seen - seen[0], named - named[0]), f"episode {episode}"


def _burn(stop: float) -> None:
    import time

    while time.monotonic() < stop:
        pass


@contextlib.contextmanager
def saturated_cores() -> Iterator[None]:
    """Keep every core busy with other people's work."""
    context = multiprocessing.get_context("spawn")
    busy = [context.Process(target=_burn, args=(float("inf"),)) for _ in range(multiprocessing.cpu_count())]
    for process in busy:
        process.start()
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.join()
            process.close()


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_pictures_of_a_turned_camera_stand_upright_pending_and_encoded(tmp_path: Path, rotation: int) -> None:
    root, name = tmp_path / "set", FRONT.rpartition(".")[2]
    width, height = (320, 240) if rotation == 180 else (240, 320)
    settings = f"type: opencv, index_or_path: 'sim:numbered', width: {width}, height: {height}, rotation: {rotation}"
    record(root, "--camera", f"{{{name}: {{{settings}}}}}", "--batch", 0, seconds=1, episodes=1)
    (folder,) = pending_folders(root)
    pending = PendingEpisode.open(folder)
    named = pending.rows().column(f"picture/{FRONT}").to_pylist()
    waiting = [decode_image(waiting_frame(pending, FRONT, row)) for row in (0, pending.length - 1)]

    lerotool("encode", "--pending", root)

    dataset = Dataset.open(root)
    assert dataset.features[FRONT].shape == (height, width, 3)
    frames = list(dataset.frames(0, FRONT))
    assert {frame.shape for frame in [*waiting, *frames]} == {(height, width, 3)}
    # Turned back, a picture carries the number of the packet that its row names.
    seen = [read_number(np.rot90(frame, rotation // 90)) for frame in frames]
    assert [number - seen[0] for number in seen] == [number - named[0] for number in named]
    assert [read_number(np.rot90(frame, rotation // 90)) for frame in waiting] == [seen[0], seen[-1]]


def test_record_and_encode_as_typed(tmp_path: Path) -> None:
    """The issue's own example: batches of two, then what is left."""
    record(tmp_path / "set", "--batch", 2, seconds=1, episodes=4)
    lerotool("encode", "--pending", tmp_path / "set")
    facts = json.loads(lerotool("info", tmp_path / "set", "--json").stdout)
    assert facts["episodes"] == 4
    assert not list((tmp_path / "set" / ".lerotool" / "pending").iterdir())


def test_every_row_has_the_picture_it_names(tmp_path: Path) -> None:
    """Encoding runs beside the recording."""
    record(tmp_path / "set", "--camera", "front=sim:numbered,320x240", "--batch", 1, episodes=3)
    assert_every_row_has_its_picture(tmp_path / "set", FRONT)


def test_every_row_has_the_picture_it_names_while_all_cores_are_busy(tmp_path: Path) -> None:
    """Late pictures are repeated, never shifted, and none is lost."""
    cameras = ("--camera", "front=sim:numbered,320x240", "--camera", "wrist=sim:numbered,320x240")
    with saturated_cores():
        record(tmp_path / "set", *cameras, "--batch", 1, "--no-encode-at-end")
    lerotool("encode", "--pending", tmp_path / "set")
    assert_every_row_has_its_picture(tmp_path / "set", FRONT)
    assert_every_row_has_its_picture(tmp_path / "set", WRIST)


def test_repeating_the_command_goes_on_to_the_total(tmp_path: Path) -> None:
    """``--episodes 3`` means three in total."""
    record(tmp_path / "set", "--camera", "front=sim,160x120", "--batch", 1, seconds=0.5, episodes=2)
    record(tmp_path / "set", "--camera", "front=sim,160x120", "--batch", 1, seconds=0.5, episodes=3)
    assert [e.index for e in Dataset.open(tmp_path / "set").episodes] == [0, 1, 2]


@pytest.mark.lerobot
def test_lerobot_loads_a_recording_of_two_cameras(tmp_path: Path) -> None:
    """Encoded in batches, packed at the end, continued once."""
    cameras = ("--camera", "front=sim:numbered,320x240", "--camera", "wrist=sim,160x120")
    record(tmp_path / "set", *cameras, "--batch", 2, episodes=3)
    record(tmp_path / "set", *cameras, "--batch", 2, episodes=4)
    judge(tmp_path / "set")


@needs_realdata
@pytest.mark.lerobot
def test_lerobot_loads_a_recording_of_a_real_video_as_camera(tmp_path: Path) -> None:
    """The pictures of a real robot, decoded from AV1 and spooled raw."""
    video = REALDATA / "g1_v21_b" / "videos" / "chunk-000" / "observation.images.cam_high" / "episode_000000.mp4"
    record(tmp_path / "set", "--camera", f"front={video}", "--batch", 1)
    judge(tmp_path / "set")


@pytest.mark.lerobot
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_lerobot_loads_other_codecs(tmp_path: Path, codec: str) -> None:
    """Whatever lerotool can be told to write."""
    record(tmp_path / "set", "--camera", "front=sim,160x120", "--vcodec", codec, "--batch", 2, seconds=1)
    judge(tmp_path / "set")
