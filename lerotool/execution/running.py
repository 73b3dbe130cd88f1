"""Running jobs, processes and Dask alike: where they run, how far they are, what they give, one end for all."""

from __future__ import annotations

import contextlib
import itertools
import queue
import struct
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from lerotool.execution.places import DaskCluster, Place, StoppedError
from lerotool.execution.processes import ProcessExecutor

_J = TypeVar("_J")
_R = TypeVar("_R")
_T = TypeVar("_T")
_E = TypeVar("_E")
_POLL_S = 0.2
_STOP_S = 3.0
_AHEAD = 16
_COUNTS = struct.Struct("<QQ")

Listener = Callable[[_E], None]
"""Called with events, one after another, in the thread of whoever called."""
Progress = Callable[[int, int], None]
"""Called with how many steps of how many are done."""


def ignore_event(event: object) -> None:
    """Listen to nothing."""
    del event


def ignore_progress(done: int, total: int) -> None:
    """Do nothing."""
    del done, total


@contextlib.contextmanager
def open_executor(place: Place, shared: Path) -> Iterator[Executor]:
    """Open a place for the time of a block.

    Wait for the futures that matter inside of the block: when it ends, in whatever way, jobs that have not begun are
    cancelled, running ones are ended (this machine) or end at their next report to a `ProgressFile` (a cluster).
    ``shared`` is an existing folder that holds the jobs' progress and stop files; a cluster is refused before any work
    when a worker does not reach it under this path.
    """
    if isinstance(place, DaskCluster):
        from lerotool.execution.cluster import open_cluster

        with open_cluster(place, shared) as executor:
            yield executor
        return
    pool = ProcessExecutor(place.cores_to_share, place.priority)
    try:
        yield pool
    finally:
        pool.kill()


