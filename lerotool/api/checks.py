"""Checking and repairing datasets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lerotool.api.datasets import as_folder, as_root
from lerotool.checking.check import look, workers
from lerotool.checking.kept import Keeper, Look
from lerotool.checking.quality import Accepted, QualityReport, look_at_quality
from lerotool.checking.report import CheckReport
from lerotool.choices import Depth
from lerotool.dataset.dataset import Dataset
from lerotool.execution import Place, Progress, ignore_progress
from lerotool.mending import repair as mending
from lerotool.mending import undoing
from lerotool.mending.advice import advised
from lerotool.mending.forgetting import Forgotten
from lerotool.mending.forgetting import forget as forget_history
from lerotool.mending.repair_plan import RepairPlan, RepairReport
from lerotool.mending.undoing import Undone


def check(
    dataset: str | Path,
    depth: Depth = Depth.FAST,
    *,
    place: Place | None = None,
    on_progress: Progress = ignore_progress,
) -> CheckReport:
    """Report everything wrong with a dataset, whether LeRobot loads it, and what to do; nothing is changed.

    What was found is kept in the user's cache, where ``lerotool view`` looks.

    Args:
        dataset: its folder, or ``user/name`` in the LeRobot home.
        depth: how closely to look.
        place: where files are looked at; None is this machine, with worker processes where they are worth it.
        on_progress: called with how many files of how many have been looked at.

    Raises:
        DatasetNotFoundError: nothing there looks like a dataset.
        OSError: a file cannot be read for reasons that are not the dataset's.
    """
    root = as_root(dataset, place)
    keeper = Keeper(root, Look.CHECK)
    with workers(root, place) as executor:
        report, sight = look(root, depth, executor=executor, on_progress=on_progress)
    checked = advised(mending.plan_quickly(report, sight)).before
    keeper.keep(checked.to_json())
    return checked


def check_quality(
    dataset: str | Path, accepted: str | Path | None = None, *, on_progress: Progress = ignore_progress
) -> QualityReport:
    """Report what is doubtful in a recording: waiting, joints, pictures, clock.

    The first picture of each camera and episode is decoded, no other.

    What was found is kept as that of `check` is.

    Args:
        dataset: its folder, or ``user/name`` in the LeRobot home.
        accepted: a file of findings that a person has looked at: on each line a code and episodes, or ``all``.
        on_progress: called with how many episodes of how many have been looked at.

    Raises:
        DatasetError: it is not a dataset, or cannot be read; `check` says why.
        UsageError: a line of the file is not a code and episodes.
        OSError: a file cannot be read.
    """
    known = Accepted() if accepted is None else Accepted.read(Path(accepted))
    root = as_root(dataset)
    keeper = Keeper(root, Look.QUALITY)
    report = look_at_quality(Dataset.open(root), known, on_progress)
    keeper.keep(report.to_json())
    return report


def plan_repair(
    dataset: str | Path,
    *,
    drop_episodes: bool = False,
    place: Place | None = None,
    on_progress: Progress = ignore_progress,
) -> RepairPlan:
    """Return what `repair` would do; nothing is changed. Takes and raises what `repair` does."""
    root = as_root(dataset, place)
    with workers(root, place) as executor:
        plan = mending.plan_repair(root, drops=drop_episodes, executor=executor, on_progress=on_progress)
    return advised(plan)


def repair(
    dataset: str | Path,
    *,
    drop_episodes: bool = False,
    place: Place | None = None,
    on_progress: Progress = ignore_progress,
) -> RepairReport:
    """Repair a dataset in one step; interrupted at any time it is the old one or the new one.

    Files that change are kept as they were in ``.lerotool/history`` until `forget`; `undo` brings them back.

    Args:
        dataset: its folder, or ``user/name`` in the LeRobot home.
        drop_episodes: leave out episodes whose rows or pictures are lost.
        place: where files are looked at; None is this machine, with worker processes where they are worth it.
        on_progress: called with how many files of how many have been looked at.

    Raises:
        DatasetNotFoundError: nothing there looks like a dataset.
        DatasetLockedError: another process changes the dataset, or records into it.
        CorruptDatasetError: ``.lerotool`` or a folder in it is a symbolic link, or an interrupted change cannot be
            finished.
        OSError: the disk is full or fails; the dataset is the old one, or the next writer makes it the new one.
    """
    root = as_root(dataset, place)
    with workers(root, place) as executor:
        done = mending.repair(root, drops=drop_episodes, executor=executor, on_progress=on_progress)
    return replace(done, plan=advised(done.plan), left=advised(done.left))


def forget(dataset: str | Path, *, edits: bool = False) -> Forgotten:
    """Remove what changes of a dataset have kept, but for rows and pictures that the dataset does not have.

    Args:
        dataset: its folder, or ``user/name`` in the LeRobot home.
        edits: remove also the rows and pictures that edits have left out.

    Raises:
        DatasetNotFoundError: the folder does not exist.
        CorruptDatasetError: errors are left in the dataset, so that the kept files may still be needed.
        DatasetLockedError: another process changes the dataset.
        OSError: a file could not be removed.
    """
    return forget_history(as_folder(dataset), edits=edits)


def plan_undo(dataset: str | Path) -> Undone | None:
    """Return what `undo` would take back, None if there is nothing; nothing is changed. Raises what `undo` does."""
    return undoing.plan_undo(as_folder(dataset))


def undo(dataset: str | Path) -> Undone | None:
    """Take back the last edit or repair of a dataset, or the last rescue of what LeRobot had left, in one step.

    Every file that it replaced is what it was before. Pictures that were taken over from LeRobot return to ``images/``,
    and the pending episodes made of them leave. Interrupted at any time, it is done or not, and can be repeated.

    Args:
        dataset: its folder, or ``user/name`` in the LeRobot home.

    Returns:
        What was taken back, None if there was nothing.

    Raises:
        DatasetNotFoundError: the folder does not exist.
        DatasetLockedError: another process changes the dataset, or records into it.
        IncompleteError: the dataset has been changed since; nothing was done.
        CorruptDatasetError: the history cannot be understood, or a kept file is missing.
        OSError: the disk is full or fails; what is decided is finished by the next process that writes to the dataset.
    """
    return undoing.undo(as_folder(dataset))
