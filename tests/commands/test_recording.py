"""Every printed line of ``lerotool record`` records as typed, in a home where nothing lies yet; only shorter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lerotool.cli.app import run
from lerotool.spool.pending import list_pending
from tests.commands.printed import Printed
from tests.commands.test_printed import lines, typed
from tests.rig import Rig

SHORT = ("--episodes", "1", "--episode-time", "0.3", "--min-episode-time", "0", "--no-encode-at-end")
"""The last one of an option's values counts."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one; the current folder has a list of tasks."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work/tasks.txt").write_text("Pick up the cube\n")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "calibration"))
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path / "config"))
    return tmp_path / "home"


@pytest.fixture
def arms(home: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """The robot that a line names, if it names one."""
    if "bench" not in typed(request.getfixturevalue("printed")):
        yield
        return
    if os.name != "posix":
        pytest.skip("emulated buses need pseudo-terminals")
    with Rig():
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("arms")
@pytest.mark.parametrize("printed", lines("recorded"))
def test_every_printed_recording_records(home: Path, printed: Printed, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*typed(printed), *SHORT]) == 0, capsys.readouterr().err
    (root,) = (home / "local").iterdir()
    assert "1 of 1 episodes, 1 recorded now" in capsys.readouterr().out
    assert len(list_pending(root)) == 1 or (root / "meta/info.json").is_file()
