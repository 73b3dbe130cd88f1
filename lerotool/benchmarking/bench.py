"""The bench that steps are run on: a folder, processes for what is measured, and a way to say how far it is.

What is measured runs in a fresh process, which has no terminal, no progress bar and no memory of the step before; the
real LeRobot in its own interpreter, offline. When the bench is left, in whatever way, its processes have ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from lerotool.benchmarking.clips import Clip
from lerotool.benchmarking.effort import Rig
from lerotool.choices import Priority
from lerotool.errors import LerotoolError, UsageError
from lerotool.execution import JobProgress, ProcessExecutor, ProgressFile, detached, read_progress

_P = ParamSpec("_P")
_R = TypeVar("_R")
_POLL_S = 0.1
_PATIENCE_S = 10.0
_ASK_S = 300.0
_PROGRAM = Path(__file__).with_name("lerobot_peer.py")
_VERSION = "from lerobot import __version__; print(__version__)"
_HINT = "--lerobot names the Python of an environment that has LeRobot with its dataset extra"


def wall_s(work: Callable[[], object]) -> float:
    """Do something and return the seconds that it took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def children_cpu_s() -> float:
    """Return the CPU seconds of this process's children that have ended, and of theirs; always 0 on Windows."""
    times = os.times()
    return times.children_user + times.children_system


def cpu_s() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + children_cpu_s()


@dataclass(frozen=True, slots=True)
class Site:
    """Where something is measured, and with which cameras; it goes along into the process that measures."""

    folder: Path  # of this step alone
    rig: Rig
    clips: tuple[Clip, ...]  # what its cameras show

    @property
    def progress_file(self) -> Path:
        """Tells how far the process is."""
        return self.folder / "progress"

    @property
    def stop_file(self) -> Path:
        """Tells the process to stop, once it is there."""
        return self.folder / "stop"

    def progress(self, total: int, *, interval_s: float = 0.2) -> ProgressFile:
        """Return what tells how far the process is."""
        return ProgressFile(self.progress_file, total, self.stop_file, interval_s=interval_s)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a step works."""

    site: Site
    advance: Callable[[float, float, str], None]
    """Called again and again with what is done, of how much (0: not known yet), and the unit of both."""

    def run(self, unit: str, function: Callable[Concatenate[Site, _P], _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run a function of a module, with values that can be pickled, in a fresh process and return its result."""
        self.site.progress_file.unlink(missing_ok=True)
        pool = ProcessExecutor(1, Priority.NORMAL)
        try:
            pool.load(function.__module__)
            future = pool.submit(function, self.site, *args, **kwargs)
            far, is_done = JobProgress(0, 0), False
            try:
                while not is_done:
                    is_done = bool(wait([future], _POLL_S, FIRST_COMPLETED).done)
                    # A file that is just being written says nothing; what it said before still holds.
                    far = read_progress(self.site.progress_file) or far
                    self.advance(far.done, far.total, unit)
            except BaseException:
                # It ends what it has started itself, before it is ended.
                with contextlib.suppress(OSError):
                    self.site.stop_file.touch()
                wait([future], _PATIENCE_S)
                raise
            return future.result()
        finally:
            pool.kill()


def remove_folder(folder: Path) -> None:
    """Remove a folder; processes that are just ending may still write there for a moment."""
    end = time.monotonic() + _PATIENCE_S
    while folder.exists() and time.monotonic() < end:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            time.sleep(_POLL_S)


class PeerError(LerotoolError):
    """The real LeRobot failed; the text is what it said last."""


@dataclass(frozen=True, slots=True)
class Peer:
    """An interpreter that has LeRobot."""

    python: Path
    version: str

    def __str__(self) -> str:
        return f"LeRobot {self.version}"

    def run(self, work: str, folder: Path, request: dict[str, Any], on_wait: Callable[[float], None]) -> dict[str, Any]:
        """Let it do one of the works of ``lerobot_peer.py`` and return what that has written.

        ``on_wait`` is called with the seconds since it began.
        """
        asked, result = folder / "request.json", folder / "result.json"
        asked.write_text(json.dumps(request, default=str), encoding="utf-8")
        result.unlink(missing_ok=True)
        command = [str(self.python), "-P", str(_PROGRAM), work, str(asked), str(result)]
        code, said = _run(command, folder, on_wait)
        if code or not result.exists():
            raise PeerError(_reason(code, said))
        found: dict[str, Any] = json.loads(result.read_bytes())
        return found


def find_peer(python: Path) -> Peer:
    """Ask an interpreter for its LeRobot."""
    # A virtual environment's python is a link that must not be resolved.
    path = Path(os.path.abspath(python.expanduser()))  # noqa: PTH100
    command = [str(path), "-P", "-c", _VERSION]
    try:
        asked = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_ASK_S, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"--lerobot: {path} cannot be run: {error}", hint=_HINT) from None
    if asked.returncode or not asked.stdout.strip():
        last = (asked.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise UsageError(f"--lerobot: {path} has no LeRobot: {last}", hint=_HINT)
    return Peer(path, asked.stdout.split()[-1])


def _run(command: list[str], folder: Path, on_wait: Callable[[float], None]) -> tuple[int, str]:
    caches = {name: str(folder / "home") for name in ("HF_HOME", "HF_LEROBOT_HOME", "HF_DATASETS_CACHE")}
    environment = {**os.environ, **caches, "HF_HUB_OFFLINE": "1"}
    log = folder / "peer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            **detached(Priority.NORMAL),
        )
        began = time.monotonic()
        try:
            while process.poll() is None:
                on_wait(time.monotonic() - began)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_S)
        finally:
            _end(process)
    return process.returncode, log.read_text(encoding="utf-8", errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and all that it has started."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.poll() is None:
        process.kill()
    process.wait()


def _reason(code: int, said: str) -> str:
    """Return what it said last: the error of a traceback, in one line."""
    lines = [line.strip() for line in said.strip().splitlines() if line.strip()]
    errors = [line for line in lines if line.partition(":")[0].endswith(("Error", "Exception", "Interrupt"))]
    last = (errors or lines or ["nothing"])[-1]
    ended = f"ended by signal {-code}" if code < 0 else f"exit code {code}"
    return f"{ended}: {last[:300]}"
