"""What to do about the findings of a dataset: commands as they are typed, for as much as they really mend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lerotool.errors import LerotoolError
from lerotool.findings import Advice, Code, Finding, Remedy
from lerotool.mending.repair_plan import RepairPlan
from lerotool.mending.rescue_plan import plan_rescue
from lerotool.wording import as_argument, listed, ranges

_READS = re.compile(r"lerotool (merge|stats|encode|edit \w+) DATASET")
_CLOSED = frozenset(
    [
        Code.JOURNAL,
        Code.LINK_OUTSIDE,
        Code.INFO_MISSING,
        Code.INFO_UNREADABLE,
        Code.INFO_INVALID,
        Code.VERSION,
        Code.PATH_TEMPLATE,
        Code.TASKS_MISSING,
        Code.TASKS_UNREADABLE,
        Code.TASKS_INDEX,
        Code.TASKS_ORDER,
        Code.TASK_UNKNOWN,
        Code.EPISODES_MISSING,
        Code.EPISODES_UNREADABLE,
        Code.EPISODES_VALUES,
        Code.EPISODES_ORDER,
        Code.DATA_MISSING,
        Code.DATA_NO_FOOTER,
        Code.DATA_DAMAGED,
        Code.ROW_COUNT,
        Code.WRONG_INDEX,
        Code.WRONG_EPISODE,
        Code.MISSING_VALUES,
    ]
)
"""Findings with which other commands cannot read a dataset."""
_FOLDER = re.compile(r"\b(DATASET|TARGET)\b")
_MERGE = re.compile(r"(lerotool merge DATASET(?::KEPT)? -o TARGET)")


def advise(plan: RepairPlan, *, rescues: bool = False) -> tuple[Advice, ...]:
    """Return what to do, commands first."""
    findings = plan.before.findings
    mended = {code for step in plan.steps for code in step.codes} - _left(plan)
    waits = {f.code for f in findings if f.remedy is Remedy.ENCODE and (f.code is not Code.PICTURES_LEFT or rescues)}
    if rescues:
        waits |= {f.code for f in findings if f.remedy is Remedy.REPAIR and f.code not in mended}
    commands: dict[Remedy, list[Code]] = {remedy: [] for remedy in (Remedy.REPAIR, Remedy.ENCODE, Remedy.STATS)}
    texts: dict[str, list[Code]] = {}
    first = _first(plan, mended, is_repaired=any(step.codes for step in plan.steps))
    reasons = dict(reversed([(finding.code, why) for finding, why in plan.left]))
    for code in dict.fromkeys(finding.code for finding in findings):
        finding = next(f for f in findings if f.code is code)
        if code in mended or (code in _steps(plan) and finding.remedy is Remedy.REPAIR):
            commands[Remedy.REPAIR].append(code)
        if code in waits:
            commands[Remedy.ENCODE].append(code)
        if code in mended or code in waits:
            continue
        if finding.remedy is Remedy.STATS and not first:
            commands[Remedy.STATS].append(code)
        texts.setdefault(_text(finding, plan, reasons.get(code, ""), first), []).append(code)
    found = [Advice(tuple(codes), _filled(remedy.value, plan, ())) for remedy, codes in commands.items() if codes]
    return (*found, *(Advice(tuple(codes), "", text) for text, codes in texts.items() if text))


def _steps(plan: RepairPlan) -> set[Code]:
    return {code for step in plan.steps for code in step.codes}


def _left(plan: RepairPlan) -> set[Code]:
    return {finding.code for finding, _ in plan.left}


def _first(plan: RepairPlan, mended: set[Code], *, is_repaired: bool) -> str:
    """Return what must be done before other commands can read the dataset; "" where they can."""
    closed = [f.code for f in plan.before.findings if f.code in _CLOSED and f.code not in mended]
    if closed:
        return f"first mend {listed(list(dict.fromkeys(closed)))}"
    return f"repair first; then check again: {Remedy.REPAIR.value}" if is_repaired else ""


def _text(finding: Finding, plan: RepairPlan, reason: str, first: str) -> str:
    """Return what to do about a finding that no command alone mends."""
    text = finding.advice
    if finding.remedy is Remedy.REPAIR:
        text = reason or text
    elif finding.code is Code.PICTURES_LEFT:
        text = "these pictures have no rows: no command can use them"
    if first and (_READS.search(text) or finding.remedy is Remedy.STATS):
        alone = finding.meaning.advice
        text = alone if alone and not _READS.search(alone) and finding.own_advice else first
    return _filled(text, plan, _episodes(plan.before.findings, finding.code))


def _reasons(plan: RepairPlan, advice: Sequence[Advice]) -> list[str]:
    """Return what to do about each finding that a repair leaves."""
    commands = {code: found.command for found in advice if found.command for code in found.codes}
    texts = {code: found.text for found in advice if not found.command for code in found.codes}
    told = []
    for finding, why in plan.left:
        is_mended = commands.get(finding.code, "").endswith("--repair")
        text = texts.get(finding.code) or ("" if is_mended else commands.get(finding.code))
        told.append(text or _filled(why, plan, _episodes(plan.before.findings, finding.code)))
    return told


def _episodes(findings: Sequence[Finding], code: Code) -> list[int]:
    return sorted({number for finding in findings if finding.code is code for number in finding.episodes})


def _filled(text: str, plan: RepairPlan, episodes: Sequence[int]) -> str:
    if plan.before.version in ("v2.0", "v2.1"):
        text = _MERGE.sub(r"\1 --to v2.1", text)
    if "DATASET:KEPT" in text:
        kept = sorted(set(range(plan.before.episodes)) - set(episodes))
        if not kept:
            return "all episodes have it"
        source = as_argument(f"{plan.root}:{ranges(kept)}")
        before, _, behind = text.partition("DATASET:KEPT")
        return f"{before}{source}{_filled(behind, plan, ())}"
    target = Path(f"{plan.root.absolute()}-new" if plan.root.name in ("", "..") else f"{plan.root}-new")
    folders = {"DATASET": as_argument(plan.root), "TARGET": as_argument(target)}
    return _FOLDER.sub(lambda found: folders[found.group()], text)


def advised(plan: RepairPlan) -> RepairPlan:
    """Return a plan whose report says what to do, and whose reasons say how to go on."""
    advice = advise(plan, rescues=_rescues(plan))
    left = tuple((finding, why) for (finding, _), why in zip(plan.left, _reasons(plan, advice), strict=True))
    return replace(plan, before=replace(plan.before, advice=advice), left=left)


def _rescues(plan: RepairPlan) -> bool:
    """Whether encoding what LeRobot has left behind would do something."""
    if Code.PICTURES_LEFT not in plan.before.codes:
        return False
    try:
        found = plan_rescue(plan.root)
    except (LerotoolError, OSError):
        return False  # `check` has found why
    return found is not None and found.does_anything
