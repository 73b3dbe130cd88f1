"""Asks the real LeRobot about many datasets in one process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.lerobot_judge import lerobot_python

SCRIPT = Path(__file__).with_name("lerobot_loads.py")


def what_lerobot_does(cases: Mapping[Path, Path | None]) -> dict[Path, tuple[str, str]]:
    """Return by dataset ``right``, ``wrong`` or ``refused``, and why.

    Args:
        cases: datasets, and the file of what LeRobot should give for each; None only asks that all can be read.
    """
    python = lerobot_python()
    assert python, "the judge needs LEROTOOL_LEROBOT_PYTHON; run scripts/test.py --lerobot FOLDER"
    asked = [{"root": str(root), "expected": str(truth) if truth else None} for root, truth in cases.items()]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    finished = subprocess.run(
        [python, str(SCRIPT)], input=json.dumps(asked), capture_output=True, text=True, env=environment, check=False
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    answers = json.loads(finished.stdout.splitlines()[-1])
    return {Path(root): (verdict, why) for root, (verdict, why) in answers.items()}
