"""Every command line that the product prints does what it should, in a home where everything lies that it names."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from lerotool.cli.app import run
from tests.commands.printed import Printed
from tests.commands.test_printed import CODES, lines, typed
from tests.commands.world import HOME, copy_world, make_world
from tests.rig import Rig


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("original")
    make_world(home)
    return home


@pytest.fixture
def world(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the home, one's own; the current folder is its ``work``."""
    home = tmp_path / "home"
    copy_world(original, home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HF_LEROBOT_HOME", str(home / HOME))
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "calibration"))
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(home / "work")
    return home


@pytest.fixture
def bench() -> Iterator[Rig]:
    if os.name != "posix":
        pytest.skip("emulated buses need pseudo-terminals")
    with Rig() as rig:
        yield rig


@pytest.mark.slow
@pytest.mark.parametrize("printed", lines("run"))
def test_every_printed_line_runs(
    world: Path, bench: Rig, printed: Printed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(os.devnull) as nobody:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdin", nobody)
        words = typed(printed)
        for target in [after for option, after in pairwise(words) if option == "-o"]:
            shutil.rmtree(target, ignore_errors=True)
        code = run(words)
    assert code == CODES.get(printed.line, 0), capsys.readouterr().err
