"""Checking a dataset: what is read, in which order, and where the work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from lerotool.checking.cameras import check_videos, video_jobs
from lerotool.checking.data import DataView, check_data, check_strays, find_members, named_paths
from lerotool.checking.episodes import check_episodes, check_motion, check_part, check_table
from lerotool.checking.leftovers import check_journal, check_leftovers, check_links, check_own, check_sidecar
from lerotool.checking.metadata import read_info, read_layout, read_tasks
from lerotool.checking.pictures import PictureJob, look_at_pictures, picture_jobs
from lerotool.checking.report import CheckReport, Gathering, Problem
from lerotool.checking.rows import DataFileFacts, DataJob, look_at_data
from lerotool.checking.statistics import check_statistics
from lerotool.checking.table import EpisodeTable, read_table
from lerotool.checking.videos import VideoFacts, VideoJob, look_at_videos
from lerotool.choices import Depth, Priority
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import Layout
from lerotool.dataset.partial import PARTIAL, Partial, load_partial, partial_path
from lerotool.dataset.reading.changes import commit_stamp
from lerotool.dataset.sidecar import Padding, load_padding, merge_notes
from lerotool.errors import CorruptDatasetError, DatasetNotFoundError, MetadataError
from lerotool.execution import (
    DaskCluster,
    Place,
    Progress,
    ThisMachine,
    cores,
    ignore_progress,
    open_executor,
    run_jobs,
)
from lerotool.findings import Code, Finding, ordered
from lerotool.storage import scratch_folder, tree_bytes
from lerotool.wording import listed
from lerotool.workspace import Workspace, dataset_root

_ATTEMPTS = 5
_BATCHES = 64
_MOST_A_BATCH = 64


@dataclass(slots=True)
class Sight:
    """All that was read of a dataset, for whoever repairs it."""

    root: Path  # the dataset
    info: DatasetInfo | None = None  # ``info.json``, None where it cannot be understood; the others likewise
    layout: Layout | None = None  # where the files lie
    tasks: Mapping[int, str] | None = None  # texts by number
    table: EpisodeTable | None = None  # the episode table
    data: DataView | None = None  # the data files
    videos: Sequence[VideoFacts] = field(default_factory=tuple)  # the video files
    found: tuple[Finding, ...] = ()  # all that was found, each by itself; a report shows many that are alike as one


def check(
    root: str | Path,
    depth: Depth = Depth.FAST,
    *,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
) -> CheckReport:
    """Look at a dataset and report everything that is wrong with it; nothing is changed."""
    return look(root, depth, executor=executor, on_progress=on_progress)[0]


def look(
    root: str | Path,
    depth: Depth = Depth.FAST,
    *,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
) -> tuple[CheckReport, Sight]:
    """Like `check`, and also return what was read."""
    folder = dataset_root(str(root))
    if not folder.is_dir():
        raise DatasetNotFoundError(
            f"{str(folder)!r} is not a dataset: the folder does not exist",
            hint="name a dataset's folder, or user/name under the LeRobot home",
        )
    for attempt in range(_ATTEMPTS):
        before = commit_stamp(folder)
        report, sight = _look_once(folder, depth, executor, on_progress)
        # Between two files read, another process may have added episodes: then the new state is looked at.
        if report.is_sound or commit_stamp(folder) == before or attempt == _ATTEMPTS - 1:
            return report, sight
    raise AssertionError


def _look_once(root: Path, depth: Depth, executor: Executor | None, on_progress: Progress) -> tuple[CheckReport, Sight]:
    gathering, sight = Gathering(root), Sight(root)
    check_links(gathering)
    is_own = check_own(gathering)
    if not is_own or not check_journal(gathering):
        _look_at_dataset(sight, depth, gathering, executor, on_progress)
    if is_own:
        check_leftovers(sight.info, gathering)
    table, lengths = sight.table, sight.data.lengths if sight.data is not None else None
    counted = lengths if lengths is not None else table.lengths if table is not None else ()
    version = sight.info.codebase_version.value if sight.info is not None else None
    sight.found = tuple(dict.fromkeys(gathering.findings))
    report = CheckReport(root, version, len(counted), int(sum(counted)), ordered(sight.found))
    return report, sight


def _look_at_dataset(
    sight: Sight, depth: Depth, gathering: Gathering, executor: Executor | None, on_progress: Progress
) -> None:
    root = sight.root
    if not any((root / name).exists() for name in ("meta", "data", "videos")):
        if Workspace.place(root).is_dir():
            return  # recorded, and nothing of it encoded yet
        raise DatasetNotFoundError(
            f"{str(root)!r} is not a dataset: it has no meta/info.json",
            hint="name a dataset's folder, or user/name under the LeRobot home",
        )
    info = sight.info = read_info(gathering)
    if info is None:
        text = "without an info.json that can be understood nothing says what the other files should be"
        gathering.add(Code.NOT_LOOKED_AT, "meta, data, videos", text)
        return
    sight.layout = read_layout(info, gathering)
    sight.tasks = read_tasks(info, gathering)
    table = sight.table = read_table(info, gathering)
    if table is not None:
        check_table(info, table, gathering)
    files = _Files(sight, info, depth, gathering, executor, on_progress)
    if (partial := _partial(gathering)) is None:
        files.look()
        return
    text = f"{partial}; the rest is on the Hub: {partial.command}"
    gathering.add(Code.PARTIAL, partial_path(gathering.root), text)
    if table is not None and sight.layout is not None:
        files.look_at_part(partial, table, sight.layout)


def _partial(gathering: Gathering) -> Partial | None:
    try:
        return load_partial(gathering.root)
    except (MetadataError, CorruptDatasetError) as error:
        gathering.add_error(Code.SIDECAR, Workspace.place(gathering.root) / PARTIAL, error)
        return None


_J = TypeVar("_J")
_R = TypeVar("_R")


@dataclass(slots=True)
class _Files:
    """Looks at all data and video files, with one count of progress."""

    sight: Sight
    info: DatasetInfo
    depth: Depth
    gathering: Gathering
    executor: Executor | None
    on_progress: Progress
    done: int = 0
    total: int = 0

    def look_at_part(self, partial: Partial, table: EpisodeTable, layout: Layout) -> None:
        """Look at the files of the episodes that are here; nothing else is missed."""
        gathering = self.gathering
        here = table.chosen(np.isin(table.numbers, partial.episodes))
        if not len(here):
            return
        paths = dict.fromkeys(named_paths(self.info, layout, here, gathering) or ())
        for path in [path for path in paths if not path.is_file()]:
            gathering.add(Code.DATA_MISSING, path, "the file is missing, and it has episodes that should be here")
        facts = self._look_at_data([path for path in paths if path.is_file()])
        for fact in facts:
            gathering.add_problems(fact.path, fact.problems)
        check_part(here, facts, gathering)
        videos, _ = video_jobs(self.info, layout, here, None, gathering)
        check_videos(self.info, self._run(look_at_videos, videos), (), gathering)

    def look(self) -> None:
        """Look at the files, and compare them with the tables."""
        sight, info, gathering, table = self.sight, self.info, self.gathering, self.sight.table
        members = find_members(info, sight.layout, table, gathering)
        facts = self._look_at_data([*members.paths, *members.strays])
        check_strays(members, facts[len(members.paths) :], gathering)
        view = sight.data = check_data(info, table, sight.tasks, members, facts[: len(members.paths)], gathering)
        lengths = check_episodes(info, table, sight.tasks, view, members, gathering)
        jobs: list[VideoJob] = []
        unused: list[Path] = []
        if table is not None and sight.layout is not None:
            jobs, unused = video_jobs(info, sight.layout, table, lengths, gathering)
        sight.videos = self._run(look_at_videos, jobs)
        check_videos(info, sight.videos, unused, gathering)
        check_statistics(info, table, view, gathering)
        check_motion(view, gathering)
        if sight.layout is not None:
            check_sidecar(sight.layout, [(f.path, f.rows) for f in view.facts if f.runs is not None], gathering)
        self._look_at_pictures(view, jobs)
        if table is None and not gathering.has(Code.EPISODES_MISSING, Code.EPISODES_UNREADABLE):
            gathering.add(Code.NOT_LOOKED_AT, "videos", "without an episode table nothing says what is in the videos")
        elif sight.layout is None:
            text = "without path templates that can be followed nothing says which file is which episode's"
            gathering.add(Code.NOT_LOOKED_AT, "videos", text)

    def _look_at_data(self, paths: Sequence[Path]) -> list[DataFileFacts]:
        info = self.info
        return self._run(
            look_at_data, [DataJob(path, info.features, info.fps, info.codebase_version) for path in paths]
        )

    def _look_at_pictures(self, view: DataView, videos: Sequence[VideoJob]) -> None:
        found = {job.path: (job, facts) for job, facts in zip(videos, self.sight.videos, strict=True)}
        jobs = picture_jobs(self.info, view, found.values(), is_deep=self.depth is Depth.DEEP)
        padding = self._padding() if jobs else Padding({}, {})
        alike: dict[tuple[Code, str], list[tuple[PictureJob, Problem]]] = {}
        for job, problems in zip(jobs, self._run(look_at_pictures, jobs), strict=True):
            for problem in problems:
                if problem.code is Code.CAMERA_BLACK and padding.is_filled(job.camera, job.episode):
                    continue  # a merge was asked to fill it
                alike.setdefault((problem.code, job.camera), []).append((job, problem))
        for (code, camera), cases in alike.items():
            (first, problem), episodes = cases[0], sorted({job.episode for job, _ in cases})
            text = f"episode {first.episode}: {problem.text}"
            text += f"; likewise {listed(episodes[1:])}" if len(episodes) > 1 else ""
            self.gathering.add(code, first.path, text, episodes=episodes, column=camera)

    def _padding(self) -> Padding:
        try:
            return load_padding(self.gathering.root, self.info.features)
        except (MetadataError, CorruptDatasetError) as error:
            self.gathering.add_error(Code.SIDECAR, merge_notes(self.gathering.root), error)
            return Padding({}, {})

    def _run(self, function: Callable[[Sequence[_J]], list[_R]], jobs: Sequence[_J]) -> list[_R]:
        self.total += len(jobs)
        # Small files go together where a job must travel.
        size = 1 if self.executor is None else max(1, min(_MOST_A_BATCH, len(jobs) // _BATCHES))
        batches = [jobs[first : first + size] for first in range(0, len(jobs), size)]
        found: list[_R] = []
        for _, results in run_jobs(function, batches, self.executor, ahead=len(batches), in_order=True):
            found += results
            self.done += len(results)
            self.on_progress(self.done, self.total)
        return found


_WORTH_WORKERS = 64 << 20


@contextmanager
def workers(root: Path, place: Place | None) -> Iterator[Executor | None]:
    """Open workers for a dataset of some size, or where a place is asked for; None is this process."""
    if not root.is_dir() or (place is None and (cores() == 1 or tree_bytes(root) < _WORTH_WORKERS)):
        yield None
        return
    # The workers of a cluster must reach the dataset, and show it by writing beside it.
    beside = root.absolute().parent if isinstance(place, DaskCluster) else None
    place = place or ThisMachine(priority=Priority.NORMAL)
    with scratch_folder(".lerotool-check-", beside) as shared, open_executor(place, shared) as executor:
        yield executor
