"""The bench that steps are run on: a folder, a process for what is measured, and a way to say how far it is.

What is measured runs in a fresh process, which has no terminal, no progress bar and no memory of the step before. When
the bench is left, in whatever way, its processes have ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

from lerotool.choices import Priority
from lerotool.execution import JobProgress, ProcessExecutor, read_progress

_P = ParamSpec("_P")
_R = TypeVar("_R")
_POLL_S = 0.1
_PATIENCE_S = 10.0
Advance = Callable[[float, float, str], None]


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
class Signs:
    """Two files by which a job says how far it is and hears that it shall stop."""

    progress: Path  # of `lerotool.execution.ProgressFile`
    stop: Path


@dataclass(slots=True)
class Bench:
    """Where a step works."""

    folder: Path
    advance: Advance  # called again and again with what is done, of how much (0: not known yet), and the unit of both
    signs: Signs = field(init=False)  # what a job gets to tell by
    _far: JobProgress = field(init=False)

    def __post_init__(self) -> None:
        self.signs = Signs(self.folder / "progress", self.folder / "stop")
        self._far = JobProgress(0, 0)

    def run(self, unit: str, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run a function of a module, with values that can be pickled, in a fresh process and return its result."""
        self.signs.progress.unlink(missing_ok=True)
        self._far = JobProgress(0, 0)
        pool = ProcessExecutor(1, Priority.NORMAL)
        try:
            pool.load(function.__module__)
            future = pool.submit(function, *args, **kwargs)
            try:
                while not wait([future], _POLL_S, FIRST_COMPLETED).done:
                    self._tell(unit)
            except BaseException:
                # It ends what it has started itself, before it is ended.
                with contextlib.suppress(OSError):
                    self.signs.stop.touch()
                wait([future], _PATIENCE_S)
                raise
            self._tell(unit)
            return future.result()
        finally:
            pool.kill()

    def _tell(self, unit: str) -> None:
        # A file that is just being written says nothing; what it said before still holds.
        self._far = read_progress(self.signs.progress) or self._far
        self.advance(self._far.done, self._far.total, unit)


def remove_folder(folder: Path) -> None:
    """Remove a folder; processes that are just ending may still write there for a moment."""
    end = time.monotonic() + _PATIENCE_S
    while folder.exists() and time.monotonic() < end:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            time.sleep(_POLL_S)
