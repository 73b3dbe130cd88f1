"""Jobs in worker processes of this machine."""

from __future__ import annotations

import os
import pickle
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from pathlib import Path
from pickle import PicklingError

import pytest

from lerotool.choices import Priority
from lerotool.errors import SpoolError
from lerotool.execution import ProcessExecutor, ProgressFile, StoppedError, WorkerDiedError, read_progress
from tests.patience import PATIENCE_S


def double(number: int) -> int:
    return 2 * number


def raise_ours(hint: str) -> None:
    raise SpoolError("packet 3 is damaged", hint=hint)


class StubbornError(Exception):
    """Pickles, but does not come back."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def raise_stubborn() -> None:
    raise StubbornError("not ", "portable")


def write_pid(path: Path) -> None:
    path.with_suffix(".new").write_text(str(os.getpid()))
    path.with_suffix(".new").rename(path)


def write_pid_and_wait(path: Path) -> None:
    write_pid(path)
    signal.pause()


def print_and_die(text: str) -> None:
    os.write(1, text.encode())
    os.kill(os.getpid(), signal.SIGKILL)


def priority() -> tuple[int, int, bool]:
    return os.nice(0), os.sched_getscheduler(0), signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def wait_for(is_true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def children(pid: int) -> list[int]:
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def test_results_come_back_in_their_futures() -> None:
    with ProcessExecutor(2) as pool:
        assert list(pool.map(double, range(20))) == list(range(0, 40, 2))


def test_our_errors_come_back_whole() -> None:
    with ProcessExecutor(1) as pool:
        future = pool.submit(raise_ours, "look at it")
        with pytest.raises(SpoolError, match="packet 3 is damaged") as raised:
            future.result(PATIENCE_S)
    assert raised.value.hint == "look at it"


def test_an_error_that_cannot_travel_is_told_by_its_text() -> None:
    with ProcessExecutor(1) as pool, pytest.raises(RuntimeError, match="StubbornError: not portable"):
        pool.submit(raise_stubborn).result(PATIENCE_S)


def test_a_job_that_cannot_be_pickled_is_refused_when_submitted() -> None:
    with ProcessExecutor(1) as pool, pytest.raises((AttributeError, TypeError, PicklingError)):
        pool.submit(lambda: None)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_worker_that_dies_fails_its_job_alone_and_its_last_words_are_kept() -> None:
    with ProcessExecutor(1) as pool:
        dead = pool.submit(print_and_die, "codec: assertion failed")
        alive = pool.submit(double, 4)
        with pytest.raises(WorkerDiedError, match="ended by signal 9: codec: assertion failed"):
            dead.result(PATIENCE_S)
        assert alive.result(PATIENCE_S) == 8


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_kill_ends_running_jobs_and_cancels_waiting_ones(tmp_path: Path) -> None:
    pool = ProcessExecutor(1)
    running = pool.submit(write_pid_and_wait, tmp_path / "pid")
    waiting: Future[int] = pool.submit(double, 1)
    wait_for((tmp_path / "pid").exists)
    pool.kill()
    with pytest.raises(WorkerDiedError):
        running.result(PATIENCE_S)
    with pytest.raises(CancelledError):
        waiting.result(PATIENCE_S)
    assert is_gone(int((tmp_path / "pid").read_text()))
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(double, 1)


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.98, 1.0], ids="{:.0%} of a job sent".format)
def test_a_worker_ends_wherever_its_parent_dies_while_it_sends_a_job(part: float) -> None:
    call = pickle.dumps((os.getpid, (), {}))
    message = struct.pack("<Q", len(call)) + call
    for _ in range(3):
        program = "from lerotool.execution import serve_jobs; serve_jobs('low')"
        worker = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with worker:
            assert worker.stdin is not None
            worker.stdin.write(message[: round(part * len(message))])
            worker.stdin.close()
            try:
                worker.wait(PATIENCE_S)
            finally:
                worker.kill()


def write_pid_and_stop(path: Path) -> None:
    write_pid(path)
    os.kill(os.getpid(), signal.SIGSTOP)


def write_pid_and_hold_the_interpreter(path: Path) -> None:
    write_pid(path)
    re.match("(a+)+$", "a" * 100 + "b")


def write_pid_and_return_much(path: Path) -> bytes:
    write_pid(path)
    return bytes(1 << 28)


def write_pid_and_be_done(path: Path) -> None:
    write_pid(path)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(
    "job",
    [
        write_pid_and_wait,
        write_pid_and_stop,
        write_pid_and_hold_the_interpreter,
        write_pid_and_return_much,
        write_pid_and_be_done,
    ],
)
def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path, job: Callable[[Path], object]) -> None:
    program = (
        "from pathlib import Path; from lerotool.execution import ProcessExecutor; import signal;"
        "import tests.execution.test_processes as t;"
        f"pool = ProcessExecutor(1); pool.submit(t.{job.__name__}, Path({str(tmp_path / 'pid')!r})); signal.pause()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2])
    wait_for((tmp_path / "pid").exists)
    worker = int((tmp_path / "pid").read_text())
    parent.kill()
    parent.wait()
    try:
        wait_for(lambda: is_gone(worker))
    finally:
        if not is_gone(worker):
            os.kill(worker, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_that_have_just_been_started_do_not_outlive_a_killed_parent() -> None:
    program = (
        "from lerotool.execution import ProcessExecutor; import signal; ProcessExecutor(2).load('json'); signal.pause()"
    )
    for workers in (1, 2, 2):
        parent = subprocess.Popen([sys.executable, "-c", program])
        wait_for(lambda parent=parent, workers=workers: len(children(parent.pid)) >= workers)
        started = children(parent.pid)
        parent.kill()
        parent.wait()
        wait_for(lambda started=started: all(map(is_gone, started)))


def test_a_script_without_a_guard_can_use_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import operator\nfrom lerotool.execution import ProcessExecutor\n"
        "with ProcessExecutor(1) as pool:\n    print(pool.submit(operator.add, 40, 2).result())\n"
    )
    finished = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert (finished.stdout, finished.stderr) == ("42\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has these classes")
@pytest.mark.parametrize(
    ("wanted", "nice", "scheduler"), [(Priority.LOW, 10, "SCHED_OTHER"), (Priority.IDLE, 19, "SCHED_IDLE")]
)
def test_workers_give_way_and_do_not_hear_ctrl_c(wanted: Priority, nice: int, scheduler: str) -> None:
    with ProcessExecutor(1, wanted) as pool:
        found = pool.submit(priority).result(PATIENCE_S)
    expected = max(os.sched_getscheduler(0), getattr(os, scheduler))  # of an idle process all are idle
    assert found == (min(19, os.nice(0) + nice), expected, True)


def test_progress_is_read_from_another_process(tmp_path: Path) -> None:
    path, stop = tmp_path / "progress", tmp_path / "stop"
    assert read_progress(path) is None
    progress = ProgressFile(path, 100, stop, interval_s=0)
    progress.report(1)
    seen = read_progress(path)
    assert seen is not None
    assert (seen.done, seen.total) == (1, 100)
    path.write_bytes(b"torn")
    assert read_progress(path) is None
    stop.touch()
    with pytest.raises(StoppedError):
        progress.report(2)


def test_progress_touches_files_now_and_then_only(tmp_path: Path) -> None:
    progress = ProgressFile(tmp_path / "progress", 100, tmp_path / "stop", interval_s=1000)
    progress.report(1)
    progress.report(2)
    first = read_progress(tmp_path / "progress")
    progress.report(100)
    last = read_progress(tmp_path / "progress")
    assert first is not None
    assert last is not None
    assert (first.done, last.done) == (1, 100)


def is_loaded(module: str) -> bool:
    return module in sys.modules


def test_workers_load_what_they_will_need_before_there_are_jobs() -> None:
    with ProcessExecutor(2) as executor:
        executor.load("colorsys")
        executor.load("no_such_module")
        assert [executor.submit(is_loaded, "colorsys").result(PATIENCE_S) for _ in range(4)] == [True] * 4
