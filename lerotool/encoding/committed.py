"""Which recordings a dataset contains, told by the reports beside it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from lerotool.workspace import Workspace


def committed_recordings(root: Path) -> frozenset[str]:
    """Return the ids of the recordings that a dataset contains."""
    found = set()
    for path in sorted(Workspace(root).sidecar.glob("recordings/*/*.jsonl")):
        for line in path.read_bytes().splitlines():
            # A line that was damaged later tells nothing, and hides no other.
            with contextlib.suppress(ValueError, RecursionError):
                report = json.loads(line)
                if isinstance(report, dict) and isinstance(report.get("recording_id"), str):
                    found.add(report["recording_id"])
    return frozenset(found)
