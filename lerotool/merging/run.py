"""Carries a plan out: built beside the target, verified, given its place in one rename. Sources are only read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerotool.dataset.info import VIDEO_PATH
from lerotool.dataset.writing.build import DatasetBuild
from lerotool.dataset.writing.fitting import check_space
from lerotool.errors import CorruptDatasetError
from lerotool.execution import Place, Priority, ThisMachine, open_executor
from lerotool.merging.data_job import run_data_job
from lerotool.merging.data_jobs import data_jobs, video_batches
from lerotool.merging.events import Advanced, Begun, Finishing, Listener, MergeReport, ignore_event
from lerotool.merging.metadata import BlockFile, write_metadata
from lerotool.merging.options import MergeRequest
from lerotool.merging.plan import Plan, video_path
from lerotool.merging.planning import make_plan
from lerotool.merging.sources import fingerprint
from lerotool.merging.video_job import ClipJob, VideoJob, run_clip_job, run_video_job
from lerotool.merging.videos import CameraPlan
from lerotool.moments import FeatureStats
from lerotool.storage import tree_bytes
from lerotool.workspace import Workspace

_MANY_ROWS = 3_000_000
_MANY_FILES = 300
_SPARE = 1.05
"""Tables and headers need some room beside what is copied."""
ClipStats = dict[str, dict[Path, FeatureStats]]


def merge_datasets(request: MergeRequest, listen: Listener = ignore_event, place: Place | None = None) -> MergeReport:
    """Plan a merge and do it.

    Args:
        request: what to merge and how.
        listen: hears how far it is.
        place: where the work runs; None is this machine, one job per core.

    Raises:
        CorruptDatasetError: a source is damaged, or has changed meanwhile; there is no target.
        IncompatibleDatasetError: differences are not settled; nothing was written.
        TargetExistsError: something is at the target.
        MediaError: a video cannot be read or encoded; there is no target.
        OSError: the disk is full or fails; there is no target.
    """
    return execute_plan(make_plan(request), listen, place)


def execute_plan(plan: Plan, listen: Listener = ignore_event, place: Place | None = None) -> MergeReport:
    """Do what a plan says; raises like `merge_datasets`."""
    plan.check()
    began = time.perf_counter()
    check_space(plan.target.absolute().parent, int(plan.written_bytes * _SPARE))
    clips = [clip for camera in plan.cameras.values() for clip in camera.clips]
    to_encode = sum(clip.length for clip in clips)
    listen(Begun(plan.episodes, plan.bytes, len(clips), to_encode))
    with DatasetBuild(plan.target) as build:
        with _workers(plan, place, build.scratch) as workers:
            work = _Work(plan, build.root, build.scratch, workers, listen)
            work.make_scratch()
            stats = work.encode_clips()
            blocks = work.write_files()
        listen(Finishing("tables and statistics"))
        write_metadata(plan, build.root, blocks, stats)
        _check_sources(plan)
        listen(Finishing("flushing to the disk"))
        size = tree_bytes(build.root) - tree_bytes(Workspace(build.root).folder)
        build.finish()
    wall_s = time.perf_counter() - began
    return MergeReport(plan.target, plan.episodes, plan.frames, size, wall_s, to_encode, plan)


@contextmanager
def _workers(plan: Plan, place: Place | None, shared: Path) -> Iterator[Executor]:
    """Give what runs the jobs.

    Copying and large parquet files leave the interpreter free, so threads do on this machine, and start at once;
    encoding, very many rows and very many small files go to processes.
    """
    place = place or ThisMachine(priority=Priority.NORMAL)
    is_heavy = plan.frames > _MANY_ROWS or len(plan.data) > _MANY_FILES or any(c.clips for c in plan.cameras.values())
    if is_heavy or not isinstance(place, ThisMachine):
        with open_executor(place, shared) as executor:
            yield executor
        return
    threads = ThreadPoolExecutor(place.cores_to_share)
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


@dataclass(slots=True)
class _Work:
    """The jobs of one merge."""

    plan: Plan
    root: Path
    scratch: Path
    workers: Executor
    listen: Listener

    @property
    def _clips(self) -> Path:
        return self.scratch / "clips"

    @property
    def _blocks(self) -> Path:
        return self.scratch / "blocks"

    def _clip_folder(self, camera: str) -> Path:
        return self._clips / str(list(self.plan.cameras).index(camera))

    def make_scratch(self) -> None:
        """Make the folders in which jobs write."""
        _make_folders([self._blocks, *map(self._clip_folder, self.plan.cameras)])

    def encode_clips(self) -> ClipStats:
        """Encode what must be encoded; return the statistics of its pictures by camera and clip."""
        found: ClipStats = {}
        tasks = []
        for name, camera in self.plan.cameras.items():
            tasks += [(name, ClipJob(clip, self._clip_folder(name))) for clip in camera.clips]
        futures = {self.workers.submit(run_clip_job, job): (name, job) for name, job in tasks}
        for future in _finished(futures):
            name, job = futures[future]
            stats = future.result()
            if stats is not None:
                found.setdefault(name, {})[job.clip.path] = stats
            self.listen(Advanced(clips=1, frames_encoded=job.clip.length))
        return found

    def write_files(self) -> list[BlockFile]:
        """Write all data and video files; return what is known of the episodes, in order."""
        blocks: list[BlockFile] = []
        waiting: dict[Future[int], Callable[[], Advanced]] = {}
        rows: dict[Future[int], int] = {}
        for job, file in data_jobs(self.plan, self.root, self._blocks):
            _make_folders(path.parent for path in job.files)
            future = self.workers.submit(run_data_job, job)
            waiting[future] = _advance(job.episodes, job.bytes)
            blocks.append(BlockFile(job.block, file, job.first_episode, job.episodes))
            rows[future] = int(self.plan.lengths[job.first_episode : job.first_episode + job.episodes].sum())
        for video in self._video_jobs():
            waiting[self.workers.submit(run_video_job, video)] = _advance(0, video.bytes)
        for future in _finished(waiting):
            written = future.result()
            if future in rows and written != rows[future]:
                raise CorruptDatasetError(f"{written} rows have been written, the plan says {rows[future]}")
            self.listen(waiting[future]())
        return blocks

    def _video_jobs(self) -> Iterator[VideoJob]:
        for name, camera in self.plan.cameras.items():
            targets = [
                self.root / video_path(self.plan.options.version, VIDEO_PATH, name, o.number) for o in camera.outputs
            ]
            _make_folders(path.parent for path in targets)
            pairs = list(zip(camera.outputs, targets, strict=True))
            for numbers in _batches(self.plan, camera):
                chosen = tuple(pairs[number] for number in numbers)
                yield VideoJob(chosen, self._clip_folder(name), self.plan.fps)


def _make_folders(folders: Iterable[Path]) -> None:
    """Make folders for jobs, which make none: one that goes on after the end must find no place to write at."""
    for folder in set(folders):
        folder.mkdir(parents=True, exist_ok=True)


def _advance(episodes: int, size: int) -> Callable[[], Advanced]:
    return lambda: Advanced(episodes=episodes, bytes=size)


def _batches(plan: Plan, camera: CameraPlan) -> Iterator[range]:
    """Yield which files one job makes: small ones together."""
    if plan.options.version.has_files_of_episodes:
        yield from video_batches(len(camera.outputs))
        return
    yield from (range(number, number + 1) for number in range(len(camera.outputs)))


def _finished(futures: dict[Future[Any], Any]) -> Iterator[Future[Any]]:
    """Yield futures as they are done; when one is not taken well, those that have not begun are dropped."""
    try:
        yield from as_completed(futures)
    except BaseException:
        for future in futures:
            future.cancel()
        raise


def _check_sources(plan: Plan) -> None:
    """Make sure that no source has changed since it was planned.

    Raises:
        CorruptDatasetError: one has.
    """
    changed = [c.source.label for c in plan.contributions if fingerprint(c.source.dataset.root) != c.fingerprint]
    if changed:
        raise CorruptDatasetError(
            f"{', '.join(dict.fromkeys(changed))}: files have changed while they were merged",
            hint="wait until nobody writes there, and merge again",
        )
