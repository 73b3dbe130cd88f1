"""Which recordings a dataset contains and who made them, from the reports beside it."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lerotool.workspace import Workspace


def committed_recordings(root: Path) -> frozenset[str]:
    """Return the ids of the recordings that a dataset contains."""
    reports = _reports(root, "recording_id")
    return frozenset(report["recording_id"] for report in reports if isinstance(report.get("recording_id"), str))


def operators(root: Path) -> Mapping[str, int]:
    """Return who recorded how many of a dataset's episodes, where that was said; most first."""
    reports = _reports(root, "operator")
    names = Counter(report["operator"] for report in reports if isinstance(report.get("operator"), str))
    return dict(names.most_common())


def _reports(root: Path, key: str) -> Iterator[dict[str, Any]]:
    """Yield the reports that may have a key."""
    for path in sorted(Workspace(root).sidecar.glob("recordings/*/*.jsonl")):
        for line in path.read_bytes().splitlines():
            # A line that was damaged later tells nothing, and hides no other.
            with contextlib.suppress(ValueError, RecursionError):
                report = json.loads(line) if key.encode() in line else None
                if isinstance(report, dict):
                    yield report
