"""An appender that is killed, or has no room, or may not write."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.appender import DatasetAppender
from lerotool.workspace import Workspace
from tests.dataset.faults import contents
from tests.dataset.writing import STATE_ONLY, episode, make

LOOP = """
import sys
from pathlib import Path
from lerotool.dataset.writing.appender import DatasetAppender
from tests.dataset.writing import FPS, STATE_ONLY, episode
root = Path(sys.argv[1])
with DatasetAppender.create(root, FPS, STATE_ONLY, None) as appender:
    for number in range(10_000):
        pending = root / ".lerotool/pending" / f"episode-{number:06d}"
        new = episode(pending, STATE_ONLY, ["a"] * 3, number, pending=True)
        print(number, flush=True)
        appender.append([new])
        if number % 7 == 6:
            appender.finalize()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9")
@pytest.mark.parametrize("line", [3, 8, 14])
def test_a_killed_writer_leaves_every_committed_episode(tmp_path: Path, line: int) -> None:
    root = tmp_path / "ds"
    child = subprocess.Popen(
        [sys.executable, "-c", LOOP, str(root)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert child.stdout is not None
    for _ in range(line):
        last = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    found = Dataset.open(root).num_episodes
    assert found >= last
    with DatasetAppender.open(root) as appender:
        appender.append([episode(tmp_path / "e", STATE_ONLY, ["b"] * 3, 50_000)])
        appender.finalize()
    dataset = Dataset.open(root)
    assert dataset.num_episodes == found + 1
    assert dataset.numpy("index").tolist() == list(range(dataset.num_frames))
    # What is not in the dataset is still pending, complete.
    assert len(list((root / ".lerotool/pending").glob("*/saved.json"))) in (0, 1)


FULL = """
import resource, signal, sys
from pathlib import Path
from lerotool.dataset.writing.appender import DatasetAppender
from tests.dataset.writing import STATE_ONLY, episode
root = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with DatasetAppender.open(root) as appender:
    new = episode(root / ".lerotool/pending/episode-000001", STATE_ONLY, ["a"] * 900, 1, pending=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        appender.append([new])
    except OSError as error:
        print("OSError", error.errno)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE")
@pytest.mark.parametrize("limit", [0, 1_000, 9_000, 30_000])
def test_a_full_disk_leaves_the_dataset_as_it_was(tmp_path: Path, limit: int) -> None:
    root = tmp_path / "ds"
    make(root, STATE_ONLY, [[["a"] * 3]])
    before = contents(root)
    child = subprocess.run(
        [sys.executable, "-c", FULL, str(root), str(limit)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert child.stdout.startswith("OSError"), child.stderr
    assert contents(root) == before
    assert (root / ".lerotool/pending/episode-000001/saved.json").exists()
    assert not list(Workspace(root).staging.glob("*"))
    with DatasetAppender.open(root) as appender:
        assert appender.num_episodes == 1


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_dataset_is_an_error_of_the_system(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    make(root, STATE_ONLY, [[["a"] * 3]])
    shutil.rmtree(root / ".lerotool")
    root.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            DatasetAppender.open(root)
    finally:
        root.chmod(0o700)
