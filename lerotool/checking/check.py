"""Checking a dataset: what is read, in which order, and where the work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from lerotool.checking.cameras import check_videos, video_jobs
from lerotool.checking.codes import Code
from lerotool.checking.columns import Problem
from lerotool.checking.data import DataView, check_data, check_ranges, check_table, check_totals, find_members
from lerotool.checking.findings import Report, listed, ordered
from lerotool.checking.gathering import Gathering
from lerotool.checking.jobs import Progress, ignore_progress, run_batches
from lerotool.checking.leftovers import (
    check_journal,
    check_leftovers,
    check_links,
    check_own,
    check_pending,
    check_sidecar,
)
from lerotool.checking.metadata import read_info, read_layout, read_tasks
from lerotool.checking.motion import check_motion
from lerotool.checking.pictures import PictureFacts, look_at_pictures
from lerotool.checking.rows import DataJob, look_at_data
from lerotool.checking.sampling import picture_jobs
from lerotool.checking.stored import check_statistics
from lerotool.checking.table import EpisodeTable, read_table
from lerotool.checking.videos import VideoFacts, VideoJob, look_at_videos
from lerotool.dataset.info import INFO, DatasetInfo
from lerotool.dataset.layout import Layout
from lerotool.errors import DatasetNotFoundError
from lerotool.workspace import JOURNAL, Workspace, dataset_root

_ATTEMPTS = 5


class Depth(StrEnum):
    """How closely a dataset is looked at."""

    FAST = "fast"
    """Metadata, all numbers in the rows, all videos without decoding them, and some decoded pictures."""
    DEEP = "deep"
    """The same, and every picture decoded."""


@dataclass(slots=True)
class Sight:
    """All that was read of a dataset, for whoever repairs it.

    Attributes:
        root: the dataset.
        info: ``info.json``, None where it cannot be understood; the others likewise.
        layout: where the files lie.
        tasks: texts by number.
        table: the episode table.
        data: the data files.
        videos: the video files.
    """

    root: Path
    info: DatasetInfo | None = None
    layout: Layout | None = None
    tasks: Mapping[int, str] | None = None
    table: EpisodeTable | None = None
    data: DataView | None = None
    videos: Sequence[VideoFacts] = field(default_factory=tuple)


def check(
    root: str | Path,
    depth: Depth = Depth.FAST,
    *,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
) -> Report:
    """Look at a dataset and tell everything that is wrong with it; nothing is changed.

    Args:
        root: its folder, or ``user/name`` under the LeRobot home.
        depth: how closely to look.
        executor: where files are looked at; None is this process.
        on_progress: told how many files of how many have been looked at.

    Raises:
        DatasetNotFoundError: there is nothing like a dataset.
        OSError: a file cannot be read for reasons that are not the dataset's.
    """
    return look(root, depth, executor=executor, on_progress=on_progress)[0]


def look(
    root: str | Path,
    depth: Depth = Depth.FAST,
    *,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
) -> tuple[Report, Sight]:
    """Like `check`, and also return what was read."""
    folder = dataset_root(str(root))
    if not folder.is_dir():
        raise DatasetNotFoundError(
            f"{str(folder)!r} is no dataset: there is no such folder",
            hint="name a dataset's folder, or user/name under the LeRobot home",
        )
    for attempt in range(_ATTEMPTS):
        before = _state(folder)
        report, sight = _look_once(folder, depth, executor, on_progress)
        # Between two files read, another process may have added episodes: then the new state is looked at.
        if report.is_sound or _state(folder) == before or attempt == _ATTEMPTS - 1:
            return report, sight
    raise AssertionError


def _state(root: Path) -> tuple[bytes | None, bool]:
    """Return what changes with every commit."""
    try:
        info = (root / INFO).read_bytes()
    except OSError:
        info = None
    return info, (Workspace.place(root) / JOURNAL).exists()


def _look_once(root: Path, depth: Depth, executor: Executor | None, on_progress: Progress) -> tuple[Report, Sight]:
    gathering, sight = Gathering(root), Sight(root)
    check_links(gathering)
    is_own = check_own(gathering)
    if not is_own or not check_journal(gathering):
        _look_at_dataset(sight, depth, gathering, executor, on_progress)
    if is_own:
        check_pending(gathering)
        check_leftovers(sight.info, gathering)
    table, lengths = sight.table, sight.data.lengths if sight.data is not None else None
    counted = lengths if lengths is not None else table.lengths if table is not None else ()
    version = sight.info.codebase_version.value if sight.info is not None else None
    report = Report(root, version, len(counted), int(sum(counted)), ordered(gathering.findings))
    return report, sight


def _look_at_dataset(
    sight: Sight, depth: Depth, gathering: Gathering, executor: Executor | None, on_progress: Progress
) -> None:
    root = sight.root
    if not any((root / name).exists() for name in ("meta", "data", "videos")):
        if Workspace.place(root).is_dir():
            return  # recorded, and nothing of it encoded yet
        raise DatasetNotFoundError(
            f"{str(root)!r} is no dataset: it has no meta/info.json",
            hint="name a dataset's folder, or user/name under the LeRobot home",
        )
    info = sight.info = read_info(gathering)
    if info is None:
        return
    sight.layout = read_layout(info, gathering)
    sight.tasks = read_tasks(info, gathering)
    table = sight.table = read_table(info, gathering)
    if table is not None:
        check_table(info, table, gathering)
    files = _Files(sight, info, depth, gathering, executor, on_progress)
    files.look()


_J = TypeVar("_J")
_R = TypeVar("_R")


class _Files:
    """Looks at all data and video files, with one count of progress."""

    def __init__(
        self,
        sight: Sight,
        info: DatasetInfo,
        depth: Depth,
        gathering: Gathering,
        executor: Executor | None,
        on_progress: Progress,
    ) -> None:
        self._sight = sight
        self._depth = depth
        self._info = info
        self._gathering = gathering
        self._executor = executor
        self._on_progress = on_progress
        self._done = 0
        self._total = 0

    def look(self) -> None:
        """Look at the files, and compare them with the tables."""
        sight, info, gathering = self._sight, self._info, self._gathering
        members = find_members(info, sight.layout, sight.table, gathering)
        jobs = [DataJob(path, info.features, info.fps, info.codebase_version) for path in members.paths]
        self._total = len(jobs)
        facts = list(self._run(look_at_data, jobs))
        sight.data = check_data(info, sight.table, sight.tasks, members, facts, gathering)
        check_totals(info, sight.table, sight.tasks, sight.data, gathering)
        videos: list[VideoJob] = []
        unused: list[Path] = []
        if sight.table is not None:
            lengths = None if gathering.has(Code.ROW_COUNT) else sight.data.lengths
            check_ranges(sight.table, lengths, gathering)
            if sight.layout is not None:
                videos, unused = video_jobs(info, sight.layout, sight.table, lengths, gathering)
        self._total += len(videos)
        sight.videos = tuple(self._run(look_at_videos, videos))
        check_videos(info, sight.videos, unused, gathering)
        check_statistics(info, sight.table, sight.data, gathering)
        check_motion(sight.data, gathering)
        if sight.layout is not None:
            check_sidecar(sight.layout, [(f.path, f.rows) for f in sight.data.facts if f.runs is not None], gathering)
        self._look_at_pictures(sight.data, videos)
        if sight.table is None and not gathering.has(Code.EPISODES_MISSING, Code.EPISODES_UNREADABLE):
            gathering.add(Code.NOT_LOOKED_AT, "videos", "without an episode table nothing says what is in the videos")

    def _look_at_pictures(self, view: DataView, videos: Sequence[VideoJob]) -> None:
        found = {job.path: (job, facts) for job, facts in zip(videos, self._sight.videos, strict=True)}
        jobs = picture_jobs(self._info, view, found, is_deep=self._depth is Depth.DEEP)
        self._total += len(jobs)
        alike: dict[tuple[Code, str], list[tuple[PictureFacts, Problem]]] = {}
        for facts in self._run(look_at_pictures, jobs):
            for problem in facts.problems:
                alike.setdefault((problem.code, facts.job.camera), []).append((facts, problem))
        for (code, camera), cases in alike.items():
            (first, problem), episodes = cases[0], sorted({facts.job.episode for facts, _ in cases})
            text = f"episode {first.job.episode}: {problem.text}"
            text += f"; likewise {listed(episodes[1:])}" if len(episodes) > 1 else ""
            self._gathering.add(code, first.job.path, text, episodes=episodes, column=camera)

    def _run(self, function: Callable[[Sequence[_J]], list[_R]], jobs: Sequence[_J]) -> Iterator[_R]:
        for result in run_batches(function, jobs, self._executor):
            self._done += 1
            self._on_progress(self._done, self._total)
            yield result
