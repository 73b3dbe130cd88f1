"""Worker processes of this machine behind a :class:`concurrent.futures.Executor`.

:class:`ProcessExecutor` differs from ``ProcessPoolExecutor`` in what recording needs: a worker that dies takes only its
own job with it; workers never import the caller's ``__main__``, so plain scripts need no guard; workers run at low
priority, do not see the terminal's Ctrl-C (the parent decides), and end when the parent ends, in whatever way.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import IO, Any, ParamSpec, TypeVar

from lerotool.choices import Priority
from lerotool.execution.places import WorkerDiedError, detached, lower_priority

_P = ParamSpec("_P")
_R = TypeVar("_R")
_LENGTH = struct.Struct("<Q")
_TAIL_BYTES = 600
_ORPHANED = 0
_PR_SET_PDEATHSIG = 1


class ProcessExecutor(Executor):
    """Runs jobs in worker processes, one job a process at a time."""

    def __init__(self, workers: int, priority: Priority = Priority.LOW) -> None:
        self._priority = priority
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running: set[_Worker] = set()
        self._is_closed = False
        self._is_killed = False
        self._threads = [threading.Thread(target=self._serve, name=f"worker-{i}", daemon=True) for i in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_R]:
        """Queue ``fn(*args, **kwargs)``; the first submitted is the first to start.

        The future raises what the function raised, or WorkerDiedError.
        """
        call = pickle.dumps((fn, args, kwargs))
        future: Future[_R] = Future()
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the executor has been shut down")
            self._tasks.put(_Task(future, call))
        return future

    def load(self, module: str) -> None:
        """Start all workers now, and let each import a module that its jobs will need."""
        for _ in self._threads:
            self.submit(_import, module)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs; workers end when they are done. ``cancel_futures`` drops the jobs not yet started."""
        with self._lock:
            if cancel_futures:
                self._drop_tasks()
            if not self._is_closed:
                self._is_closed = True
                for _ in self._threads:
                    self._tasks.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def kill(self) -> None:
        """End all workers at once; their futures raise WorkerDiedError, the futures of waiting jobs are cancelled."""
        self.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._is_killed = True
            for worker in self._running:
                worker.kill()
        self.shutdown()

    def _drop_tasks(self) -> None:
        ends = 0
        with contextlib.suppress(queue.Empty):
            while True:
                task = self._tasks.get_nowait()
                if task is None:
                    ends += 1
                else:
                    task.future.cancel()
        for _ in range(ends):
            self._tasks.put(None)

    def _serve(self) -> None:
        worker: _Worker | None = None
        try:
            while (task := self._tasks.get()) is not None:
                if not task.future.set_running_or_notify_cancel():
                    continue
                try:
                    if worker is None:
                        worker = self._start()
                    is_error, value = worker.run(task.call)
                except Exception as error:  # noqa: BLE001 - the edge of the thread: the future carries it
                    task.future.set_exception(self._bury(worker, error))
                    worker = None
                    continue
                if is_error:
                    task.future.set_exception(value)
                else:
                    task.future.set_result(value)
        finally:
            if worker is not None:
                self._bury(worker, None)

    def _start(self) -> _Worker:
        with self._lock:
            if self._is_killed:
                raise WorkerDiedError("the executor has been ended")
            worker = _Worker(self._priority)
            self._running.add(worker)
        return worker

    def _bury(self, worker: _Worker | None, cause: Exception | None) -> Exception | None:
        if worker is None:
            return cause
        with self._lock:
            self._running.discard(worker)
        died = worker.close()
        return died if isinstance(cause, EOFError | OSError) else cause


@dataclass(frozen=True, slots=True)
class _Task:
    future: Future[Any]
    call: bytes


class _Worker:
    """The parent's end of one worker process; one thread talks to it."""

    def __init__(self, priority: Priority) -> None:
        # What native code prints must not disturb the terminal, but is worth reading when the process dies.
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        program = (
            f"import sys; sys.path[:] = {sys.path!r}; from lerotool.execution.processes import serve_jobs; "
            f"serve_jobs({priority.value!r}, {os.getpid()})"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            **detached(priority),
        )

    def run(self, call: bytes) -> tuple[bool, Any]:
        """Return whether a job raised, and its value or exception. EOFError or OSError: the process is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        _send(self._process.stdin, call)
        is_error, value = pickle.loads(_receive(self._process.stdout))
        return bool(is_error), value

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> WorkerDiedError:
        """End the process and return the error that tells how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.stdout.close()
        code = self._process.wait()
        self._printed.seek(0, os.SEEK_END)
        self._printed.seek(max(0, self._printed.tell() - _TAIL_BYTES))
        printed = self._printed.read().decode(errors="replace").strip()
        self._printed.close()
        ended = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        return WorkerDiedError(f"the worker process {ended}" + (f": {printed}" if printed else ""))


def _import(module: str) -> None:
    importlib.import_module(module)


def serve_jobs(priority: str, parent: int | None = None) -> None:
    """Be a worker process: run the jobs that arrive on stdin, answer on stdout, end when stdin ends.

    On Linux the system ends it when the process ``parent`` ends.
    """
    if parent is not None:
        _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    lower_priority(Priority(priority))
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_calls, args=(sys.stdin.buffer, calls), daemon=True).start()
    while True:
        _send(answers, _answer(calls.get()))


def _die_with(parent: int) -> None:
    """Let the system end this process when its parent ends, also while it is stopped or in the middle of a long call.

    What it goes by is the thread that started the worker, and that thread ends the worker itself before it ends.
    """
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(_ORPHANED)


def _answer(call: bytes) -> bytes:
    try:
        function, args, kwargs = pickle.loads(call)
        return pickle.dumps((False, function(*args, **kwargs)))
    except Exception as error:  # noqa: BLE001 - the edge of the process: it is raised again in the parent
        return _pickle_error(error)


def _pickle_error(error: Exception) -> bytes:
    # An exception that cannot make the journey, there and back, is represented by its text.
    try:
        answer = pickle.dumps((True, error))
        pickle.loads(answer)
    except Exception:  # noqa: BLE001 - pickling fails in as many ways as there are classes
        return pickle.dumps((True, RuntimeError(f"{type(error).__name__}: {error}")))
    return answer


def _read_calls(stream: IO[bytes], calls: queue.SimpleQueue[bytes]) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            calls.put(_receive(stream))
    # Nobody is there to take an answer. A job in hand is abandoned, one in the queue never begun: jobs can be repeated.
    os._exit(_ORPHANED)


def _send(stream: IO[bytes], message: bytes) -> None:
    stream.write(_LENGTH.pack(len(message)) + message)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes:
    (length,) = _LENGTH.unpack(_read_exactly(stream, _LENGTH.size))
    return _read_exactly(stream, length)


def _read_exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("the other end is gone")
    return data
