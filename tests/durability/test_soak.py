"""Half a minute of recording while everything goes wrong; `scripts/soak.py` does it for as long as wanted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "scripts" / "soak.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_every_row_and_frame_is_accounted_for(tmp_path: Path) -> None:
    command = [sys.executable, SCRIPT, "--minutes", "0.4", "--seed", "4", "--folder", tmp_path / "soak"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    account = json.loads(done.stdout)
    assert account["problems"] == []
    assert account["promised"] > 0
    assert account["episodes"] >= account["promised"] - account["taken_back"]
    assert account["rows"] > 0
