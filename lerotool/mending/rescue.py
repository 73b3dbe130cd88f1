"""The rescue: what LeRobot left behind becomes a sound dataset and pending episodes; its files go when they may."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.documents import read_object
from lerotool.dataset.formats import Totals
from lerotool.dataset.layout import STATS, Layout
from lerotool.dataset.writing.history import KeepingStaging
from lerotool.dataset.writing.staging import changing
from lerotool.errors import DatasetLockedError, LerotoolError, MetadataError
from lerotool.execution import Place, open_executor
from lerotool.features import cameras
from lerotool.mending.adoption import make_pending
from lerotool.mending.fates import EpisodeFinding, Fate, RescuePlan, RescueReport
from lerotool.mending.info_repair import new_info
from lerotool.mending.missing_videos import fill
from lerotool.mending.rescue_plan import plan_rescue
from lerotool.mending.restored_tables import Measured, merged_statistics, restored_tables
from lerotool.mending.taken_pictures import (
    RESCUE,
    finish_entry,
    move_committed,
    rescue_details,
    waiting_entries,
)
from lerotool.moments import FeatureStats
from lerotool.rewriting.restoration import Restoration
from lerotool.rewriting.restoring import stage_restoration
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
        return _report(plan)
    with changing(Workspace(root), _PURPOSE):
        # Another process may have been at it between the look and the lock.
        plan = plan_rescue(root)
        if plan is None or not plan.does_anything:
            return _report(plan)
        _check_space(plan)
        with _opened(root, where) as executor:
            return _fill(plan, executor) if plan.fillings else _restore(plan, executor)


def _report(plan: RescuePlan | None) -> RescueReport | None:
    """Return what is said where nothing is done."""
    return None if plan is None else RescueReport(plan.root, plan.findings, refusal=plan.refusal, notes=plan.notes)


def _fill(plan: RescuePlan, executor: Executor) -> RescueReport:
    done = fill(plan, executor)
    return RescueReport(plan.root, _judged_again(plan, done.failed), done.originals, done.pictures, notes=plan.notes)


def _restore(plan: RescuePlan, executor: Executor) -> RescueReport:
    """Write the tables of a broken dataset again; videos are not touched.

    Episodes that stay move up where others before them cannot be kept; loose ones come back as new episodes.
    """
    taken, failed = make_pending(plan)
    plan = replace(plan, findings=_judged_again(plan, failed))
    info, tasks = plan.info, dict(enumerate(plan.tasks))
    layout = Layout.of(plan.root, info)
    tables = restored_tables(info, layout, plan.sources, plan.kept, tasks, plan.old, Measured.COLUMNS, executor)
    stats = merged_statistics(plan.root, tables.episodes, whole=True, known=_known_pictures(plan))
    totals = Totals(len(plan.kept), sum(episode.length for episode in plan.kept), len(tasks))
    with KeepingStaging(Workspace(plan.root), RESCUE) as staging:
        stage_restoration(Restoration(plan.root, new_info(info, totals, {}), tables, stats=stats), staging)
        staging.details = rescue_details(plan, taken, staging)
        entry = staging.record()
    assert entry is not None
    findings = tuple(_with_rows_kept(finding, entry.folder) for finding in plan.findings)
    return RescueReport(plan.root, findings, entry.folder, notes=plan.notes)


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


def _judged_again(plan: RescuePlan, failed: Mapping[int, LerotoolError]) -> tuple[EpisodeFinding, ...]:
    """Return the findings; of episodes that could not be encoded, why."""
    return tuple(
        finding
        if (error := failed.get(finding.episode)) is None
        else replace(finding, fate=Fate.LEFT, usable=0, reason=str(error), hint=error.hint)
        for finding in plan.findings
    )


def _known_pictures(plan: RescuePlan) -> Mapping[str, FeatureStats]:
    """Return the statistics of cameras that LeRobot took of all these pictures before they were encoded."""
    info, path = plan.info, plan.root / STATS
    frames = sum(episode.length for episode in plan.kept)
    if not plan.kept or not path.exists() or (len(plan.kept), frames) != (info.total_episodes, info.total_frames):
        return {}
    known: dict[str, FeatureStats] = {}
    document = read_object(path)
    for key in cameras(info.features):
        with contextlib.suppress(MetadataError):
            found = FeatureStats.from_json(document.get(key, {}))
            if found.mean.shape == info.codebase_version.statistics_shape(info.features[key]):
                # LeRobot's streaming encoder counts pixels; only frames can be weighed against frames.
                known[key] = replace(found, count=min(found.count, frames))
    return known
