"""The jobs of one run: submitted in order, watched, and their episodes committed in order as they get ready."""

from __future__ import annotations

import contextlib
import errno
import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Executor, Future
from pathlib import Path

from lerotool.dataset.writing.appender import DatasetAppender, NewEpisode
from lerotool.encoding.events import (
    NOT_YET,
    Committed,
    JobDone,
    JobFailed,
    JobName,
    JobProgressed,
    JobStarted,
    Left,
    Listener,
)
from lerotool.encoding.job import EncodeJob, run_job
from lerotool.encoding.plan import Task
from lerotool.encoding.staged import StagedResult, build_episode, load_result, mark_committed
from lerotool.errors import LerotoolError, SpoolError
from lerotool.execution import JobRun, Watch, WorkersLostError
from lerotool.spool.pending import ENCODED

# What fails one job this way fails all others too.
_MACHINE_ERRORS = frozenset([errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM])


_Job = tuple[JobName, Task]


class Schedule:
    """Runs the jobs of some tasks and commits their episodes, in the order of the tasks.

    ``scratch`` is a folder for progress and stop files that the workers reach too; ``stop`` ends it at the next safe
    point.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        appender: DatasetAppender,
        executor: Executor,
        workers: int,
        scratch: Path,
        on_event: Listener,
        stop: threading.Event,
        *,
        keep_pending: bool = False,
    ) -> None:
        self._tasks = tasks
        self._appender = appender
        self._executor = executor
        self._workers = workers
        self._scratch = scratch
        self._on_event = on_event
        self._stop = stop
        self._keep_pending = keep_pending
        self._open_jobs = {task.name: len(task.cameras) for task in tasks}
        self._failed: dict[str, Left] = {}
        self._next = 0
        self.is_stopped = False
        self.episodes = self.rows = self.frames = self.reused_frames = 0
        self.recorded_s = self.cpu_s = self.encode_wall_s = 0.0

    def run(self) -> None:
        """Run all jobs; returns when every episode is committed, has failed, or when asked to stop."""
        began = time.perf_counter()
        watch: Watch[_Job] = Watch(
            self._scratch / "stop",
            lambda job: self._on_event(JobStarted(job[0], job[1].length)),
            lambda job, progress: self._on_event(JobProgressed(job[0], progress.done, progress.total)),
        )
        with JobRun[_Job, StagedResult](self._executor, watch, self._stop) as run:
            self._submit(run)
            self._commit_ready()
            for job, future in run.ended():
                self._collect(job, future, run)
                self.encode_wall_s = time.perf_counter() - began
                self._commit_ready()
            self.is_stopped = run.is_stopped

    @property
    def failures(self) -> tuple[Left, ...]:
        """The episodes that could not be encoded or committed."""
        return tuple(self._failed.values())

    @property
    def unreached(self) -> tuple[Left, ...]:
        """The episodes that the run did not come to, because it was stopped."""
        return tuple(
            Left(task.name, NOT_YET, "run the same command again")
            for task in self._tasks[self._next :]
            if task.name not in self._failed
        )

    def _submit(self, run: JobRun[_Job, StagedResult]) -> None:
        todo: list[tuple[Task, str]] = []
        for task in self._tasks:
            staged = _staged_results(task)
            for camera in task.cameras:
                result = staged.get(camera)
                if result is None:
                    todo.append((task, camera))
                    continue
                self._open_jobs[task.name] -= 1
                self.reused_frames += result.frames
                name = JobName(task.name, camera)
                self._on_event(JobDone(name, result.frames, result.cpu_s, result.wall_s, is_reused=True))
        for number, (task, camera) in enumerate(todo):
            job = EncodeJob(
                folder=task.path,
                camera=camera,
                settings=task.settings,
                threads=encoder_threads(number, len(todo), self._workers),
                progress=self._scratch / f"{number}.progress",
                stop=self._scratch / "stop",
            )
            run.submit((JobName(task.name, camera), task), run_job, job, job.progress)

    def _collect(self, job: _Job, future: Future[StagedResult], run: JobRun[_Job, StagedResult]) -> None:
        name, task = job
        try:
            outcome = future.result()
        except CancelledError:
            return
        except OSError as error:
            if error.errno in _MACHINE_ERRORS:
                raise
            self._fail(job, str(error), None, run)
        except WorkersLostError:
            raise
        except LerotoolError as error:
            self._fail(job, str(error), error.hint, run)
        else:
            self._open_jobs[task.name] -= 1
            self.frames += outcome.frames
            self.cpu_s += outcome.cpu_s
            self._on_event(JobDone(name, outcome.frames, outcome.cpu_s, outcome.wall_s, is_reused=False))

    def _fail(self, job: _Job, reason: str, hint: str | None, run: JobRun[_Job, StagedResult]) -> None:
        name, task = job
        self._on_event(JobFailed(name, reason))
        self._failed.setdefault(task.name, Left(task.name, reason, hint))
        run.drop(lambda other: other[1] is task)

    def _commit_ready(self) -> None:
        ready: list[Task] = []
        while self._next < len(self._tasks):
            task = self._tasks[self._next]
            if task.name not in self._failed:
                if self._open_jobs[task.name]:
                    break
                ready.append(task)
            self._next += 1
        episodes = [(task, episode) for task in ready if (episode := self._build(task)) is not None]
        if episodes:
            self._commit(episodes)

    def _build(self, task: Task) -> NewEpisode | None:
        try:
            return build_episode(task, keep_pending=self._keep_pending)
        except LerotoolError as error:
            self._failed[task.name] = Left(task.name, str(error), error.hint)
            return None

    def _commit(self, episodes: list[tuple[Task, NewEpisode]]) -> None:
        try:
            numbers = self._appender.append([episode for _, episode in episodes])
        except LerotoolError as error:
            if len(episodes) > 1:
                # Nothing was changed; find out which of them does not fit.
                for one in episodes:
                    self._commit([one])
                return
            task = episodes[0][0]
            self._failed[task.name] = Left(task.name, str(error), error.hint)
            return
        tasks = [task for task, _ in episodes]
        if self._keep_pending:
            for task in tasks:
                mark_committed(task.path)
        self.episodes += len(tasks)
        self.rows += sum(task.length for task in tasks)
        self.recorded_s += sum(task.seconds for task in tasks)
        self._on_event(Committed(tuple(task.name for task in tasks), numbers.start))


def _staged_results(task: Task) -> dict[str, StagedResult]:
    """Return what earlier runs have finished of a task, by camera."""
    if not (task.path / ENCODED).is_dir():
        return {}
    with contextlib.suppress(SpoolError):  # its job tells what is wrong with it
        episode = task.open()
        found = {camera: load_result(episode, camera, task.settings) for camera in task.cameras}
        return {camera: result for camera, result in found.items() if result is not None}
    return {}


def encoder_threads(number: int, jobs: int, workers: int) -> int:
    """Return how many threads the encoder of job ``number`` of ``jobs`` gets.

    One each while there are as many jobs as workers: measured on two cores, two SVT-AV1 with a thread each make 207
    frames/s, one with two threads 180. The last jobs, fewer than the workers, share all cores.
    """
    last = jobs % workers
    return workers // last if last and number >= jobs - last else 1
