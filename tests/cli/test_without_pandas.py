"""pandas takes longer to import than most commands have to work, so those that are typed often do without it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from tests.shared import GOLDEN

_PROGRAM = """
import sys
from lerotool.cli.app import run
for line in (
    "info set",
    "merge set set -o merged",
    "stats set --verify",
    "stats set --write",
    "edit delete set 0",
    "edit trim set --first 1",
    "edit undo set",
    "edit repack set",
):
    code = run(line.split())
    print(line, code, "pandas" in sys.modules)
"""


@pytest.mark.skipif(pa.__version__.startswith("18."), reason="pyarrow 18 imports pandas to name a type of numpy")
def test_commands_that_are_typed_often_do_without_pandas(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "v30_lerobot061_two_cams", tmp_path / "set")
    line = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)
    ends = [line for line in done.stdout.splitlines() if line.endswith((" True", " False"))]
    assert len(ends) == 8
    assert [line for line in ends if not line.endswith(" 0 False")] == [], done.stderr
