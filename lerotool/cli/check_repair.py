"""``lerotool check --repair``: what will be done, what was done, where the old files are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lerotool.cli.check_report import report_text
from lerotool.cli.each import Answer, answer_each
from lerotool.cli.output import Output
from lerotool.errors import IncompleteError
from lerotool.wording import as_argument, one_line

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
            return Answer(_done_json(done), _done_text(done), 0 if done.after.is_sound else _INCOMPLETE)

    documents, code = answer_each(datasets, output, repair)
    output.document({"dry_run": is_dry, "datasets": documents})
    return code


def _done_json(done: RepairReport) -> dict[str, Any]:
    kept = None if done.kept is None else str(done.kept)
    return {**done.plan.to_json(), "after": done.after.to_json(), "kept": kept}


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
        parts += [report_text(done.after), Text("\n")]
    if done.kept is not None:
        parts.append(Text(f"the files as they were: {done.kept}\n"))
        command = f"lerotool check {as_argument(done.plan.root)}"
        parts.append(Text(f"to take the repair back: {command} --undo\n"))
        if done.left.before.is_sound and not done.lost:
            parts.append(Text(f"when all is well: {command} --forget\n"))
    text = Text.assemble(*parts, no_wrap=True, overflow="ignore")
    text.right_crop(1)
    return text