@dataclass(frozen=True, slots=True)
class EncoderStatus:
    """How far encoding beside a recording is."""

    is_busy: bool = False
    waiting: int = 0  # episodes that were handed over and are not in the dataset yet
    done: int = 0  # episodes that were brought into the dataset
    fraction: float = 0.0  # of what is being encoded now, 0 to 1
    left_s: float | None = None  # until that is done, None if that is not known
    frames_per_s: float = 0.0  # of all encoders together
    problem: str | None = None  # what went wrong, if something did; the episodes are then still waiting on disk


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is: ``done`` of ``total`` steps."""

    done: int
    total: int


class ProgressFile:
    """Tells by a small file how far a job is, and looks for the file that tells it to stop: they reach all machines.

    The job also stops when the stop file's folder is gone, and with it whoever waits for the job. Files are touched at
    most every ``interval_s``.
    """

    def __init__(self, path: Path, total: int, stop: Path, *, interval_s: float = 0.2) -> None:
        self._path = path
        self._total = total
        self._stop = stop
        self._interval_s = interval_s
        self._due = 0.0

    def report(self, done: int) -> None:
        """Say that ``done`` steps are done; raises StoppedError if the job is to stop."""
        now = time.monotonic()
        if now < self._due and done < self._total:
            return
        self._due = now + self._interval_s
        if self._stop.exists() or not self._stop.parent.exists():
            raise StoppedError("stopped")
        # Progress is for looking at: a disk that is full fails the job where its results are written, not here.
        with contextlib.suppress(OSError):
            self._path.write_bytes(_COUNTS.pack(done, self._total))


def read_progress(path: Path) -> JobProgress | None:
    """Return what a job last reported, or None when it has reported nothing yet."""
    try:
        return JobProgress(*_COUNTS.unpack(path.read_bytes()))
    except (OSError, struct.error):
        return None


@dataclass(frozen=True, slots=True)
class Watch(Generic[_T]):
    """Who hears how far jobs are that tell it by a `ProgressFile`."""

    stop_file: Path  # tells running jobs to stop; progress files lie beside it
    started: Callable[[_T], None]  # called once for every job that a worker has taken
    progressed: Callable[[_T, JobProgress], None]  # called with how far a job is, when it is further than before


@dataclass(slots=True)
class _Running(Generic[_T]):
    name: _T
    progress: Path | None
    is_started: bool = False
    done: int = 0


class JobRun(Generic[_T, _R]):
    """Jobs that run together; when the block ends, those that have not ended are cancelled or asked to stop.

    ``stop`` ends the run when it is set; `is_stopped` says whether jobs are left then.
    """

    def __init__(self, executor: Executor, watch: Watch[_T] | None = None, stop: threading.Event | None = None) -> None:
        self._executor = executor
        self._watch = watch
        self._stop = stop or threading.Event()
        self._poll_s = None if watch is None and stop is None else _POLL_S
        self._running: dict[Future[_R], _Running[_T]] = {}
        self._done: queue.SimpleQueue[Future[_R]] = queue.SimpleQueue()

    def __enter__(self) -> JobRun[_T, _R]:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._running:
            return
        if self._watch is not None:
            self._watch.stop_file.touch()
        for future in self._running:
            future.cancel()
        if self._watch is not None:
            # Those in the middle stop by themselves at their next report.
            wait([future for future in self._running if not future.cancelled()], timeout=_STOP_S)

    @property
    def is_stopped(self) -> bool:
        """Whether the run was asked to stop while jobs were left."""
        return self._stop.is_set() and bool(self._running)

    def submit(self, name: _T, function: Callable[[_J], _R], job: _J, progress: Path | None = None) -> None:
        """Add a job: a module-level function and a value that can be pickled; the name comes back with its end."""
        future = self._executor.submit(function, job)
        self._running[future] = _Running(name, progress)
        # A queue: waiting for all futures again after each of them takes n² steps.
        future.add_done_callback(self._done.put)

    def drop(self, is_meant: Callable[[_T], bool]) -> None:
        """Cancel jobs that have not begun; they end too, as cancelled."""
        for future, running in self._running.items():
            if is_meant(running.name):
                future.cancel()

    def ended(self) -> Iterator[tuple[_T, Future[_R]]]:
        """Yield jobs as they end, those added meanwhile too, until all have or the run is asked to stop."""
        while self._running and not self._stop.is_set():
            done = self._wait()
            if self._watch is not None:
                self._look(self._watch)
            for future in done:
                yield self._running.pop(future).name, future

    def _wait(self) -> list[Future[_R]]:
        """Return the futures that are done, at least one unless there is something to look at meanwhile."""
        done = []
        with contextlib.suppress(queue.Empty):
            done.append(self._done.get(timeout=self._poll_s))
            while True:
                done.append(self._done.get_nowait())
        return done

    def _look(self, watch: Watch[_T]) -> None:
        # Whether a job runs on another machine only its file shows.
        begun = {path.name for path in watch.stop_file.parent.iterdir()}
        for future, running in self._running.items():
            told = read_progress(running.progress) if running.progress and running.progress.name in begun else None
            if not running.is_started and (told or future.running() or future.done()):
                running.is_started = True
                watch.started(running.name)
            if told and told.done > running.done and not future.done():
                running.done = told.done
                watch.progressed(running.name, told)


def run_jobs(
    function: Callable[[_J], _R],
    jobs: Iterable[_J],
    executor: Executor | None,
    *,
    ahead: int | None = None,
    in_order: bool = False,
) -> Generator[tuple[_J, _R], None, None]:
    """Yield every job with its result, in the order in which they end, or in their own.

    Without an executor they run in this process, one after another. Jobs are taken as they are needed, ``ahead`` of
    them at a time. What a job raises is raised; jobs that have not begun are cancelled then.
    """
    if executor is None:
        for job in jobs:
            yield job, function(job)
        return
    waiting = enumerate(jobs)
    early: dict[int, tuple[_J, _R]] = {}
    following = 0
    with JobRun[tuple[int, _J], _R](executor) as run:
        for number, job in itertools.islice(waiting, ahead or _AHEAD):
            run.submit((number, job), function, job)
        for (ended, job), future in run.ended():
            result = future.result()
            for number, another in itertools.islice(waiting, 1):
                run.submit((number, another), function, another)
            if not in_order:
                yield job, result
                continue
            early[ended] = (job, result)
            while following in early:
                yield early.pop(following)
                following += 1
