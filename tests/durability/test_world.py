"""`lerotool record` on a machine that misbehaves: a full or slow disk, a stopped process, a clock that jumps."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.spool.pending import list_pending
from lerotool.spool.recovery import Kind, examine_all, salvage
from tests.rig import Recording

pytestmark = pytest.mark.slow

LEROTOOL = (sys.executable, "-m", "lerotool")
TICKS, FPS = 60, 30
MEBIBYTE = 1 << 20
DISK_BYTES = 340 * MEBIBYTE
"""More than what must stay free, so that a take may begin."""


def options(root: Path, episodes: int = 2) -> list[str]:
    times = ["--episode-time", str(TICKS / FPS), "--reset-time", "0", "--min-episode-time", "0"]
    return [
        "--root",
        str(root),
        "--batch",
        "0",
        "--camera",
        "front=sim:numbered,128x64",
        *times,
        "--episodes",
        f"{episodes}",
    ]


def start(
    root: Path, *more: str, before: Sequence[str] = (), episodes: int = 2, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, *LEROTOOL, "record", *options(root, episodes), *more, "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )


@pytest.fixture
def running() -> Iterator[list[subprocess.Popen[str]]]:
    children: list[subprocess.Popen[str]] = []
    yield children
    for child in children:
        child.kill()
        child.communicate()


def mount_missing() -> str | None:
    """Return why no file system can be mounted here, None if one can."""
    if sys.platform != "linux" or not all(map(shutil.which, ("mkfs.ext4", "mount", "umount"))):
        return "small disks are ext4 in a file, which only Linux mounts"
    return None if os.geteuid() == 0 else "only root mounts file systems"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of some megabytes."""
    if reason := mount_missing():
        pytest.skip(reason)
    image, folder = tmp_path / "disk.img", tmp_path / "disk"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", image], check=True)
    mounted = subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(path: Path, left: int) -> None:
    """Fill the disk until only so many bytes are left."""

    def free() -> int:
        return os.statvfs(path.parent).f_bavail * os.statvfs(path.parent).f_frsize

    with path.open("wb") as file, suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, free() - 2 * MEBIBYTE)
        file.seek(0, os.SEEK_END)
        while free() > left:
            file.write(bytes(max(1, min(4096, free() - left))))
            file.flush()
            os.fsync(file.fileno())


