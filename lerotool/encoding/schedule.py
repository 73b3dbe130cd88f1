"""The jobs of one run: submitted in order, watched, and their episodes committed in order as they get ready."""

from __future__ import annotations

import contextlib
import errno
import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path

from lerotool.dataset.writing.appender import DatasetAppender, NewEpisode
from lerotool.encoding.commit import build_episode, mark_committed
from lerotool.encoding.events import (
    Committed,
    JobDone,
    JobFailed,
    JobName,
    JobProgressed,
    JobStarted,
    Left,
    Listener,
)
from lerotool.encoding.job import EncodeJob, JobOutcome, run_job
from lerotool.encoding.plan import Task
from lerotool.encoding.staged import StagedResult, load_result
from lerotool.errors import LerotoolError, SpoolError
from lerotool.execution import WorkersLostError, read_progress
from lerotool.spool.episode import ENCODED

_POLL_S = 0.2
_STOP_S = 3.0
# What fails one job this way fails all others too.
_MACHINE_ERRORS = frozenset([errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM])


@dataclass(slots=True)
class _Running:
    """A submitted job."""

    name: JobName
    task: Task
    job: EncodeJob
    is_started: bool = False
    done: int = 0


class Schedule:
    """Runs the jobs of some tasks and commits their episodes.

    Args:
        tasks: in the order in which they become episodes.
        appender: of the dataset.
        executor: where jobs run.
        workers: how many it runs at a time.
        scratch: folder for progress and stop files, that the workers reach too.
        on_event: told of everything.
        stop: set to end at the next safe point.
        keep_pending: leave the folders of committed episodes, marked.
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
        self._futures: dict[Future[JobOutcome], _Running] = {}
        self._open_jobs = {task.name: len(task.cameras) for task in tasks}
        self._failed: dict[str, Left] = {}
        self._next = 0
        self.is_stopped = False
        self.episodes = self.rows = self.frames = self.reused_frames = 0
        self.recorded_s = self.cpu_s = self.encode_wall_s = 0.0

    def run(self) -> None:
        """Run all jobs; returns when every episode is committed, has failed, or when asked to stop.

        Raises:
            OSError: the machine cannot go on (disk full and the like).
            WorkersLostError: nobody is there to do the work.
        """
        began = time.perf_counter()
        try:
            self._submit()
            self._commit_ready()
            while self._futures and not self._stop.is_set():
                finished, _ = wait(self._futures, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                self._tell_progress()
                for future in finished:
                    self._collect(future)
                self.encode_wall_s = time.perf_counter() - began
                self._commit_ready()
            self.is_stopped = bool(self._futures)
        finally:
            self._halt()

    @property
    def failures(self) -> tuple[Left, ...]:
        """The episodes that could not be encoded or committed."""
        return tuple(self._failed.values())

    @property
    def unreached(self) -> tuple[Left, ...]:
        """The episodes that the run did not come to, because it was stopped."""
        return tuple(
            Left(task.name, "was not reached", "run the same command again")
            for task in self._tasks[self._next :]
            if task.name not in self._failed
        )

    def _submit(self) -> None:
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
            future = self._executor.submit(run_job, job)
            self._futures[future] = _Running(JobName(task.name, camera), task, job)

    def _tell_progress(self) -> None:
        # Whether a job runs on another machine is told by its file alone.
        begun = {path.name for path in self._scratch.iterdir()}
        for future, running in self._futures.items():
            is_begun = future.running() or future.done() or running.job.progress.name in begun
            if not running.is_started and is_begun:
                running.is_started = True
                self._on_event(JobStarted(running.name, running.task.length))
            if future.done() or not running.is_started:
                continue
            progress = read_progress(running.job.progress)
            if progress and progress.done > running.done:
                running.done = progress.done
                self._on_event(JobProgressed(running.name, progress.done, progress.total))

    def _collect(self, future: Future[JobOutcome]) -> None:
        running = self._futures.pop(future)
        try:
            outcome = future.result()
        except CancelledError:
            return
        except OSError as error:
            if error.errno in _MACHINE_ERRORS:
                raise
            self._fail(running, str(error), None)
        except WorkersLostError:
            raise
        except LerotoolError as error:
            self._fail(running, str(error), error.hint)
        else:
            self._open_jobs[running.task.name] -= 1
            self.frames += outcome.frames
            self.cpu_s += outcome.cpu_s
            self._on_event(JobDone(running.name, outcome.frames, outcome.cpu_s, outcome.wall_s, is_reused=False))

    def _fail(self, running: _Running, reason: str, hint: str | None) -> None:
        self._on_event(JobFailed(running.name, reason))
        self._failed.setdefault(running.task.name, Left(running.task.name, reason, hint))
        for future, other in self._futures.items():
            if other.task is running.task:
                future.cancel()

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

    def _halt(self) -> None:
        """End all jobs that are not finished; those in the middle stop by themselves at their next frame."""
        if not self._futures:
            return
        (self._scratch / "stop").touch()
        for future in self._futures:
            future.cancel()
        running = [future for future in self._futures if not future.cancelled()]
        wait(running, timeout=_STOP_S)


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
