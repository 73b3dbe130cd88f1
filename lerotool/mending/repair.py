"""Repairing: look, find out what the dataset really holds, build that beside it, and swap it in by one commit."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from lerotool.checking.check import Sight, look
from lerotool.checking.report import CheckReport
from lerotool.choices import Depth
from lerotool.dataset.writing.history import DATASET, Entry, KeepingStaging, new_folder, remove_undone
from lerotool.dataset.writing.journal import put_aside, redo
from lerotool.dataset.writing.staging import sweep
from lerotool.errors import DatasetLockedError
from lerotool.execution import Progress, ignore_progress
from lerotool.findings import Code, Severity
from lerotool.mending.draft import Draft
from lerotool.mending.info_repair import plan_features, plan_info, plan_stats, plan_templates
from lerotool.mending.repair_plan import RepairPlan, RepairReport, Step
from lerotool.mending.strays import plan_strays
from lerotool.mending.table_repair import plan_tables, plan_tasks
from lerotool.rewriting.restoring import stage_restoration
from lerotool.storage import SPARE_BYTES, check_space, lock_owner
from lerotool.workspace import Workspace, dataset_root

_ROUNDS = 3
"""What is found once the worst is mended is repaired in the same run, so often at most."""


def plan_repair(
    root: str | Path, *, drops: bool = False, executor: Executor | None = None, on_progress: Progress = ignore_progress
) -> RepairPlan:
    """Tell what `repair` would do; nothing is changed."""
    report, sight = look(root, Depth.FAST, executor=executor, on_progress=on_progress)
    return _draft(report, sight, drops=drops).plan()


def plan_quickly(report: CheckReport, sight: Sight) -> RepairPlan:
    """Tell what `repair` would do about what was found, without decoding pictures to measure lost statistics."""
    return _draft(report, sight, measures=False).plan()


def repair(
    root: str | Path, *, drops: bool = False, executor: Executor | None = None, on_progress: Progress = ignore_progress
) -> RepairReport:
    """Repair a dataset in one step; interrupted at any time it is the old one or the new one.

    Files that change are kept as they were until `lerotool.mending.forgetting.forget`, and brought back by
    `lerotool.mending.undoing.undo`. `OSError`: the disk is full or fails; the dataset is the old one, or the next
    writer makes it the new one.
    """
    folder = dataset_root(str(root)).absolute()
    workspace = Workspace(folder)
    recording_lock = workspace.recording_lock  # refuses links before anything else is done
    plan = plan_repair(folder, drops=drops, executor=executor, on_progress=on_progress)
    if not plan.steps:
        return RepairReport(plan, plan, None)
    if (owner := lock_owner(recording_lock)) is not None:
        raise DatasetLockedError(f"{str(folder)!r} is in use by {owner}", hint="wait until it has finished")
    with workspace.lock_for_writing("repairing"):
        is_aside = put_aside(workspace, new_folder(workspace, "-journal"))
        is_finished = redo(workspace)
        sweep(workspace)
        remove_undone(workspace)
        done, last, entry, lost = _repair_in_rounds(workspace, executor, drops=drops)
    steps = [step for step in plan.steps if Code.UNFINISHED_COMMIT in step.codes] if is_finished else []
    steps += [step for step in plan.steps if Code.JOURNAL in step.codes] if is_aside else []
    steps += [step for step in plan.steps if step.codes == (Code.LEFTOVERS,) and step not in done]
    whole = RepairPlan(folder, plan.before, (*steps, *done), last.left)
    return RepairReport(whole, last, entry.folder if entry is not None and entry.kept else None, tuple(lost))


def _repair_in_rounds(
    workspace: Workspace, executor: Executor | None, *, drops: bool
) -> tuple[list[Step], RepairPlan, Entry | None, list[int]]:
    """Repair until nothing is left that can be repaired.

    Returns what was done, what is left, the entry in the history, and the episodes that were left out.
    """
    done: list[Step] = []
    lost: list[int] = []
    entry: Entry | None = None
    for _ in range(_ROUNDS):
        report, sight = look(workspace.root, Depth.FAST, executor=executor)
        draft = _draft(report, sight, drops=drops)
        plan = draft.plan()
        if not plan.steps or set(plan.steps) <= set(done):
            break
        done += [step for step in plan.steps if step not in done]
        entry = _carry_out(workspace, draft, entry, done) or entry
        lost += sorted(draft.rebuilt.truth.lost) if draft.rebuilt is not None else []
    else:
        report, sight = look(workspace.root, Depth.FAST, executor=executor)
        plan = _draft(report, sight, drops=drops).plan()
    unhelped = frozenset(code for step in plan.steps for code in step.codes)
    why = "it was repaired, and is still there; please report it"
    again = [(finding, why) for finding in report.findings if finding.code in unhelped]
    return done, replace(plan, steps=(), left=(*plan.left, *again)), entry, lost


def _draft(report: CheckReport, sight: Sight, *, drops: bool = False, measures: bool = True) -> Draft:
    """Find out what is to be done."""
    draft, codes = Draft(report, sight, dict(sight.tasks or {})), report.codes
    journal, info = ".lerotool/journal.json", sight.info
    if Code.JOURNAL in codes:
        draft.add((Code.JOURNAL,), journal, "it is put aside, and what it names stays as it is")
    if Code.UNFINISHED_COMMIT in codes:
        draft.add((Code.UNFINISHED_COMMIT,), journal, "the interrupted change is carried out")
    elif Code.PARTIAL in codes:
        why = "only a part of the dataset is here: get all of it before it is repaired"
        draft.why |= {f.code: why for f in sight.found if f.severity is not Severity.NOTE}
    elif info is None:
        plan_strays(draft)
    elif not info.codebase_version.is_known:
        draft.leave(codes, f"this release of lerotool reads {info.codebase_version}, but does not change it")
    else:
        plan_templates(draft)
        plan_features(draft, info)
        plan_tasks(draft, info)
        plan_tables(draft, info, drops=drops, measures=measures)
        plan_strays(draft)
        plan_info(draft, info)
        if draft.rebuilt is not None:
            plan_stats(draft, draft.rebuilt)
    return draft


def _carry_out(workspace: Workspace, draft: Draft, entry: Entry | None, done: list[Step]) -> Entry | None:
    """Build what is to change, and swap it in; return the entry in the history, None where nothing changes.

    `OSError`: the disk is full or fails; without a journal nothing has changed.
    """
    if draft.rebuilt is not None:
        check_space(workspace.root, SPARE_BYTES + draft.rebuilt.changed_bytes, "a repair")
    with KeepingStaging(workspace, f"lerotool check {DATASET} --repair", entry) as staging:
        stage_restoration(draft.restoration(), staging)
        staging.details["steps"] = [step.to_json() for step in done]
        return staging.record()
