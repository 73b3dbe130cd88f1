"""The run of `encode`: pending episodes of one dataset are encoded in parallel and committed in their order."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from lerotool.dataset.info import INFO, load_info
from lerotool.dataset.sidecar import committed_recordings
from lerotool.dataset.writing.appender import DatasetAppender
from lerotool.dataset.writing.staging import finish_interrupted
from lerotool.encoding.events import EncodeReport, Ending, Finished, Found, Left, Listener, Packed
from lerotool.encoding.plan import EncodeOptions, Plan, plan_encoding, selected, without_misfits
from lerotool.encoding.schedule import Schedule
from lerotool.encoding.staged import mark_committed
from lerotool.errors import DatasetLockedError, DatasetNotFoundError, LerotoolError
from lerotool.execution import Place, ThisMachine, cores, ignore_event, open_executor
from lerotool.media.encode import probe_encoder
from lerotool.mending.fates import Fate, RescueReport
from lerotool.mending.rescue import remove_rescued, rescue
from lerotool.mending.taken_pictures import holds_packing
from lerotool.spool.documents import load_header
from lerotool.spool.pending import State, list_pending
from lerotool.spool.recovery import salvage
from lerotool.storage import check_space, make_directory
from lerotool.wording import counted
from lerotool.workspace import Workspace, dataset_root


def encode_pending(
    root: str | Path,
    options: EncodeOptions | None = None,
    on_event: Listener = ignore_event,
    *,
    executor: Executor | None = None,
    place: Place | None = None,
    stop: threading.Event | None = None,
) -> EncodeReport:
    """Bring the pending episodes of a dataset into it.

    One job per episode and camera, in parallel; episodes are committed in their order once all before them are there,
    and each commit is durable. An episode that fails stays pending and does not hold up the others. Whatever ends the
    run, finished jobs stay staged and the next run goes on from there.

    Args:
        root: the dataset's folder, or ``user/name`` in the LeRobot home; made from the first episode's header
            where no dataset exists yet.
        options: how to encode.
        on_event: called in this thread with everything that happens; must return soon.
        executor: where jobs run, if that is open already.
        place: where jobs run otherwise; None is this machine, with the options' jobs and priority.
        stop: when set, the run ends at the next safe point.

    Raises:
        DatasetNotFoundError: the folder does not exist.
        DatasetLockedError: another process changes the dataset.
        DatasetError: the dataset cannot be appended to, or what LeRobot left of it cannot be understood.
        MediaError: an encoder that ``options.overrides`` asks for does not work here.
        ClusterError: the cluster cannot be reached, or one of its workers cannot do the work; nothing has begun.
        WorkersLostError: all workers of the cluster have gone and none has come back; what is finished is kept.
        UsageError: no pending episode is meant by ``options.only``.
        OSError: the disk is full, or something like it; nothing is lost.
    """
    root = Path(os.path.abspath(dataset_root(str(root))))  # noqa: PTH100 - links must stay as they are
    options = options or EncodeOptions()
    if not root.is_dir():
        raise DatasetNotFoundError(f"no dataset found at {str(root)!r}")
    began = time.perf_counter()
    finish_interrupted(Workspace(root))
    where = executor or place or ThisMachine(options.jobs, options.priority)
    rescued = rescue(root, where) if options.rescue else None
    has_remade = rescued is not None and rescued.originals is not None
    # Packed files could not be taken back with the rescue; the next run packs them.
    is_held = options.rescue and options.pack and (has_remade or holds_packing(root))
    if is_held:
        options = replace(options, pack=False)
    if rescued is not None and rescued.refusal is not None:
        report = _report(_waiting(_plan(root, options)), began)
    else:
        report = _encode(root, options, on_event, where, stop, began)
    if is_held and report.episodes:
        with DatasetAppender.open(root) as appender:
            appender.measure_again()
    if options.rescue:
        report = _with_rescue(report, rescued)
    on_event(Finished(report))
    return report


def _encode(
    root: Path,
    options: EncodeOptions,
    on_event: Listener,
    where: Executor | Place,
    stop: threading.Event | None,
    began: float,
) -> EncodeReport:
    plan = _plan(root, options)
    if not plan.tasks and not plan.salvageable and not _wants_packing(root, options) and not _has_committed(root):
        return _report(plan, began)
    with _open(plan) as appender:
        if options.keep_pending:
            _mark_kept(root)
        # Another process may have been at it between the look and the lock.
        plan = _plan(root, options)
        if plan.salvageable:
            plan = _salvage(plan, options)
        plan = without_misfits(plan, appender.info)
        return _run(plan, options, appender, on_event, where, stop, began)


def _waiting(plan: Plan) -> Plan:
    """Return the plan with all episodes left: they cannot be added to a dataset that is not sound."""
    reason = "waits until what LeRobot left behind in the dataset is rescued"
    names = [task.name for task in plan.tasks] + [verdict.path.name for verdict in plan.salvageable]
    return replace(plan, tasks=(), salvageable=(), left=(*plan.left, *(Left(name, reason) for name in names)))


def _with_rescue(report: EncodeReport, rescued: RescueReport | None) -> EncodeReport:
    """Remove the leftovers that are in the dataset by now, and return the report that tells of the rest."""
    removed = 0
    with contextlib.suppress(DatasetLockedError):  # the next run removes them
        removed = remove_rescued(report.root)
    if rescued is None:
        return report
    left = [*report.left, *_unrescued(rescued)]
    is_over = report.ending is Ending.STOPPED or not left
    return replace(
        report,
        ending=report.ending if is_over else Ending.INCOMPLETE,
        left=tuple(left),
        total_episodes=load_info(report.root).total_episodes,
        rescue=replace(rescued, removed_pictures=rescued.removed_pictures + removed),
    )


def _unrescued(report: RescueReport) -> Iterator[Left]:
    """Yield what could not be saved, and all of it if nothing was done."""
    if report.refusal is not None:
        text = f"what LeRobot left behind is not touched: {report.refusal}"
        yield Left("images/", text, "make sure that nobody records there, wait a minute and run the same command again")
    for finding in report.findings:
        if finding.fate is Fate.LEFT:
            yield Left(f"LeRobot's episode {finding.episode}", finding.reason, finding.hint)


def plan_pending(root: str | Path, options: EncodeOptions | None = None) -> Plan:
    """Return what `encode_pending` would do; nothing is changed.

    Raises:
        DatasetNotFoundError: the folder does not exist.
        UsageError: no pending episode is meant by ``options.only``.
    """
    root = dataset_root(str(root))
    if not root.is_dir():
        raise DatasetNotFoundError(f"no dataset found at {str(root)!r}")
    return _plan(root, options or EncodeOptions())


def _plan(root: Path, options: EncodeOptions) -> Plan:
    return selected(plan_encoding(root, options, committed_recordings(root)), options.only)


def _report(plan: Plan, began: float, schedule: Schedule | None = None, total_episodes: int = 0) -> EncodeReport:
    left = plan.left + (schedule.unreached if schedule else ())
    failures = schedule.failures if schedule else ()
    is_stopped = schedule is not None and schedule.is_stopped
    return EncodeReport(
        root=plan.root,
        ending=Ending.STOPPED if is_stopped else Ending.INCOMPLETE if left or failures else Ending.COMPLETE,
        episodes=schedule.episodes if schedule else 0,
        rows=schedule.rows if schedule else 0,
        recorded_s=schedule.recorded_s if schedule else 0.0,
        frames=schedule.frames if schedule else 0,
        reused_frames=schedule.reused_frames if schedule else 0,
        wall_s=time.perf_counter() - began,
        encode_wall_s=schedule.encode_wall_s if schedule else 0.0,
        cpu_s=schedule.cpu_s if schedule else 0.0,
        total_episodes=total_episodes,
        failures=failures,
        left=left,
        live=plan.live,
    )


def _mark_kept(root: Path) -> None:
    """Mark the folders that an interrupted run has brought into the dataset but not marked."""
    committed = committed_recordings(root)
    for episode in list_pending(root):
        if episode.header.recording_id in committed and episode.state is not State.COMMITTED:
            mark_committed(episode.path)


def _has_committed(root: Path) -> bool:
    """Whether folders of committed episodes are left, as of a run that was interrupted before it had removed them."""
    return any(episode.state is State.COMMITTED for episode in list_pending(root))


def _wants_packing(root: Path, options: EncodeOptions) -> bool:
    """Whether an earlier run may have left the packing to this one."""
    if not options.pack or not Workspace(root).folder.is_dir() or not (root / INFO).exists():
        return False
    return load_info(root).codebase_version.can_grow


def _open(plan: Plan) -> DatasetAppender:
    if (plan.root / INFO).exists():
        return DatasetAppender.open(plan.root)
    header = load_header(plan.tasks[0].path if plan.tasks else plan.salvageable[0].path)
    return DatasetAppender.create(plan.root, header.fps, header.recorded, header.robot_type)


def _salvage(plan: Plan, options: EncodeOptions) -> Plan:
    failed: list[Left] = []
    for verdict in plan.salvageable:
        try:
            salvage(verdict.path)
        except LerotoolError as error:
            failed.append(Left(verdict.path.name, f"cannot be salvaged: {error}", error.hint))
    names = {left.episode for left in failed}
    again = _plan(plan.root, options)
    others = tuple(left for left in again.left if left.episode not in names)
    return Plan(plan.root, again.tasks, (), (*others, *failed), again.live)


def _run(
    plan: Plan,
    options: EncodeOptions,
    appender: DatasetAppender,
    on_event: Listener,
    where: Executor | Place,
    stop: threading.Event | None,
    began: float,
) -> EncodeReport:
    check_space(plan.root, plan.estimated_bytes, f"encoding {counted(len(plan.tasks), 'episode')}")
    if options.overrides:
        # What was asked for here fails all episodes alike, so it is an error of the command.
        for settings in {str(task.settings): task.settings for task in plan.tasks}.values():
            probe_encoder(settings)
    jobs = sum(len(task.cameras) for task in plan.tasks)
    on_event(Found(plan.root, len(plan.tasks), jobs, plan.frames, plan.seconds, plan.left, plan.live))
    workers = options.jobs or cores() if isinstance(where, Executor) else where.cores_to_share
    with _scratch(plan.root) as scratch, _workers(where, scratch, jobs) as pool:
        schedule = Schedule(
            plan.tasks,
            appender,
            pool,
            workers,
            scratch,
            on_event,
            stop or threading.Event(),
            keep_pending=options.keep_pending,
        )
        schedule.run()
    if options.pack and not schedule.is_stopped:
        packing = time.perf_counter()
        appender.finalize()
        on_event(Packed(time.perf_counter() - packing))
    return _report(plan, began, schedule, appender.num_episodes)


@contextlib.contextmanager
def _workers(where: Executor | Place, scratch: Path, jobs: int) -> Iterator[Executor]:
    if isinstance(where, Executor):
        yield where
        return
    # Without jobs no cluster is needed.
    with open_executor(where if jobs else ThisMachine(jobs=1), scratch) as executor:
        yield executor


@contextlib.contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """Give a fresh folder for progress and stop files; whoever holds the writing lock may sweep older ones.

    Jobs of an earlier run that still go on, on other machines, stop when theirs is gone.
    """
    folder = Workspace(root).folder / "encoding"
    shutil.rmtree(folder, ignore_errors=True)
    own = folder / secrets.token_hex(4)
    make_directory(own)
    try:
        yield own
    finally:
        shutil.rmtree(folder, ignore_errors=True)
