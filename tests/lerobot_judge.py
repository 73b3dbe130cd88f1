"""The real LeRobot as the judge: loads a dataset with its own loader and decodes every frame."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.shared import SHARED

CHECK = SHARED / "oracle" / "check_with_lerobot.py"


def lerobot_python() -> str | None:
    """Return the interpreter that has LeRobot, if one was named."""
    return os.environ.get("LEROTOOL_LEROBOT_PYTHON")


def judge(dataset: Path) -> dict[str, Any]:
    """Load the dataset with the real LeRobot and return its findings; fail the test when LeRobot finds it wrong."""
    python = lerobot_python()
    assert python, "the judge needs LEROTOOL_LEROBOT_PYTHON; run scripts/test.py --lerobot FOLDER"
    assert CHECK.exists(), f"the judge needs {CHECK}"
    with tempfile.TemporaryDirectory() as scratch:
        verdict = Path(scratch) / "verdict.json"
        offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_DATASETS_CACHE": scratch}
        finished = subprocess.run(
            [python, str(CHECK), str(dataset), "--brief", "--json", str(verdict)],
            capture_output=True,
            text=True,
            env={**os.environ, **offline},
            check=False,
        )
        assert finished.returncode == 0, (
            f"LeRobot does not load {dataset}:\n{finished.stdout[-4000:]}\n{finished.stderr[-4000:]}"
        )
        findings: dict[str, Any] = json.loads(verdict.read_text())
        return findings
