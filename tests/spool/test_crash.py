"""Real processes that record and are killed, or run out of disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lerotool.errors import DatasetLockedError
from lerotool.spool.pending import PendingEpisode, State
from lerotool.spool.recovery import Kind, examine, salvage
from lerotool.workspace import Workspace
from tests.spool.episodes import check_arm

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def child(root: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the recording child; it is gone afterwards."""
    command = [sys.executable, "-m", "tests.spool.child", str(root), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """Yield what the child says, without ends of lines; a line torn by the kill is left out."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.endswith("\n"):
            yield line.rstrip("\n")


@pytest.mark.parametrize("rows", [1, 7, 40])
def test_everything_acknowledged_is_there_after_kill_9(tmp_path: Path, rows: int) -> None:
    """The child goes on recording while the signal is under way, so it dies anywhere."""
    with child(tmp_path, "record") as process:
        told = lines(process)
        path = Path(next(told))
        acknowledged = 0
        while acknowledged < rows:
            acknowledged = int(next(told))
        process.kill()
        for line in told:
            acknowledged = int(line)
        process.wait()
    episode = PendingEpisode.open(path)
    assert (episode.state, episode.is_live) == (State.RECORDING, False)
    assert examine(path).kind is Kind.SALVAGEABLE
    salvaged = salvage(path)
    # A row that was written but not yet told may be there too.
    assert salvaged.length in (acknowledged, acknowledged + 1)
    check_arm(salvaged)


def test_a_saved_episode_is_complete_after_kill_9(tmp_path: Path) -> None:
    with child(tmp_path, "save") as process:
        told = lines(process)
        path = Path(next(told))
        assert list(iter(told.__next__, "saved"))[-1] == "20"
        process.kill()
        process.wait()
    assert examine(path).kind is Kind.COMPLETE
    episode = PendingEpisode.open(path)
    assert (episode.state, episode.length, episode.report) == (State.SAVED, 20, {"rows": 20})
    check_arm(episode)


def test_a_lock_lasts_exactly_as_long_as_its_process(tmp_path: Path) -> None:
    with child(tmp_path, "record") as process:
        told = lines(process)
        path = Path(next(told))
        next(told)
        verdict = examine(path)
        assert verdict.kind is Kind.LIVE
        assert f"process {process.pid} " in verdict.reason
        assert PendingEpisode.open(path).is_live
        with pytest.raises(DatasetLockedError, match=f"process {process.pid} "):
            salvage(path)
        process.kill()
        process.wait()
        assert not PendingEpisode.open(path).is_live
        assert examine(path).kind is not Kind.LIVE


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits on file sizes")
@pytest.mark.parametrize("limit", [1000, 5003, 20_001])
def test_a_full_disk_costs_only_what_did_not_fit(tmp_path: Path, limit: int) -> None:
    """The append fails with the reason, what was before can be saved there and then, and nothing torn is in between."""
    with child(tmp_path, "full", str(limit)) as process:
        told = lines(process)
        path = Path(next(told))
        acknowledged = 0
        for line in told:
            if line.startswith("error"):
                assert line.split()[1:] == ["OSError", str(errno.EFBIG)]
                break
            acknowledged = int(line)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.close()
        assert process.wait() == 0
    assert acknowledged > 0
    assert examine(path).kind is Kind.COMPLETE
    episode = PendingEpisode.open(path)
    assert episode.length == acknowledged
    check_arm(episode)


def test_a_folder_appears_complete_or_not_at_all(tmp_path: Path) -> None:
    """Whoever looks while an episode is being begun sees no folder, or one with header and lock."""
    with child(tmp_path, "record") as process:
        pending = Workspace(tmp_path).pending
        seen: list[Kind] = []
        while not seen and process.poll() is None:
            folders = [path for path in pending.iterdir() if path.name[0] != "."] if pending.is_dir() else []
            seen = [examine(path).kind for path in folders]
        if os.name != "nt":
            assert seen == [Kind.LIVE]
