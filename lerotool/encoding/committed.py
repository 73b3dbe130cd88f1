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
        for line in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError, AttributeError):
                found.add(json.loads(line).get("recording_id"))
    return frozenset(found - {None})
