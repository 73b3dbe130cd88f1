"""What ``lerotool merge`` says in the end, for people and for machines."""

from __future__ import annotations

from typing import Any

from lerotool.merging.events import MergeReport
from lerotool.wording import counted, sized


def report_text(report: MergeReport, speed_up: float | None) -> str:
    """Return the result for people; ``speed_up`` is None where the merge was too short to compare."""
    rate = report.bytes / 1e6 / report.wall_s
    lines = [
        (
            f"{report.target}: {counted(report.episodes, 'episode')}, {counted(report.frames, 'frame')}, "
            f"{sized(report.bytes)} in {report.wall_s:.1f} s "
            f"({report.episodes / report.wall_s:.0f} episodes/s, {rate:.0f} MB/s)"
        )
    ]
    if speed_up is not None:
        lines.append(f"{speed_up:.0f} times as fast as row by row, measured on a slice of these sources")
    return "\n".join(lines)


def report_document(report: MergeReport, speed_up: float | None) -> dict[str, Any]:
    """Return the result for machines; ``speed_up`` is None where the merge was too short to compare."""
    return {
        "target": str(report.target),
        "codebase_version": report.plan.options.version.value,
        "episodes": report.episodes,
        "frames": report.frames,
        "tasks": len(report.plan.tasks),
        "bytes": report.bytes,
        "wall_s": report.wall_s,
        "frames_encoded": report.frames_encoded,
        "speed_up": speed_up,
        "differences": [str(difference) for difference in report.plan.differences],
        "notes": list(report.plan.notes),
    }
