"""What ``lerotool merge`` says in the end, for people and for machines."""

from __future__ import annotations

from typing import Any

from lerotool.merging.run import MergeReport
from lerotool.wording import counted, sized

_TELLING = 2
"""A rate below this says nothing."""


def report_text(report: MergeReport, speed_up: float | None) -> str:
    """Return the result for people; ``speed_up`` is None where a comparison would say nothing."""
    rates = ((report.episodes, "episodes/s"), (report.bytes / 1e6, "MB/s"))
    shown = [f"{done / report.wall_s:.0f} {unit}" for done, unit in rates if done / report.wall_s >= _TELLING]
    lines = [
        f"{report.target}: {counted(report.episodes, 'episode')}, {counted(report.frames, 'frame')}, "
        f"{sized(report.bytes)} in {report.wall_s:.1f} s" + (f" ({', '.join(shown)})" if shown else "")
    ]
    if speed_up is not None:
        lines.append(
            f"copying the rows one by one, without videos, would take about {speed_up:.1f} times as long "
            "(measured on the first rows of the first source)"
        )
    return "\n".join(lines)


def report_document(report: MergeReport, speed_up: float | None) -> dict[str, Any]:
    """Return the result for machines; ``speed_up`` is None where a comparison would say nothing."""
    return {
        "target": str(report.target),
        "codebase_version": report.version.value,
        "episodes": report.episodes,
        "frames": report.frames,
        "tasks": report.tasks,
        "bytes": report.bytes,
        "wall_s": report.wall_s,
        "frames_encoded": report.frames_encoded,
        "speed_up": speed_up,
        "differences": list(report.differences),
        "notes": list(report.notes),
    }
