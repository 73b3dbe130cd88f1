"""Repairing: look, find out what the dataset really holds, build that beside it, and swap it in by one commit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from lerotool.checking.check import Depth, Sight, check, look
from lerotool.checking.codes import Code, Remedy, Severity
from lerotool.checking.data import count_episodes
from lerotool.checking.findings import Finding, Report, listed
from lerotool.checking.jobs import Progress, ignore_progress
from lerotool.checking.leftovers import find_leftovers
from lerotool.checking.repair.data import stage_data
from lerotool.checking.repair.documents import stage_info, stage_stats, stage_tasks, true_tasks
from lerotool.checking.repair.kept import LEDGER, Keeper
from lerotool.checking.repair.plan import RepairPlan, RepairReport, Step
from lerotool.checking.repair.rebuild import Rebuilt, rebuild
from lerotool.checking.repair.tables import stage_table
from lerotool.dataset.info import INFO, FormatVersion
from lerotool.dataset.layout import EPISODE_LINES, EPISODE_STATS_LINES, EPISODES, STATS, TASKS, inside
from lerotool.dataset.writing.fitting import check_space
from lerotool.dataset.writing.journal import redo
from lerotool.dataset.writing.staging import Staging, sweep
from lerotool.errors import CorruptDatasetError, DatasetLockedError, LerotoolError
from lerotool.media.join import Piece, join_videos
from lerotool.storage import ProcessLock, lock_owner
from lerotool.workspace import Workspace, dataset_root

_DATA = frozenset(
    [Code.DATA_NO_FOOTER, Code.FILE_ORDER, Code.WRONG_INDEX, Code.WRONG_EPISODE, Code.WRONG_FRAME, Code.TIMESTAMPS]
)
_TABLE = frozenset(
    [
        Code.EPISODES_MISSING,
        Code.EPISODES_UNREADABLE,
        Code.EPISODES_COLUMNS,
        Code.EPISODES_VALUES,
        Code.EPISODES_ORDER,
        Code.EPISODE_RANGE,
        Code.EPISODE_LENGTH,
        Code.DATA_POINTER,
        Code.TASK_LIST,
        Code.VIDEO_POINTER,
        Code.VIDEO_STOP,
        Code.VIDEO_OVERLAP,
        Code.VIDEO_TIMES,
        Code.VIDEO_SHORT,
    ]
)
_LOSS = frozenset([Code.VIDEO_TRUNCATED, Code.VIDEO_SHORT, Code.VIDEO_MISSING, Code.VIDEO_UNREADABLE, Code.ROW_COUNT])
_INFO = frozenset([Code.TOTALS, Code.COUNTS, Code.INFO_KEYS])
_TASKS = frozenset([Code.TASKS_INDEX, Code.TASKS_ORDER])
_STRAYS = frozenset([Code.DATA_STRAY, Code.EPISODES_STRAY, Code.VIDEO_UNUSED, Code.LEFTOVERS])
_OPAQUE = frozenset([Code.DATA_MISSING, Code.DATA_DAMAGED, Code.LINK_OUTSIDE, Code.PATH_TEMPLATE])
"""Findings behind which nobody can see what the dataset holds."""


def plan_repair(
    root: str | Path,
    *,
    drops: bool = False,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
) -> RepairPlan:
    """Tell what `repair` would do; nothing is changed.

    Args:
        root: the dataset.
        drops: leave out episodes whose rows or pictures are lost.
        executor: where files are looked at; None is this process.
        on_progress: told how many files of how many have been looked at.

    Raises:
        DatasetNotFoundError: there is no dataset.
    """
    report, sight = look(root, Depth.FAST, executor=executor, on_progress=on_progress)
    return _Repair(report, sight, drops=drops).plan()


def repair(
    root: str | Path,
    *,
    drops: bool = False,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
) -> RepairReport:
    """Repair a dataset in one step; interrupted at any time it is the old one or the new one.

    Files that change are kept as they were in ``.lerotool/repaired`` until `lerotool.checking.repair.kept.forget`.

    Args:
        root: the dataset.
        drops: leave out episodes whose rows or pictures are lost.
        executor: where files are looked at; None is this process.
        on_progress: told how many files of how many have been looked at.

    Raises:
        DatasetNotFoundError: there is no dataset.
        DatasetLockedError: another process changes the dataset, or records into it.
        CorruptDatasetError: ``.lerotool`` or a folder in it is a symbolic link, or an interrupted change cannot be
            finished.
        OSError: the disk is full or fails; the dataset is the old one, or the next to open it makes it the new one.
    """
    folder = dataset_root(str(root)).absolute()
    workspace = Workspace(folder)
    recording_lock = workspace.recording_lock
    plan = plan_repair(folder, drops=drops, executor=executor, on_progress=on_progress)
    if not plan.steps:
        return RepairReport(plan, plan.before, None)
    if (owner := lock_owner(recording_lock)) is not None:
        raise DatasetLockedError(f"{str(folder)!r} is in use by {owner}", hint="wait until it has finished")
    with ProcessLock(workspace.writing_lock, "repairing"):
        is_finished = redo(workspace)
        sweep(workspace)
        report, sight = look(folder, Depth.FAST, executor=executor)
        work = _Repair(report, sight, drops=drops)
        done = work.plan()
        kept = work.carry_out() if done.steps else None
    steps = [step for step in plan.steps if Code.UNFINISHED_COMMIT in step.codes] if is_finished else []
    steps += [step for step in plan.steps if step.codes == (Code.LEFTOVERS,) and step not in done.steps]
    whole = RepairPlan(folder, plan.before, (*steps, *done.steps), done.left)
    return RepairReport(whole, check(folder, executor=executor), kept)


class _Repair:
    """One repair: what is to be done, and the doing of it."""

    def __init__(self, report: Report, sight: Sight, *, drops: bool) -> None:
        self._report = report
        self._sight = sight
        self._drops = drops
        self._root = sight.root
        self._steps: list[Step] = []
        self._mended: set[Code] = set()
        self._why: dict[Code, str] = {}
        self._actions: list[Callable[[Staging, Keeper], None]] = []
        self._rebuilt: Rebuilt | None = None
        self._tasks = dict(sight.tasks or {})

    def plan(self) -> RepairPlan:
        """Find out what is to be done."""
        codes = self._report.codes
        if Code.UNFINISHED_COMMIT in codes:
            self._add((Code.UNFINISHED_COMMIT,), ".lerotool/journal.json", "the interrupted change is carried out")
        elif self._sight.info is not None:
            self._plan_tasks()
            self._plan_rebuild()
            self._plan_strays()
            self._plan_documents()
        else:
            self._plan_strays()
        left = [(f, self._reason(f)) for f in self._report.findings if f.code not in self._mended]
        left = [(f, why) for f, why in left if f.severity is not Severity.NOTE or f.code in self._why]
        return RepairPlan(self._root, self._report, tuple(self._steps), tuple(left))

    def carry_out(self) -> Path | None:
        """Build what is to change, and swap it in; return the folder with the files as they were.

        Raises:
            OSError: the disk is full or fails; if there is no journal then, nothing has changed.
        """
        check_space(self._root, self._bytes())
        staging = Staging(Workspace(self._root))
        keeper = Keeper(self._root, staging)
        try:
            for action in self._actions:
                action(staging, keeper)
            if keeper.has_kept:
                staging.write_json(keeper.folder / LEDGER, {"schema": 1, "steps": [s.to_json() for s in self._steps]})
            targets = set(staging.targets())
            gone = [path for path in dict.fromkeys(keeper.removals) if self._name(path) not in targets]
            staging.commit(removals=gone)
        except BaseException:
            staging.discard()
            raise
        return keeper.folder if keeper.has_kept else None

    def _bytes(self) -> int:
        if self._rebuilt is None:
            return 0
        changed = [file.source.path for file in self._rebuilt.files if file.is_changed]
        changed += list(self._rebuilt.truth.shortened)
        return sum(path.stat().st_size for path in changed)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _add(self, codes: tuple[Code, ...], file: str, text: str) -> None:
        self._steps.append(Step(codes, file, text))
        self._mended.update(codes)

    def _reason(self, finding: Finding) -> str:
        if finding.code in self._why:
            return self._why[finding.code]
        if finding.remedy in (Remedy.STATS, Remedy.ENCODE):
            return f"{finding.remedy.value} does that"
        return finding.meaning.advice or "this cannot be repaired"

    def _plan_strays(self) -> None:
        """Move away what is no part of the dataset."""
        for finding in self._report.findings:
            paths = [path for path in self._strays(finding) if self._is_own(path)]
            if not paths:
                continue
            names = listed([self._name(path) for path in paths])
            self._add((finding.code,), self._name(paths[0]), f"moved away and kept: {names}")
            self._actions.append(_removal(paths))

    def _is_own(self, path: Path) -> bool:
        """Whether a file lies in the dataset's folder, not behind a link."""
        try:
            inside(self._root, self._name(path.parent))
        except CorruptDatasetError:
            return False
        return True

    def _strays(self, finding: Finding) -> list[Path]:
        place = self._root / finding.place.file
        if finding.code is Code.LEFTOVERS:
            found = [path for path in find_leftovers(self._root) if path.parent != Workspace(self._root).staging]
            return found if place in find_leftovers(self._root) else []
        if finding.code is Code.VIDEO_UNUSED and finding.place.column is None:
            return self._unused_videos()
        return [place] if finding.code in _STRAYS and finding.code is not Code.VIDEO_UNUSED else []

    def _unused_videos(self) -> list[Path]:
        """Return the videos of no episode, if it is certain which episodes there are and where their pictures are."""
        sight, rebuilt = self._sight, self._rebuilt
        used = {fact.path for fact in sight.videos}
        if rebuilt is not None and sight.layout is not None:
            used = {
                sight.layout.video_path(camera, number.chunk, number.file)
                for row in rebuilt.rows
                for camera, (number, _) in row.true.videos.items()
            }
        elif self._report.codes & (_TABLE | _LOSS | _OPAQUE):
            return []
        return sorted(path for path in (self._root / "videos").glob("**/*.mp4") if path not in used)

    def _plan_tasks(self) -> None:
        codes = tuple(sorted(self._report.codes & _TASKS))
        info = self._sight.info
        if not codes or info is None or info.codebase_version is not FormatVersion.V30:
            return
        try:
            texts = true_tasks(self._root)
        except LerotoolError as error:
            self._why |= dict.fromkeys(codes, str(error))
            return
        self._tasks = dict(enumerate(texts))
        self._add(codes, TASKS.as_posix(), f"{len(texts)} tasks are written in order, with the text as the index")
        self._actions.append(lambda staging, keeper: stage_tasks(self._root, texts, staging, keeper))

    def _plan_rebuild(self) -> None:
        sight, codes = self._sight, self._report.codes
        assert sight.info is not None
        wanted = codes & (_DATA | _TABLE | ({Code.STATS_UNREADABLE} if self._can_make_stats() else frozenset()))
        wanted |= codes & (_LOSS if self._drops else {Code.VIDEO_TRUNCATED, Code.VIDEO_SHORT, Code.ROW_COUNT})
        if not wanted:
            return
        if opaque := codes & _OPAQUE:
            self._why |= dict.fromkeys(wanted, f"first this must be mended: {listed(sorted(opaque))}")
            return
        try:
            rebuilt = rebuild(sight, self._data_paths(), self._tasks, drops=self._drops)
        except (LerotoolError, FileNotFoundError) as error:
            self._why |= dict.fromkeys(wanted, str(error))
            return
        self._why |= dict.fromkeys(
            rebuilt.problems, "the times in the video itself are wrong; lerotool encode DATASET -o TARGET"
        )
        wanted -= rebuilt.problems
        if not wanted:
            return
        self._rebuilt = rebuilt
        self._tell_rebuild(wanted, rebuilt)
        self._actions.append(self._stage_rebuilt)

    def _can_make_stats(self) -> bool:
        info = self._sight.info
        return info is not None and info.codebase_version is not FormatVersion.V20

    def _data_paths(self) -> list[Path]:
        """Return the data files without those that are moved away."""
        strays = {self._root / f.place.file for f in self._report.findings if f.code is Code.DATA_STRAY}
        if self._sight.data is not None:
            return [fact.path for fact in self._sight.data.facts if fact.path not in strays]
        return []

    def _tell_rebuild(self, wanted: frozenset[Code], rebuilt: Rebuilt) -> None:
        for file in rebuilt.files:
            moved = file.path != file.source.path
            if file.is_changed or moved:
                text = (
                    f"rows are written anew ({sum(t.span.length for _, _, t in file.episodes)} of {file.source.rows})"
                )
                if file.source.lost_bytes:
                    text += f"; the last {file.source.lost_bytes} bytes hold no complete row"
                if file.has_other_times:
                    text += "; the measured times are kept in meta/lerotool/timing"
                text = f"becomes {self._name(file.path)}" if moved and not file.is_changed else text
                self._add(tuple(sorted(wanted & _DATA)), self._name(file.source.path), text)
        if rebuilt.truth.lost:
            numbers = sorted(rebuilt.truth.lost)
            text = f"episodes {listed(numbers)} are left out: {rebuilt.truth.lost[numbers[0]]}"
            self._add(tuple(sorted(wanted & _LOSS)), "data", text)
        for path, frames in rebuilt.truth.shortened.items():
            text = f"cut behind its last complete picture that is needed; it has {frames}"
            self._add(tuple(sorted(wanted & {Code.VIDEO_TRUNCATED})), self._name(path), text)
        assert self._sight.info is not None
        is_old = self._sight.info.codebase_version.has_files_of_episodes
        name = EPISODE_LINES if is_old else EPISODES
        if is_old and Code.STATS_UNREADABLE in wanted:
            text = "the statistics of the episodes are measured anew where they are lost"
            self._add((Code.STATS_UNREADABLE,), EPISODE_STATS_LINES.as_posix(), text)
        text = f"{len(rebuilt.rows)} episodes are written anew"
        self._add(tuple(sorted(wanted - _DATA - {Code.STATS_UNREADABLE})), name.as_posix(), text)

    def _stage_rebuilt(self, staging: Staging, keeper: Keeper) -> None:
        sight, rebuilt = self._sight, self._rebuilt
        assert sight.info is not None
        assert sight.layout is not None
        assert rebuilt is not None
        stage_data(rebuilt.files, sight.info, sight.layout, staging, keeper)
        stage_table(sight.info, sight.layout, rebuilt.rows, rebuilt.old, staging, keeper)
        for path in rebuilt.truth.shortened:
            self._stage_shortened(path, rebuilt, staging, keeper)

    def _stage_shortened(self, path: Path, rebuilt: Rebuilt, staging: Staging, keeper: Keeper) -> None:
        assert self._sight.info is not None
        assert self._sight.layout is not None
        stop = 0
        for row in rebuilt.rows:
            for camera, (number, start) in row.true.videos.items():
                if self._sight.layout.video_path(camera, number.chunk, number.file) == path:
                    stop = max(stop, start + row.true.span.length)
        keeper.keep(path)
        if stop:
            join_videos([Piece(path, 0, stop)], staging.file(path), self._sight.info.fps)
        else:
            keeper.removals.append(path)

    def _plan_documents(self) -> None:
        info, codes, rebuilt = self._sight.info, self._report.codes, self._rebuilt
        assert info is not None
        changed = codes & _INFO
        if rebuilt is not None or changed:
            totals = self._totals()
            if totals is None:
                self._why |= dict.fromkeys(
                    changed, "the true numbers cannot be told before the other findings are mended"
                )
            else:
                self._add(
                    tuple(sorted(changed)),
                    INFO.as_posix(),
                    f"{totals[0]} episodes, {totals[1]} frames, {totals[2]} tasks",
                )
                self._actions.append(lambda staging, keeper: stage_info(info, self._root, totals, staging, keeper))
        if rebuilt is not None and (self._root / STATS).is_file():
            whole = bool(rebuilt.truth.lost) or Code.STATS_UNREADABLE in codes
            unreadable = tuple(sorted(codes & {Code.STATS_UNREADABLE}))
            what = "all statistics" if whole else "the statistics of LeRobot's own columns"
            if whole or any(file.is_changed for file in rebuilt.files):
                self._add(unreadable, STATS.as_posix(), f"{what} are merged from those of the episodes")
                self._actions.append(
                    lambda staging, keeper: stage_stats(
                        self._root, rebuilt.rows, whole=whole, staging=staging, keeper=keeper
                    )
                )

    def _totals(self) -> tuple[int, int, int] | None:
        rebuilt, sight = self._rebuilt, self._sight
        if rebuilt is not None:
            return len(rebuilt.rows), rebuilt.frames, len(self._tasks)
        if self._report.codes & _OPAQUE or sight.data is None or sight.data.lengths is None:
            return None
        return count_episodes(sight.data.lengths, sight.table), int(sight.data.lengths.sum()), len(self._tasks)


def _removal(paths: list[Path]) -> Callable[[Staging, Keeper], None]:
    def remove(_: Staging, keeper: Keeper) -> None:
        for path in paths:
            keeper.remove(path)

    return remove
