"""``lerotool check --repair`` and ``--forget``: what will be done, what was done, where the old files are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lerotool.cli.check_report import printable, report_text
from lerotool.cli.output import Output
from lerotool.errors import IncompleteError, LerotoolError
from lerotool.wording import sized

if TYPE_CHECKING:
    from rich.text import Text

    from lerotool.checking.repair.plan import RepairPlan, RepairReport
    from lerotool.execution import Place

_INCOMPLETE = IncompleteError.exit_code


def repair_all(datasets: list[str], output: Output, *, is_dry: bool, drops: bool, place: Place | None) -> int:
    """Repair datasets, one after another; return the exit code.

    Raises:
        LerotoolError: the only dataset cannot be repaired at all.
        OSError: the disk is full or fails.
    """
    from lerotool.cli.check_jobs import progress, workers

    code = 0
    documents: list[dict[str, Any]] = []
    for dataset in datasets:
        try:
            with workers(dataset, place) as executor, progress(output) as on_progress:
                document, text, is_left = _repair(dataset, drops, executor, on_progress, is_dry=is_dry)
        except (LerotoolError, OSError) as error:
            if len(datasets) == 1:
                raise
            documents.append({"root": dataset, "error": str(error)})
            output.warn(printable(f"{dataset}: {error}"))
            code = max(code, error.exit_code if isinstance(error, LerotoolError) else 1)
            continue
        documents.append(document)
        output.result(text)
        code = max(code, _INCOMPLETE if is_left else 0)
    output.document({"dry_run": is_dry, "datasets": documents})
    return code


def _repair(
    dataset: str, drops: bool, executor: Any, on_progress: Any, *, is_dry: bool
) -> tuple[dict[str, Any], Text, bool]:
    from lerotool.checking.repair.run import plan_repair, repair

    if is_dry:
        plan = plan_repair(dataset, drops=drops, executor=executor, on_progress=on_progress)
        return plan.to_json(), _plan_text(plan, "would be repaired"), False
    done = repair(dataset, drops=drops, executor=executor, on_progress=on_progress)
    return done.to_json(), _done_text(done), not done.after.is_sound


def _plan_text(plan: RepairPlan, heading: str) -> Text:
    from rich.text import Text

    text = Text(f"{printable(str(plan.root))}\n", style="bold")
    body = Text()
    if not plan.steps:
        body.append("  nothing to repair\n" if not plan.left else "  nothing can be repaired\n")
    for step in plan.steps:
        codes = ", ".join(step.codes) or "goes with it"
        body.append(f"  {heading:<18}", style="green").append(
            f"{printable(step.file)}: {printable(step.text)} ({codes})\n"
        )
    for finding, why in plan.left:
        body.append("  left as it is     ", style="yellow")
        body.append(f"{finding.code.value}  {printable(str(finding.place))}: {printable(finding.text)}\n")
        body.append(f"                    {printable(why)}\n", style="dim")
    body.right_crop(1)
    return Text.assemble(text, body)


def _done_text(done: RepairReport) -> Text:
    from rich.text import Text

    parts = [_plan_text(done.plan, "repaired"), Text("\n")]
    if done.plan.steps:
        parts += [report_text(done.after), Text("\n")]
    if done.kept is not None:
        root = printable(str(done.plan.root))
        parts.append(Text(f"the files as they were: {printable(str(done.kept))}\n"))
        parts.append(Text(f"when all is well: lerotool check {root} --forget\n"))
    text = Text.assemble(*parts)
    text.right_crop(1)
    return text


def forget_all(datasets: list[str], output: Output) -> int:
    """Remove what repairs have kept; return the exit code.

    Raises:
        DatasetLockedError: another process changes a dataset.
        OSError: a file could not be removed.
    """
    from lerotool.checking.repair.kept import forget
    from lerotool.errors import DatasetNotFoundError
    from lerotool.workspace import dataset_root

    documents = []
    for dataset in datasets:
        root = dataset_root(dataset)
        if not root.is_dir():
            raise DatasetNotFoundError(f"{str(root)!r} is no dataset: there is no such folder")
        size = forget(root)
        documents.append({"root": str(root), "bytes": size})
        output.result(printable(f"{root}: {sized(size)} of old files removed" if size else f"{root}: nothing was kept"))
    output.document({"datasets": documents})
    return 0
