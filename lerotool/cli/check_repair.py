"""``lerotool check --repair``, ``--undo`` and ``--forget``: what changes, where the old files are, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lerotool.cli.findings import check_text
from lerotool.cli.output import Output
from lerotool.cli.running import Answer, answer_each
from lerotool.errors import IncompleteError
from lerotool.wording import as_argument, counted, listed, one_line, sized
from lerotool.workspace import dataset_root

if TYPE_CHECKING:
    from rich.text import Text

    from lerotool.execution import Place
    from lerotool.mending.repair_plan import RepairPlan, RepairReport

_INCOMPLETE = IncompleteError.exit_code


def repair_all(datasets: list[str], output: Output, *, is_dry: bool, drops: bool, place: Place | None) -> int:
    """Repair datasets, one after another; return the exit code."""
    import lerotool
    from lerotool.cli.progress import progress

    def repair(dataset: str) -> Answer:
        with progress(output, "checking") as on_progress:
            if is_dry:
                plan = lerotool.plan_repair(dataset, drop_episodes=drops, place=place, on_progress=on_progress)
                return Answer(plan.to_json(), _plan_text(plan, "would be repaired"))
            done = lerotool.repair(dataset, drop_episodes=drops, place=place, on_progress=on_progress)
            document = {**done.plan.to_json(), "after": done.after.to_json(), "kept": done.kept}
            return Answer(document, _done_text(done), 0 if done.after.is_sound else _INCOMPLETE)

    documents, code = answer_each(datasets, output, repair)
    output.document({"dry_run": is_dry, "datasets": documents})
    return code


def _plan_text(plan: RepairPlan, heading: str) -> Text:
    from rich.text import Text

    text = Text(f"{one_line(str(plan.root))}\n", style="bold")
    body = Text()
    if not plan.steps:
        body.append("  nothing to repair\n" if not plan.left else "  nothing can be repaired\n")
    for step in plan.steps:
        codes = ", ".join(step.codes) or "goes with it"
        body.append(f"  {heading:<18}", style="green").append(
            f"{one_line(step.file)}: {one_line(step.text)} ({codes})\n"
        )
    for finding, why in plan.left:
        body.append("  left as it is     ", style="yellow")
        body.append(f"{finding.code.value}  {one_line(str(finding.place))}: {one_line(finding.text)}\n")
        body.append(f"                    {one_line(why)}\n", style="dim")
    body.right_crop(1)
    return Text.assemble(text, body, no_wrap=True, overflow="ignore")


def _done_text(done: RepairReport) -> Text:
    from rich.text import Text

    parts = [_plan_text(done.plan, "repaired"), Text("\n")]
    if done.plan.steps:
        parts += [check_text(done.after), Text("\n")]
    if done.kept is not None:
        parts.append(Text(f"the files as they were: {done.kept}\n"))
        command = f"lerotool check {as_argument(done.plan.root)}"
        parts.append(Text(f"to take the repair back: {command} --undo\n"))
        if done.left.before.is_sound and not done.lost:
            parts.append(Text(f"when all is well: {command} --forget\n"))
    text = Text.assemble(*parts, no_wrap=True, overflow="ignore")
    text.right_crop(1)
    return text


def undo_all(datasets: list[str], output: Output, *, is_dry: bool) -> int:
    """Take back the last change of each dataset; return the exit code."""
    documents, code = answer_each(datasets, output, lambda dataset: _undo(dataset, is_dry=is_dry))
    output.document({"dry_run": is_dry, "datasets": documents})
    return code


def _undo(dataset: str, *, is_dry: bool) -> Answer:
    import lerotool

    root = str(dataset_root(dataset))
    undone = lerotool.plan_undo(dataset) if is_dry else lerotool.undo(dataset)
    if undone is None:
        text = f"{one_line(root)}: there is nothing to take back"
        return Answer({"root": root, "command": None, "restored": [], "removed": []}, text)
    would = "would be " if is_dry else ""
    lines = [
        f"{one_line(root)}: {would}taken back: {one_line(undone.command)}",
        f"  {counted(len(undone.restored), 'file')} {would}as before: {one_line(listed(undone.restored, 3))}",
    ]
    if undone.removed:
        lines.append(f"  {counted(len(undone.removed), 'file')} {would}removed: {one_line(listed(undone.removed, 3))}")
    return Answer(undone.to_json(), "\n".join(lines))


def forget_all(datasets: list[str], output: Output, *, edits: bool = False) -> int:
    """Remove what changes have kept, with ``edits`` also what edits have left out; return the exit code."""
    documents, code = answer_each(datasets, output, lambda dataset: _forget(dataset, edits=edits))
    output.document({"datasets": documents})
    return code


def _forget(dataset: str, *, edits: bool) -> Answer:
    import lerotool

    root = str(dataset_root(dataset))
    found = lerotool.forget(dataset, edits=edits)
    names, waiting = [str(path) for path in found.only_here], [str(path) for path in found.waiting]
    nothing = not (found.size or names or waiting)
    lines = [f"{one_line(root)}: " + ("nothing was kept" if nothing else f"{sized(found.size)} of old files removed")]
    lines += [f"stays, because its rows or pictures are nowhere else: {one_line(name)}" for name in names]
    lines += [f"stays, because rescued episodes are not in the dataset yet: {one_line(name)}" for name in waiting]
    return Answer({"root": root, "bytes": found.size, "only_here": names, "waiting": waiting}, "\n".join(lines))
