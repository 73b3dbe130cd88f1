"""An edit as all its commands do it: planned, shown or asked about, carried out, reported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lerotool.cli.output import Output

if TYPE_CHECKING:
    from lerotool.api.edits import EditPlan
    from lerotool.editing.changes import Change


def run_edit(
    dataset: str, change: Change, target: Path | None, *, json: bool, quiet: bool, dry_run: bool, yes: bool
) -> None:
    """Do an edit, or show what it would do."""
    import lerotool
    from lerotool.cli.cures import naming_cures
    from lerotool.cli.edit.report import plan_text, report_document, report_text
    from lerotool.cli.merge_progress import MergeTally
    from lerotool.cli.progress import show
    from lerotool.dataset.writing.staging import finish_interrupted
    from lerotool.workspace import Workspace, dataset_root

    output = Output.of(json=json, quiet=quiet)
    root = dataset_root(dataset)
    with naming_cures([root]):
        if target is None and not dry_run:
            finish_interrupted(Workspace(root))
        plan = lerotool.plan_edit(dataset, change, target)
        if dry_run:
            output.document({"dry_run": True, **plan.to_json()})
            output.result(plan_text(plan))
            plan.details.check()
            return
        plan.details.check()
        if not yes and not _is_meant(plan, output):
            output.note("nothing was done")
            return
        with show(output, MergeTally()) as listen:
            report = plan.carry_out(listen)
    output.document({"dry_run": False, **plan.to_json(), **report_document(report)})
    output.result(report_text(plan, report))


def _is_meant(plan: EditPlan, output: Output) -> bool:
    """Ask where a selection means nothing or everything."""
    from lerotool.cli.setup.ask import Left, Person

    if (question := plan.question) is None:
        return True
    try:
        return Person.at(output).confirm(question, default=False, option="--yes")
    except Left:
        return False
