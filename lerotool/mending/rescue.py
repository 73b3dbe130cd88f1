"""The rescue: what LeRobot left behind becomes a sound dataset and pending episodes; its files go when they may."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.staging import changing
from lerotool.errors import DatasetLockedError, LerotoolError
from lerotool.execution import Place, open_executor
from lerotool.mending.adoption import make_pending
from lerotool.mending.fates import EpisodeFinding, Fate, RescuePlan, RescueReport
from lerotool.mending.missing_videos import fill
from lerotool.mending.rescue_ending import finish_entry
from lerotool.mending.rescue_plan import plan_rescue
from lerotool.mending.restoring import restore
from lerotool.mending.taken_pictures import move_committed, waiting_entries
from lerotool.storage import check_space, make_directory, tree_bytes
from lerotool.workspace import Workspace

_PURPOSE = "rescuing what LeRobot left behind"
_SHARED = "rescuing"
_MARGIN_BYTES = 16 * 1024**2


def rescue(root: Path, where: Executor | Place) -> RescueReport | None:
    """Make a sound dataset of what LeRobot left, and pending episodes of what only needs to be encoded.

    The dataset changes in one step; a run that is interrupted before has changed nothing that the next would not find.
    Returns what was found; None if there was nothing.
    """
    plan = plan_rescue(root)
    if plan is None or not plan.does_anything:
        _remove_left(root)
        return None if plan is None else RescueReport(root, plan.findings, refusal=plan.refusal, notes=plan.notes)
    workspace = Workspace(root)
    with changing(workspace, _PURPOSE):
        # Another process may have been at it between the look and the lock.
        plan = plan_rescue(root)
        if plan is None or not plan.does_anything:
            return None if plan is None else RescueReport(root, plan.findings, refusal=plan.refusal, notes=plan.notes)
        _check_space(plan)
        with _opened(root, where) as executor:
            return _fill(plan, executor) if plan.fillings else _restore(plan, executor)


def _restore(plan: RescuePlan, executor: Executor) -> RescueReport:
    taken, failed = make_pending(plan)
    plan = replace(plan, findings=tuple(_judged_again(finding, failed) for finding in plan.findings))
    originals = restore(plan, taken, executor).folder
    findings = tuple(_with_rows_kept(finding, originals) for finding in plan.findings)
    return RescueReport(plan.root, findings, originals=originals, notes=plan.notes)


def _fill(plan: RescuePlan, executor: Executor) -> RescueReport:
    filled = fill(plan, executor)
    findings = tuple(_judged_again(finding, filled.failed) for finding in plan.findings)
    return RescueReport(
        plan.root, findings, originals=filled.originals, removed_pictures=filled.pictures, notes=plan.notes
    )


@contextlib.contextmanager
def _opened(root: Path, where: Executor | Place) -> Iterator[Executor]:
    if isinstance(where, Executor):
        yield where
        return
    shared = Workspace(root).folder / _SHARED
    make_directory(shared)
    try:
        with open_executor(where, shared) as executor:
            yield executor
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def _remove_left(root: Path) -> None:
    """Remove the shared folder of a rescue that was killed when its work was done."""
    shared = Workspace(root).folder / _SHARED
    if not shared.is_dir():
        return
    with contextlib.suppress(DatasetLockedError), Workspace(root).lock_for_writing(_PURPOSE):
        shutil.rmtree(shared, ignore_errors=True)


def remove_rescued(root: Path) -> int:
    """Move the pictures of rescued episodes that the dataset contains into its history; return how many there were."""
    if not waiting_entries(root):
        return 0
    with Workspace(root).lock_for_writing("moving pictures that are in the dataset"):
        Dataset.open(root)
        finish_entry(root)
        return move_committed(root)


def _check_space(plan: RescuePlan) -> None:
    """Make sure that the tables can be written again, and that what cannot be linked can be copied."""
    needed = _MARGIN_BYTES + sum(2 * source.path.stat().st_size for source in plan.sources)
    needed += 2 * tree_bytes(plan.root / "meta")
    # Of what LeRobot's PNG files take, a video takes far less than a tenth.
    needed += sum(tree_bytes(filling.folder.path) // 10 for filling in plan.fillings)
    check_space(plan.root, needed, "writing its tables again")


def _with_rows_kept(finding: EpisodeFinding, originals: Path) -> EpisodeFinding:
    if finding.fate is not Fate.LEFT or not finding.rows:
        return finding
    return replace(finding, hint=f"its rows are in the tables as they were: {originals}")


def _judged_again(finding: EpisodeFinding, failed: Mapping[int, LerotoolError]) -> EpisodeFinding:
    error = failed.get(finding.episode)
    if error is None:
        return finding
    return replace(finding, fate=Fate.LEFT, usable=0, reason=str(error), hint=error.hint)
