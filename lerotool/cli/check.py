"""``lerotool check``: is a dataset in order, does LeRobot load it, and what can be repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.cli.options import DaskFileOption, DaskOption, DryRunOption, JsonOption, QuietOption, chosen_place
from lerotool.cli.output import Output
from lerotool.errors import DatasetError, UsageError
from lerotool.workspace import dataset_root

if TYPE_CHECKING:
    from lerotool.checking import Depth, Report
    from lerotool.execution import Place

EXAMPLES = """
[bold]Examples[/bold]

lerotool check me/pick-cube                     does LeRobot load it? Exits with 3 if something is broken

lerotool check me/pick-cube --deep              every picture too

lerotool check ~/recordings/* --json            several datasets, for programs

lerotool check me/pick-cube --repair --dry-run  what would be repaired, and how

lerotool check me/pick-cube --repair            repaired in one step; the files as they were are kept
"""
_BROKEN = DatasetError.exit_code
_REPAIR = "Repair"


def check(
    datasets: Annotated[
        list[str], typer.Argument(metavar="DATASET...", help="Folders, or user/name under the LeRobot home.")
    ],
    deep: Annotated[bool, typer.Option("--deep", help="Decode every picture.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be mended; see docs/checking.md.", rich_help_panel=_REPAIR)
    ] = False,
    dry_run: DryRunOption = False,
    drop_episodes: Annotated[
        bool,
        typer.Option(
            "--drop-episodes",
            help="With --repair: leave out episodes whose pictures or rows are lost.",
            rich_help_panel=_REPAIR,
        ),
    ] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Remove the files that earlier repairs have kept.", rich_help_panel=_REPAIR),
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="How many processes.", show_default="one per core, if worth it")
    ] = None,
    dask: DaskOption = None,
    dask_scheduler_file: DaskFileOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Tell everything that is wrong with datasets, and whether LeRobot loads them. Without --repair nothing is changed.

    Exits with 0 when there are no errors, with 3 when there are, with 8 when a repair leaves some.

    Findings, their codes and what can be done are described in docs/checking.md.
    """
    if (dry_run or drop_episodes) and not repair:
        raise UsageError("--dry-run and --drop-episodes are for --repair", hint="checking changes nothing anyway")
    if forget and repair:
        raise UsageError(
            "--forget and --repair exclude each other", hint="repair first, look at the result, then forget"
        )
    output = Output.of(json=as_json, quiet=quiet)
    place = chosen_place(dask, dask_scheduler_file, jobs, output)
    # Workers elsewhere have other current folders.
    datasets = [str(dataset_root(dataset).absolute()) for dataset in datasets] if place else datasets
    if repair or forget:
        from lerotool.cli.check_repair import forget_all, repair_all

        return (
            forget_all(datasets, output)
            if forget
            else repair_all(datasets, output, is_dry=dry_run, drops=drop_episodes, place=place)
        )
    return _check_all(datasets, output, place, deep=deep, strict=strict)


def _check_all(datasets: list[str], output: Output, place: Place | None, *, deep: bool, strict: bool) -> int:
    from lerotool.checking import Depth, Severity
    from lerotool.cli.check_report import report_text, unreadable_text
    from lerotool.errors import LerotoolError

    code = 0
    documents = []
    for number, dataset in enumerate(datasets):
        try:
            report = check_one(dataset, Depth.DEEP if deep else Depth.FAST, output, place)
        except (LerotoolError, OSError) as error:
            if len(datasets) == 1:
                raise
            documents.append({"root": dataset, "error": str(error)})
            output.result(unreadable_text(dataset, error))
            code = max(code, error.exit_code if isinstance(error, LerotoolError) else 1)
            continue
        documents.append(report.to_json())
        if number:
            output.result("")
        output.result(report_text(report))
        is_wrong = not report.is_sound or (strict and report.count(Severity.WARNING))
        code = max(code, _BROKEN if is_wrong else 0)
    output.document({"datasets": documents})
    return code


def check_one(dataset: str, depth: Depth, output: Output, place: Place | None) -> Report:
    """Check a dataset with progress, in worker processes where that is worth their start."""
    from lerotool.checking import check as look
    from lerotool.cli.check_jobs import progress, workers

    with workers(dataset, place) as executor, progress(output) as on_progress:
        return look(dataset, depth, executor=executor, on_progress=on_progress)
