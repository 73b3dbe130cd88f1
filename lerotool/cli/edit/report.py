"""What ``lerotool edit`` would do and what it has done, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lerotool.editing.changes import RepackFiles
from lerotool.wording import as_argument, clock, counted, of_episodes, one_line, sized

if TYPE_CHECKING:
    from lerotool.api.edits import EditPlan
    from lerotool.editing.plan import EditReport

_SHOWN = 10
_UNCHANGED = "nothing to repack: no file can be joined or made smaller by copying"


def plan_text(plan: EditPlan) -> str:
    """Return what an edit would do, for people."""
    return "\n".join([f"{_place(plan)}: would have {_size(plan)}", *(f"  {line}" for line in _lines(plan, "would "))])


def report_text(plan: EditPlan, report: EditReport) -> str:
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


def report_document(report: EditReport) -> dict[str, Any]:
    """Return what an edit has done, for machines."""
    return {
        "kept": None if report.kept is None else str(report.kept),
        "freed_bytes": report.freed_bytes,
        "wall_s": report.wall_s,
    }
