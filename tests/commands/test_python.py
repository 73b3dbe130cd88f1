"""The Python of docs/python.md runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.printed import ROOT
from tests.patience import PATIENCE_S


@pytest.mark.slow
def test_what_the_manual_shows_runs_as_it_stands(tmp_path: Path) -> None:
    samples = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(samples) == 2
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(samples)], cwd=tmp_path, capture_output=True, text=True, timeout=2 * PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
