"""The rescue: what LeRobot left behind becomes a sound dataset and pending episodes; its files go when they may."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from lerotool.dataset.dataset import Dataset
from lerotool.encoding.events import Left
from lerotool.encoding.rescue.episodes import make_pending
from lerotool.encoding.rescue.fill import fill
from lerotool.encoding.rescue.findings import Fate, Finding, RescuePlan, RescueReport
from lerotool.encoding.rescue.ledger import has_sources, remove_sources
from lerotool.encoding.rescue.plan import plan_rescue
from lerotool.encoding.rescue.restore import restore
from lerotool.errors import LerotoolError
from lerotool.execution import Place, open_executor
from lerotool.storage import ProcessLock, free_bytes, make_directory, tree_bytes
from lerotool.wording import sized
from lerotool.workspace import Workspace

_PURPOSE = "rescuing what LeRobot left behind"
_MARGIN_BYTES = 16 * 1024**2


def rescue(root: Path, where: Executor | Place) -> RescueReport | None:
    """Make a sound dataset of what LeRobot left, and pending episodes of what only needs to be encoded.

    The dataset changes in one step; a run that is interrupted before has changed nothing that the next would not find.

    Args:
        root: the dataset.
        where: jobs run that measure pictures.

    Returns:
        What was found; None if there was nothing.

    Raises:
        DatasetLockedError: another process changes the dataset.
        DatasetError: the dataset cannot be understood.
        OSError: the disk is full or fails.
    """
    plan = plan_rescue(root)
    if plan is None or not plan.does_anything:
        return None if plan is None else RescueReport(plan.findings, refusal=plan.refusal, notes=plan.notes)
    with ProcessLock(Workspace(root).writing_lock, _PURPOSE):
        # Another process may have been at it between the look and the lock.
        plan = plan_rescue(root)
        if plan is None or not plan.does_anything:
            return None if plan is None else RescueReport(plan.findings, refusal=plan.refusal, notes=plan.notes)
        _check_space(plan)
        with _opened(root, where) as executor:
            return _fill(plan, executor) if plan.fillings else _restore(plan, executor)


def _restore(plan: RescuePlan, executor: Executor) -> RescueReport:
    taken, failed = make_pending(plan)
    plan = replace(plan, findings=tuple(_judged_again(finding, failed) for finding in plan.findings))
    originals = restore(plan, taken, executor)
    findings = tuple(_with_rows_kept(finding, originals) for finding in plan.findings)
    return RescueReport(findings, originals=originals, notes=plan.notes)


def _fill(plan: RescuePlan, executor: Executor) -> RescueReport:
    removed, failed = fill(plan, executor)
    findings = tuple(_judged_again(finding, failed) for finding in plan.findings)
    return RescueReport(findings, removed_pictures=removed, notes=plan.notes)


@contextlib.contextmanager
def _opened(root: Path, where: Executor | Place) -> Iterator[Executor]:
    if isinstance(where, Executor):
        yield where
        return
    shared = Workspace(root).folder / "rescuing"
    make_directory(shared)
    try:
        with open_executor(where, shared) as executor:
            yield executor
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def remove_rescued(root: Path) -> int:
    """Remove the pictures of rescued episodes that the dataset contains; returns how many files that were.

    Raises:
        DatasetLockedError: another process changes the dataset.
        DatasetError: the dataset is not sound; nothing is removed.
    """
    if not has_sources(root):
        return 0
    with ProcessLock(Workspace(root).writing_lock, "removing pictures that are in the dataset"):
        Dataset.open(root)
        return remove_sources(root)


def rescue_left(report: RescueReport) -> Iterator[Left]:
    """Yield what could not be saved, and all of it if nothing was done."""
    if report.refusal is not None:
        text = f"what LeRobot left behind is not touched: {report.refusal}"
        yield Left("images/", text, "make sure that nobody records there, wait a minute and run the same command again")
    for finding in report.findings:
        if finding.fate is Fate.LEFT:
            yield Left(f"LeRobot's episode {finding.episode}", finding.reason, finding.hint)


def _check_space(plan: RescuePlan) -> None:
    """Make sure that the tables can be written anew, and what cannot be linked be copied."""
    needed = _MARGIN_BYTES + sum(2 * file.path.stat().st_size for file in plan.files)
    needed += 2 * tree_bytes(plan.root / "meta")
    # Of what LeRobot's PNG files take, a video takes far less than a tenth.
    needed += sum(tree_bytes(filling.folder.path) // 10 for filling in plan.fillings)
    if (free := free_bytes(plan.root)) < needed:
        text = f"making its tables anew needs {sized(needed)}, only {sized(free)} are free"
        raise OSError(errno.ENOSPC, text, str(plan.root))


def _with_rows_kept(finding: Finding, originals: Path) -> Finding:
    if finding.fate is not Fate.LEFT or not finding.rows:
        return finding
    return replace(finding, hint=f"its rows are in the tables as they were: {originals}")


def _judged_again(finding: Finding, failed: Mapping[int, LerotoolError]) -> Finding:
    error = failed.get(finding.episode)
    if error is None:
        return finding
    return replace(finding, fate=Fate.LEFT, usable=0, reason=str(error), hint=error.hint)
