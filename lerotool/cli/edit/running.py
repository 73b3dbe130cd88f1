"""An edit as all its commands do it: planned, shown or asked about, carried out, reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lerotool
from lerotool.api.edits import EditPlan
from lerotool.cli.output import Output
from lerotool.cli.progress import show
from lerotool.cli.running import naming_cures
from lerotool.cli.setup.person import Left, Person
from lerotool.cli.tallies import MergeTally
from lerotool.dataset.writing.staging import finish_interrupted
from lerotool.editing.changes import Change, RepackFiles
from lerotool.editing.plan import EditReport
from lerotool.errors import UsageError
from lerotool.rewriting.build import remove_abandoned
from lerotool.wording import as_argument, clock, counted, of_episodes, one_line, sized
from lerotool.workspace import Workspace, dataset_root

_SHOWN = 10
_UNCHANGED = "nothing to repack: no file can be joined or made smaller by copying"


def run_edit(dataset: str, change: Change, target: Path | None, output: Output, *, is_dry: bool, asks: bool) -> None:
    """Do an edit, or show what it would do."""
    root = dataset_root(dataset)
    with naming_cures([root]):
        if target is None and not is_dry:
            finish_interrupted(Workspace(root))
        plan = lerotool.plan_edit(dataset, change, target)
        if is_dry:
            output.document({"dry_run": True, **plan.to_json()})
            output.result(_plan_text(plan))
            plan.details.check()
            return
        plan.details.check()
        if asks and not _is_meant(plan, output):
            output.note("nothing was done")
            return
        output.document({"dry_run": False, **plan.to_json(), **_carry_out(plan, output)})


def run_split(dataset: str, parts: Sequence[str] | None, seed: int | None, output: Output, *, is_dry: bool) -> None:
    """Split a dataset into parts, by task if none are named; or show what would be."""
    documents = []
    root = dataset_root(dataset)
    if not is_dry:
        # Before anything is refused because of the parts that an interrupted run has completed.
        remove_abandoned(root.absolute().parent)
    with naming_cures([root]):
        plans = lerotool.plan_split(dataset, _shares(parts) if parts else None, seed=seed)
        for plan in plans.values():
            plan.details.check()
        for name, plan in plans.items():
            if is_dry:
                output.result(_plan_text(plan))
            documents.append({"name": name, **plan.to_json(), **({} if is_dry else _carry_out(plan, output))})
    output.document({"dry_run": is_dry, "parts": documents})


def _carry_out(plan: EditPlan, output: Output) -> dict[str, Any]:
    """Do an edit and say so; return what it has done, for machines."""
    with show(output, MergeTally()) as listen:
        report = plan.carry_out(listen)
    output.result(_report_text(plan, report))
    return {"kept": report.kept, "freed_bytes": report.freed_bytes, "wall_s": report.wall_s}


def _is_meant(plan: EditPlan, output: Output) -> bool:
    """Ask where a selection means nothing or everything."""
    if (question := plan.question) is None:
        return True
    try:
        return Person.at(output).confirm(question, default=False, option="--yes")
    except Left:
        return False


def _shares(texts: Sequence[str]) -> dict[str, str]:
    shares: dict[str, str] = {}
    for text in texts:
        name, _, share = text.partition("=")
        if not name or not share:
            raise UsageError(f"{text!r} is not of the form NAME=PART", hint="train=0.8 val=0.2")
        if name in shares:
            raise UsageError(f"{name!r} is named twice")
        shares[name] = share
    return shares


def _plan_text(plan: EditPlan) -> str:
    """Return what an edit would do, for people."""
    return "\n".join([f"{_place(plan)}: would have {_size(plan)}", *(f"  {line}" for line in _lines(plan, "would "))])


def _report_text(plan: EditPlan, report: EditReport) -> str:
    """Return what an edit has done, for people."""
    lines = [f"{_place(plan)}: {_size(plan)}", *(f"  {line}" for line in _lines(plan, ""))]
    if report.freed_bytes:
        cure = f"lerotool edit forget {as_argument(plan.root)}"
        lines.append(f"  {sized(report.freed_bytes)} of its videos left; to free them: {cure}")
    if report.kept is not None:
        lines.append(f"to take it back: lerotool edit undo {as_argument(plan.root)}")
    elif plan.target is None:
        lines = [f"{_place(plan)}: {_size(plan)}; {_UNCHANGED if plan.has_nothing_to_repack else 'nothing changes'}"]
    return "\n".join(lines)


def _place(plan: EditPlan) -> str:
    return one_line(str(plan.target or plan.root))


def _size(plan: EditPlan) -> str:
    return f"{counted(plan.episodes, 'episode')}, {counted(plan.frames, 'frame')} ({clock(plan.frames / plan.fps)})"


def _lines(plan: EditPlan, would: str) -> Iterator[str]:
    past = {"leave": "leave" if would else "left", "be": "be " if would else ""}
    if plan.left_out:
        yield f"{of_episodes(plan.left_out)} {would}{past['leave']}"
    if plan.trimmed:
        yield f"{of_episodes(plan.trimmed)} {would}{past['be']}cut shorter"
    if plan.frames_left_out:
        seconds = plan.frames_left_out / plan.fps
        yield f"{counted(plan.frames_left_out, 'frame')} ({clock(seconds)}) {would}{past['leave']}"
    if plan.tasks != plan.details.dataset.tasks:
        shown = one_line("; ".join(plan.tasks[:_SHOWN]))
        yield f"{counted(len(plan.tasks), 'task')}{' then' if would else ''}: {shown}"
    if plan.features != tuple(plan.details.dataset.features):
        yield f"features{' then' if would else ''}: {one_line(', '.join(plan.features))}"
    if would and plan.has_nothing_to_repack:
        yield _UNCHANGED
    elif would:
        yield f"about {sized(plan.written_bytes)} would be written"
    if would and plan.freed_bytes:
        yield f"about {sized(plan.freed_bytes)} of its videos would leave"
    if isinstance(plan.details.change, RepackFiles):
        yield "{} and {}{}".format(
            counted(plan.files[0], "data file"), counted(plan.files[1], "video file"), " then" if would else ""
        )
    for problem in plan.problems:
        yield one_line(problem)
    if plan.target is None and (unneeded := plan.unneeded_bytes):
        cure = "" if would else f"; to free them: lerotool edit repack {as_argument(plan.root)}"
        yield f"about {sized(unneeded)} of its videos {would or 'now '}show no episode{cure}"
