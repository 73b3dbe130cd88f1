"""LeRobot's failures are reported as such, and nothing of it is left behind."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from lerotool.benchmarking.bench import Bench, Peer, PeerError, Site, find_peer
from lerotool.benchmarking.beside import PAIRS, group_of, merge_beside, record_beside
from lerotool.benchmarking.clips import make_clips
from lerotool.benchmarking.effort import Rig
from lerotool.benchmarking.figures import Failure, Figure, Found
from lerotool.errors import UsageError
from tests.benchmarking.parts import TINY
from tests.lerobot_judge import lerobot_python
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.slow


def fake_lerobot(folder: Path, monkeypatch: pytest.MonkeyPatch, dataset: str) -> Peer:
    """Put a LeRobot on the path whose datasets do what ``dataset`` says."""
    package = folder / "site/lerobot/datasets"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("__version__ = '9.9'")
    (package / "__init__.py").touch()
    (package / "video_utils.py").write_text("VideoEncodingManager = None")
    (package / "lerobot_dataset.py").write_text(dataset)
    (package / "aggregate.py").write_text("def aggregate_datasets(*a, **k): raise TypeError('no such thing')")
    monkeypatch.setenv("PYTHONPATH", str(package.parents[1]))
    return find_peer(Path(sys.executable))


def bench(folder: Path, rig: Rig) -> Bench:
    return Bench(Site(folder, rig, make_clips(rig)), lambda *_: None)


def parted(found: list[Figure | Failure]) -> tuple[list[Figure], list[Failure]]:
    """Return the figures, and the failures."""
    return [one for one in found if isinstance(one, Figure)], [one for one in found if isinstance(one, Failure)]


def request_in(folder: Path) -> dict[str, Any]:
    """Return what a recording is asked for."""
    return {"mode": "immediate", "takes": 1, "rows": 1, "fps": 30, "pictures": folder, "target": folder / "x"}


def test_an_interpreter_without_lerobot_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No module named 'lerobot'") as caught:
        find_peer(Path(sys.executable))
    assert "dataset extra" in str(caught.value.hint)
    with pytest.raises(UsageError, match="cannot be run"):
        find_peer(tmp_path / "nothing")


def test_a_crash_is_reported_with_its_error_and_lerotools_figures_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_ = "class LeRobotDataset:\n    @staticmethod\n    def create(*a, **k): raise TypeError('unsupported operand')"
    peer = fake_lerobot(tmp_path, monkeypatch, class_)
    assert str(peer) == "LeRobot 9.9"
    figures, (failure,) = parted(record_beside(bench(tmp_path, TINY), peer, PAIRS[1], 2, 0.3))

    assert failure.case == "LeRobot 9.9, batch of 2"
    assert failure.reason == "exit code 1: TypeError: unsupported operand"
    assert {figure.case for figure in figures} == {"lerotool record --batch 2 --foreground"}
    assert not (tmp_path / "set").exists()


def test_a_merge_that_crashes_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = fake_lerobot(tmp_path, monkeypatch, "")
    figures, (failure,) = parted(merge_beside(bench(tmp_path, TINY), peer, 2))
    assert failure.reason == "exit code 1: TypeError: no such thing"
    assert {figure.name for figure in figures} == {"lerotool", "plain copy"}


@pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX")
def test_children_of_lerobot_end_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = tmp_path / "pids"
    code = (
        "import subprocess, sys, os\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} ')\n"
        "import time; time.sleep(600)\n"
    )
    peer = fake_lerobot(tmp_path, monkeypatch, code)

    def interrupt_when_ready(seconds: float) -> None:
        if pids.exists() and pids.read_text().endswith(" "):
            raise KeyboardInterrupt
        assert seconds < PATIENCE_S

    with pytest.raises(KeyboardInterrupt):
        peer.run("record", tmp_path, request_in(tmp_path), interrupt_when_ready)
    end = time.monotonic() + PATIENCE_S
    for pid in map(int, pids.read_text().split()):
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < end, f"process {pid} is left"


def test_a_program_that_writes_nothing_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = fake_lerobot(tmp_path, monkeypatch, "import sys; print('going'); sys.exit(0)")
    with pytest.raises(PeerError, match="exit code 0: going"):
        peer.run("record", tmp_path, request_in(tmp_path), lambda _: None)


@pytest.mark.lerobot
def test_the_real_lerobot_does_the_same_work(tmp_path: Path) -> None:
    python = lerobot_python()
    assert python is not None
    peer = find_peer(Path(python))
    # Large enough that the likeness hardly depends on which pictures a take begins with.
    rig = Rig(cameras=1, width=320, height=240)
    found = Found()
    for pair in PAIRS[:2]:
        found.add(record_beside(bench(tmp_path, rig), peer, pair, 2, 1.0))
    theirs = [case for case in found.cases(group_of(1.0)) if case.startswith("LeRobot")]
    failed = [failure.case.removeprefix(f"{peer}, ") for failure in found.failures]
    assert theirs == [f"{peer}, immediate"]
    assert failed == ["batch of 2"], "if LeRobot's batch mode has been mended, the documentation must say so"
