"""Asks the real LeRobot about many datasets in one process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.lerobot_judge import run_in_lerobot

SCRIPT = Path(__file__).with_name("lerobot_loads.py")


def what_lerobot_does(cases: Mapping[Path, Path | None]) -> dict[Path, tuple[str, str]]:
    """Return by dataset ``right``, ``wrong`` or ``refused``, and why.

    Args:
        cases: datasets, and the file of what LeRobot should give for each; None only asks that all can be read.
    """
    asked = [{"root": str(root), "expected": str(truth) if truth else None} for root, truth in cases.items()]
    finished = run_in_lerobot(SCRIPT, text=json.dumps(asked))
    assert finished.returncode == 0, finished.stderr[-3000:]
    answers = json.loads(finished.stdout.splitlines()[-1])
    return {Path(root): (verdict, why) for root, (verdict, why) in answers.items()}
