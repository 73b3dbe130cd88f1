"""What ``lerotool encode --pending`` says of what LeRobot left behind: for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from typing import Any

from lerotool.mending.fates import EpisodeFinding, Fate, RescuePlan, RescueReport
from lerotool.wording import as_argument, counted

_WHAT = {Fate.KEPT: "stays in the dataset", Fate.ENCODED: "encoded from its pictures", Fate.LEFT: "left"}


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
