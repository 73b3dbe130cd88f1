"""``lerotool check``: is a dataset in order, does LeRobot load it, and what can be repaired."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.choices import Depth
from lerotool.cli.help import Examples
from lerotool.cli.options import DatasetsArgument, DryRunOption, Machines, in_panel
from lerotool.cli.output import Output
from lerotool.cli.running import Answer, answer_each
from lerotool.errors import DatasetError, UsageError

if TYPE_CHECKING:
    from lerotool.execution import Place

EXAMPLES: Examples = {
    "Does LeRobot load it? Exits with 3 if something is broken": "lerotool check me/pick-cube",
    "Every picture too": "lerotool check me/pick-cube --deep",
    "What is doubtful in the recording, and the edit that acts on it": "lerotool check me/pick-cube --quality",
    "Several datasets, for programs": "lerotool check ~/recordings/* --json",
    "What would be repaired, and how": "lerotool check me/pick-cube --repair --dry-run",
    "Repair it in one step; the files as they were are kept": "lerotool check me/pick-cube --repair",
    "Take the last repair back": "lerotool check me/pick-cube --undo",
}
_BROKEN = DatasetError.exit_code
_mending = in_panel("Repair")


def check(
    datasets: DatasetsArgument,
    deep: Annotated[bool, typer.Option("--deep", help="Decode every picture.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    quality: Annotated[
        bool, typer.Option("--quality", help="Look at the recording too: waiting, joints, pictures, clock.")
    ] = False,
    accept: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --quality: findings that you have looked at.")
    ] = None,
    repair: Annotated[bool, _mending("--repair", help="Mend what can be mended; see docs/checking.md.")] = False,
    dry_run: DryRunOption = False,
    drop_episodes: Annotated[
        bool, _mending("--drop-episodes", help="With --repair: leave out episodes whose pictures or rows are lost.")
    ] = False,
    forget: Annotated[bool, _mending("--forget", help="Remove the files that earlier changes have kept.")] = False,
    undo: Annotated[
        bool, _mending("--undo", help="Take back the last repair, or the last rescue of what LeRobot left.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="How many processes.", show_default="one per core, if worth it"),
    ] = None,
    *,
    machines: Machines,
    output: Output,
) -> int:
    """Report everything wrong with datasets, and whether LeRobot loads them.

    Without --repair nothing is changed. Exits with 0 when there are no errors, with 3 when there are, with 8 when a
    repair leaves some.

    --quality changes the exit code only together with --strict.

    Findings, their codes and what can be done are described in docs/checking.md.
    """
    if dry_run and not (repair or undo):
        raise UsageError("--dry-run is for --repair and --undo", hint="checking changes nothing anyway")
    if drop_episodes and not repair:
        raise UsageError("--drop-episodes is for --repair", hint="checking changes nothing anyway")
    if repair + forget + undo > 1:
        raise UsageError(
            "--repair, --undo and --forget exclude each other", hint="repair first, look at the result, then forget"
        )
    if accept is not None and not quality:
        raise UsageError("--accept is for --quality", hint="lerotool check DATASET --quality --accept FILE")
    if quality and (repair or forget or undo):
        raise UsageError("--quality looks and changes nothing", hint="lerotool check DATASET --quality")
    place = machines.place(jobs, output)
    if forget or undo:
        from lerotool.cli.check_repair import forget_all, undo_all

        return forget_all(datasets, output) if forget else undo_all(datasets, output, is_dry=dry_run)
    if repair:
        from lerotool.cli.check_repair import repair_all

        return repair_all(datasets, output, is_dry=dry_run, drops=drop_episodes, place=place)
    documents, code = answer_each(
        datasets,
        output,
        lambda dataset: _look(dataset, place, output, deep=deep, strict=strict, accept=accept, quality=quality),
    )
    output.document({"datasets": documents})
    return code


def _look(
    dataset: str, place: Place | None, output: Output, *, deep: bool, strict: bool, accept: Path | None, quality: bool
) -> Answer:
    """Return what is wrong with one dataset, and what is doubtful in its recording."""
    import lerotool
    from lerotool.cli.findings import append_quality, check_text
    from lerotool.cli.progress import progress
    from lerotool.findings import Severity

    with progress(output, "checking") as on_progress:
        report = lerotool.check(dataset, Depth.DEEP if deep else Depth.FAST, place=place, on_progress=on_progress)
    is_wrong = not report.is_sound or (strict and report.count(Severity.WARNING) > 0)
    document, text = report.to_json(), check_text(report)
    if not quality:
        return Answer(document, text, _BROKEN if is_wrong else 0)
    try:
        with progress(output, "looking at the recording") as on_progress:
            found = lerotool.check_quality(dataset, accept, on_progress=on_progress)
    except DatasetError as error:
        note = f"the recording was not looked at: {error}"
        return Answer({**document, "quality": None}, text, _BROKEN if is_wrong else 0, notes=(note,))
    append_quality(text, found)
    is_wrong |= strict and bool(found.findings)
    return Answer({**document, "quality": found.to_json()}, text, _BROKEN if is_wrong else 0)
