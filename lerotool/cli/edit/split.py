"""``lerotool edit split``: one dataset becomes several new ones beside it."""

from __future__ import annotations

from typing import Annotated

import typer

from lerotool.cli.help import Examples
from lerotool.cli.options import DatasetArgument, DryRunOption, JsonOption, QuietOption
from lerotool.cli.output import Output
from lerotool.errors import UsageError

EXAMPLES: Examples = {
    "Episodes by number": "lerotool edit split me/pick-cube train=0-2 val=3",
    "Fractions, shuffled, the same ones every time": "lerotool edit split me/pick-cube train=0.75 val=0.25 --seed 1",
    "A dataset for each task": "lerotool edit split me/pick-cube --by-task --dry-run",
}


def split(
    dataset: DatasetArgument,
    parts: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=PART", help="Episodes (0-79, success) or a fraction (0.8).", show_default=False),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Shuffle before fractions are taken.", show_default="no")
    ] = None,
    by_task: Annotated[bool, typer.Option("--by-task", help="A part for each task.")] = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Split a dataset into new ones beside it, called DATASET-NAME; it is only read.

    Each appears complete, in one step. No episode goes into two of them.
    """
    import lerotool
    from lerotool.cli.cures import naming_cures
    from lerotool.cli.edit.report import plan_text, report_document, report_text
    from lerotool.cli.merge_progress import MergeTally
    from lerotool.cli.progress import show
    from lerotool.rewriting.build import remove_abandoned
    from lerotool.workspace import dataset_root

    if bool(parts) == by_task:
        raise UsageError("give either parts such as train=0.8 val=0.2, or --by-task")
    output = Output.of(json=json, quiet=quiet)
    documents = []
    root = dataset_root(dataset)
    if not dry_run:
        # Before anything is refused because of the parts that an interrupted run has completed.
        remove_abandoned(root.absolute().parent)
    with naming_cures([root]):
        plans = lerotool.plan_split(dataset, None if by_task else _shares(parts or []), seed=seed)
        for plan in plans.values():
            plan.details.check()
        for name, plan in plans.items():
            if dry_run:
                output.result(plan_text(plan))
                documents.append({"name": name, **plan.to_json()})
                continue
            with show(output, MergeTally()) as listen:
                report = plan.carry_out(listen)
            output.result(report_text(plan, report))
            documents.append({"name": name, **plan.to_json(), **report_document(report)})
    output.document({"dry_run": dry_run, "parts": documents})


def _shares(texts: list[str]) -> dict[str, str]:
    shares: dict[str, str] = {}
    for text in texts:
        name, sign, share = text.partition("=")
        if not sign or not name or not share:
            raise UsageError(f"{text!r} is not of the form NAME=PART", hint="train=0.8 val=0.2")
        if name in shares:
            raise UsageError(f"{name!r} is named twice")
        shares[name] = share
    return shares
