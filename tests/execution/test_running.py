"""Jobs run here or elsewhere with the same results; one that fails or a wish to stop ends them all."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from dataclasses import dataclass
from pathlib import Path

import pytest

from lerotool.execution import (
    JobProgress,
    JobRun,
    ProgressFile,
    ThisMachine,
    Watch,
    ignore_event,
    open_executor,
    run_jobs,
)
from tests.patience import PATIENCE_S


def square(number: int) -> int:
    if number == 13:
        raise ValueError("unlucky")
    return number * number


def test_every_job_comes_back_with_its_result(tmp_path: Path) -> None:
    jobs = [n for n in range(60) if n != 13]
    expected = {job: job * job for job in jobs}
    assert dict(run_jobs(square, jobs, None)) == expected
    with open_executor(ThisMachine(2), tmp_path) as executor:
        assert dict(run_jobs(square, jobs, executor)) == expected


def test_results_come_in_the_order_of_the_jobs_where_that_is_asked_for(tmp_path: Path) -> None:
    jobs = [n for n in range(60) if n != 13]
    with open_executor(ThisMachine(2), tmp_path) as executor:
        assert list(run_jobs(square, jobs, executor, in_order=True)) == [(job, job * job) for job in jobs]


def test_jobs_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    taken = []

    def jobs() -> Iterator[int]:
        for number in range(40):
            taken.append(number)
            yield number if number != 13 else 0

    with (
        open_executor(ThisMachine(1), tmp_path) as executor,
        contextlib.closing(run_jobs(square, jobs(), executor, ahead=3)) as results,
    ):
        next(results)
        assert len(taken) == 4


def test_a_job_that_fails_is_raised(tmp_path: Path) -> None:
    with open_executor(ThisMachine(1), tmp_path) as executor, pytest.raises(ValueError, match="unlucky"):
        list(run_jobs(square, [1, 13, 2], executor))


@dataclass(frozen=True)
class Slow:
    """A job of many steps that tells how far it is."""

    progress: Path
    stop: Path
    steps: int = 100_000


def work(job: Slow) -> int:
    file = ProgressFile(job.progress, job.steps, job.stop, interval_s=0.0)
    for step in range(job.steps):
        file.report(step + 1)
        time.sleep(0.001)
    return job.steps


def test_a_run_that_is_asked_to_stop_ends_its_jobs_and_says_what_is_left(tmp_path: Path) -> None:
    started: list[str] = []
    told: list[JobProgress] = []
    stop = threading.Event()

    def progressed(name: str, progress: JobProgress) -> None:
        assert started == [name]
        told.append(progress)
        stop.set()

    jobs = {name: Slow(tmp_path / f"{name}.progress", tmp_path / "stop") for name in ("first", "second")}
    with open_executor(ThisMachine(1), tmp_path) as executor:
        with JobRun[str, int](executor, Watch(tmp_path / "stop", started.append, progressed), stop) as run:
            for name, job in jobs.items():
                run.submit(name, work, job, job.progress)
            assert list(run.ended()) == []
            assert run.is_stopped
        assert told[0].total == 100_000
        futures = [executor.submit(square, 3)]
        assert futures[0].result(PATIENCE_S) == 9  # the worker is free: the job that ran has stopped


def test_what_is_dropped_ends_as_cancelled(tmp_path: Path) -> None:
    job = Slow(tmp_path / "progress", tmp_path / "stop", steps=300)
    with open_executor(ThisMachine(1), tmp_path) as executor, JobRun[str, int](executor) as run:
        for name in ("first", "second", "third"):
            run.submit(name, work, job)
        run.drop(lambda name: name == "third")
        ended = dict(run.ended())
    assert ended["first"].result() == ended["second"].result() == 300
    with pytest.raises(CancelledError):
        ended["third"].result()


def test_an_error_ends_the_jobs_that_run(tmp_path: Path) -> None:
    job = Slow(tmp_path / "progress", tmp_path / "stop")
    watch: Watch[str] = Watch(tmp_path / "stop", ignore_event, lambda *_: None)

    def run_all(executor: Executor) -> None:
        with JobRun[str, int](executor, watch) as run:
            run.submit("long", work, job, job.progress)
            run.submit("unlucky", square, 13)
            for _, future in run.ended():
                future.result()

    with open_executor(ThisMachine(2), tmp_path) as executor:
        with pytest.raises(ValueError, match="unlucky"):
            run_all(executor)
        free = [executor.submit(square, number) for number in (1, 2)]
        assert [future.result(PATIENCE_S) for future in free] == [1, 4]
