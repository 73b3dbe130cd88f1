"""What ``lerotool encode`` says in the end, also of what LeRobot left behind: for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from typing import Any

from lerotool.encoding.events import EncodeReport
from lerotool.encoding.plan import Plan
from lerotool.encoding.selection import folder_number
from lerotool.mending.fates import EpisodeFinding, Fate, RescuePlan, RescueReport
from lerotool.wording import as_argument, counted, sized

_WHAT = {Fate.KEPT: "stays in the dataset", Fate.ENCODED: "encoded from its pictures", Fate.LEFT: "left"}


def report_text(report: EncodeReport) -> str:
    """Return the result of one dataset for people."""
    tail = f"{report.root} has {counted(report.total_episodes, 'episode')} now"
    if report.rescue is not None:
        tail = f"{rescue_report_text(report.rescue)}\n{tail}"
    if not report.episodes:
        left = len(report.failures) + len(report.left)
        what = f"no episode added, {left} left" if left else "nothing is pending"
        return tail if report.rescue is not None else f"{report.root}: {what}"
    speed = ""
    if report.frames:
        speed = (
            f": {report.frames_per_s:.0f} frames/s, {report.times_real_time:.1f} times real time, "
            f"{report.speed_up:.1f} times as fast as one job at a time"
        )
    added = f"{counted(report.episodes, 'episode')}, {counted(report.rows, 'row')} added in {report.wall_s:.1f} s"
    return f"{added}{speed}\n{tail}"


def report_document(report: EncodeReport) -> dict[str, Any]:
    """Return the result of one dataset for machines; ``speed_up`` is CPU seconds of all jobs per second of encoding."""
    return {
        "root": str(report.root),
        "ending": report.ending.value,
        "episodes": report.episodes,
        "rows": report.rows,
        "recorded_s": report.recorded_s,
        "frames": report.frames,
        "reused_frames": report.reused_frames,
        "wall_s": report.wall_s,
        "encode_wall_s": report.encode_wall_s,
        "cpu_s": report.cpu_s,
        "frames_per_s": report.frames_per_s,
        "times_real_time": report.times_real_time,
        "speed_up": report.speed_up,
        "total_episodes": report.total_episodes,
        "failures": [asdict(left) for left in report.failures],
        "left": [asdict(left) for left in report.left],
        "live": list(report.live),
        "rescue": None if report.rescue is None else rescue_report_document(report.rescue),
    }


def plan_text(plan: Plan) -> str:
    """Return what would be done with one dataset, for people."""
    lines = [
        (
            f"{plan.root}: {counted(len(plan.tasks), 'episode')}, {counted(plan.rows, 'row')}, "
            f"{counted(plan.frames, 'frame')}, {plan.seconds:.1f} s of recording, about {sized(plan.estimated_bytes)}"
        )
    ]
    lines += [
        f"  {_numbered(task.name)}: {counted(task.length, 'row')}, {counted(len(task.cameras), 'camera')}"
        for task in plan.tasks
    ]
    lines += [
        f"  {_numbered(verdict.path.name)}: would be salvaged, {counted(verdict.rows, 'row')}"
        for verdict in plan.salvageable
    ]
    lines += [f"  {_numbered(left.episode)}: left, {left.reason}" for left in plan.left]
    lines += [f"  {name}: is being recorded" for name in plan.live]
    return "\n".join(lines)


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return what would be done with one dataset, for machines."""
    return {
        "root": str(plan.root),
        "episodes": [
            {
                "episode": task.name,
                "number": folder_number(task.name),
                "rows": task.length,
                "seconds": task.seconds,
                "cameras": list(task.cameras),
                "encoder": task.settings.to_json(),
            }
            for task in plan.tasks
        ],
        "rows": plan.rows,
        "frames": plan.frames,
        "seconds": plan.seconds,
        "estimated_bytes": plan.estimated_bytes,
        "salvageable": [{"episode": verdict.path.name, "rows": verdict.rows} for verdict in plan.salvageable],
        "left": [asdict(left) for left in plan.left],
        "live": list(plan.live),
    }


def _numbered(name: str) -> str:
    """Return the folder name of a pending episode after the number that ``--episodes`` knows it by."""
    number = folder_number(name)
    return name if number is None else f"{number}: {name}"


def rescue_plan_text(plan: RescuePlan) -> str:
    """Return what would be done with one dataset's leftovers, for people."""
    lines = [f"{plan.root}: left behind by LeRobot"]
    if plan.refusal is not None:
        lines.append(f"  not touched: {plan.refusal}")
    if plan.is_broken:
        lines.append("  its tables would be rewritten; as they are they would be kept")
    return "\n".join([*lines, *_finding_lines(plan.findings), *_note_lines(plan.notes)])


def rescue_report_text(report: RescueReport) -> str:
    """Return what was done with one dataset's leftovers, for people."""
    lines = ["left behind by LeRobot:", *_finding_lines(report.findings), *_note_lines(report.notes)]
    if report.removed_pictures:
        lines.append(f"  {report.removed_pictures} picture files, which are in the dataset now, were put away")
    if report.originals is not None:
        command = f"lerotool check {as_argument(report.root)}"
        lines.append(f"  the files as they were: {report.originals}")
        lines.append(f"  to take the rescue back: {command} --undo")
        lines.append(f"  when all is well: {command} --forget")
    return "\n".join(lines)


def rescue_plan_document(plan: RescuePlan) -> dict[str, Any]:
    """Return what would be done with one dataset's leftovers, for machines."""
    return {
        "refusal": plan.refusal,
        "makes_tables_anew": plan.is_broken,
        "episodes": [asdict(finding) for finding in plan.findings],
        "notes": list(plan.notes),
    }


def rescue_report_document(report: RescueReport) -> dict[str, Any]:
    """Return what was done with one dataset's leftovers, for machines."""
    return {
        "refusal": report.refusal,
        "originals": None if report.originals is None else str(report.originals),
        "removed_pictures": report.removed_pictures,
        "episodes": [asdict(finding) for finding in report.findings],
        "notes": list(report.notes),
    }


def _finding_lines(findings: Iterable[EpisodeFinding]) -> list[str]:
    lines: list[str] = []
    for is_kept, group in groupby(findings, key=lambda finding: finding.fate is Fate.KEPT):
        members = list(group)
        if is_kept and len(members) > 1:
            rows = sum(finding.rows for finding in members)
            numbers = f"{members[0].episode} to {members[-1].episode}"
            lines.append(f"  LeRobot's episodes {numbers}: {len(members)} episodes, {rows} rows: stay in the dataset")
        else:
            lines += [f"  LeRobot's episode {finding.episode}: {_describe(finding)}" for finding in members]
    return lines


def _describe(finding: EpisodeFinding) -> str:
    pictures = [f"{counted(count, 'picture')} of {key}" for key, count in finding.pictures.items()]
    found = ", ".join([counted(finding.rows, "row"), *pictures])
    what = f"cut to {counted(finding.usable, 'row')}" if finding.fate is Fate.CUT else _WHAT[finding.fate]
    return f"{found}: {what}" + (f", {finding.reason}" if finding.reason else "")


def _note_lines(notes: Iterable[str]) -> list[str]:
    return [f"  {note}" for note in notes]