@pytest.mark.parametrize("left", [0, 4_096, 12_000, 40_000, 100_000])
def test_a_disk_that_fills_up_in_a_take_costs_no_row_that_was_written(
    disk: Path, left: int, running: list[subprocess.Popen[str]]
) -> None:
    root, filler = disk / "data", disk / "filler"
    child = start(root)
    running.append(child)
    recording = Recording(child)
    recording.wait_for("take_started")
    fill(filler, left)
    recording.finish(1)
    error = json.loads(recording.err.splitlines()[-1])
    assert "no space left on device" in error["message"].lower()
    assert str(root) in error["message"]
    assert "free some space and run the same command again" in error["hint"]
    told = sum(event["rows"] for event in recording.events if event["type"] == "take_left")
    told += sum(event["report"]["rows"] for event in recording.events if event["type"] == "episode_saved")
    filler.unlink()
    for verdict in examine_all(root):
        assert verdict.kind in (Kind.COMPLETE, Kind.SALVAGEABLE, Kind.HOPELESS)
        assert verdict.kind is not Kind.HOPELESS or verdict.rows == 0
        if verdict.kind is Kind.SALVAGEABLE:
            salvage(verdict.path)
    assert sum(episode.length for episode in list_pending(root) if episode.saved is not None) >= told
    again = subprocess.run(
        [*LEROTOOL, "record", *options(root)], capture_output=True, text=True, check=False, timeout=100
    )
    assert again.returncode == 0, again.stderr
    assert len([episode for episode in list_pending(root) if episode.saved is not None]) >= 2


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library that slows the disk down and sets the clock."""
    compiler = next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if sys.platform != "linux" or compiler is None:
        pytest.skip("a slow disk and a wrong clock are made with LD_PRELOAD and a C compiler")
    library = tmp_path_factory.mktemp("world") / "world.so"
    source = Path(__file__).with_name("world.c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return str(library)


def check_takes(root: Path, events: Sequence[dict[str, Any]]) -> None:
    """Check that every tick has its row or was counted as missed, and that no time jumps."""
    reports = [event["report"] for event in events if event["type"] == "episode_saved"]
    episodes = list_pending(root)
    assert len(reports) == len(episodes) == 2
    for report, episode in zip(reports, episodes, strict=True):
        rows = episode.rows()
        assert rows.num_rows == report["rows"]
        assert report["rows"] + report["missed"] == TICKS
        steps = np.diff(rows["tick_ns"].to_numpy()) / (1e9 / FPS)
        assert np.all(np.abs(steps - np.rint(steps)) < 1e-3)
        assert np.all(steps > 0.5)
        ((key, camera),) = report["cameras"].items()
        with episode.camera(key) as packets:
            assert len(packets) == camera["packets"]
            named = rows[f"picture/{key}"].to_numpy()
            assert np.all(packets.captured_ns[named] <= rows["acted_ns"].to_numpy())


@pytest.mark.parametrize("milliseconds", [50, 700])
def test_a_slow_disk_delays_saving_and_costs_no_row(
    tmp_path: Path, world: str, milliseconds: int, running: list[subprocess.Popen[str]]
) -> None:
    environment = {"LD_PRELOAD": world, "WORLD_SYNC_US": str(1000 * milliseconds)}
    child = start(tmp_path / "d", environment=environment)
    running.append(child)
    recording = Recording(child)
    assert recording.finish()["ended"] == "complete"
    saves = [event["save_s"] for event in recording.events if event["type"] == "episode_saved"]
    assert min(saves) > milliseconds / 1000, "saving is over only when the disk has everything"
    check_takes(tmp_path / "d", recording.events)


@pytest.mark.parametrize("seconds", [18_000, -34_560_000])
def test_a_wall_clock_that_jumps_changes_no_row_and_no_time(
    tmp_path: Path, world: str, seconds: int, running: list[subprocess.Popen[str]]
) -> None:
    clock, root = tmp_path / "clock", tmp_path / "d"
    clock.write_text("0")
    child = start(root, environment={"LD_PRELOAD": world, "WORLD_CLOCK": str(clock)})
    running.append(child)
    recording = Recording(child)
    recording.wait_for("take_started")
    clock.write_text(str(seconds))
    recording.finish()
    check_takes(root, recording.events)
    began = [np.datetime64(episode.header.started_at[:19]) for episode in list_pending(root)]
    assert np.sign((began[1] - began[0]).astype(int)) == np.sign(seconds), "the clock did not jump"
    assert [episode.header.sequence for episode in list_pending(root)] == [0, 1]
    encoded = subprocess.run(
        [*LEROTOOL, "encode", "--pending", root, "--vcodec", "h264", "--preset", "ultrafast"], check=False, timeout=100
    )
    assert encoded.returncode == 0
    assert Dataset.open(root).num_episodes == 2


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_recorder_that_is_stopped_and_goes_on_counts_what_it_missed_and_makes_nothing_up(
    tmp_path: Path, running: list[subprocess.Popen[str]]
) -> None:
    child = start(tmp_path / "d")
    running.append(child)
    recording = Recording(child)
    recording.wait_for("take_started")
    child.send_signal(signal.SIGSTOP)
    time.sleep(1.0)  # while nothing of it runs, nothing of it can be waited for
    child.send_signal(signal.SIGCONT)
    recording.finish()
    first = next(event["report"] for event in recording.events if event["type"] == "episode_saved")
    assert first["missed"] >= 0.8 * FPS
    check_takes(tmp_path / "d", recording.events)


def test_a_tiny_dev_shm_is_enough(tmp_path: Path, running: list[subprocess.Popen[str]]) -> None:
    if reason := mount_missing():
        pytest.skip(reason)
    tiny = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=4k none /dev/shm && exec "$@"', "sh")
    if subprocess.run([*tiny, "true"], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted")
    root = tmp_path / "d"
    child = start(root, "--batch", "1", "--vcodec", "h264", "--preset", "ultrafast", before=tiny)
    running.append(child)
    assert Recording(child).finish()["pending"] == 0
    assert Dataset.open(root).num_episodes == 2
