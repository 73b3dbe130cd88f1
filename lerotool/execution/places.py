"""The places where jobs can run, what they ask of a machine, and what can go wrong there beside the jobs themselves."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from lerotool.choices import Priority
from lerotool.errors import LerotoolError

_T = TypeVar("_T")
_OFTEN = 64
"""Giving memory back takes some milliseconds."""


@dataclass(frozen=True, slots=True)
class ThisMachine:
    """Worker processes of this machine.

    Attributes:
        jobs: how many run at a time; None is one per core.
        priority: of the workers.
    """

    jobs: int | None = None
    priority: Priority = Priority.LOW

    @property
    def cores_to_share(self) -> int:
        """Cores that the jobs running at one time share among them."""
        return self.jobs or cores()


def _tell_nobody(text: str) -> None:
    del text


@dataclass(frozen=True, slots=True)
class DaskCluster:
    """The workers of a Dask scheduler, which reach the same files under the same paths.

    Attributes:
        scheduler: its address, such as ``tcp://node17:8786``, or the scheduler file that it has written.
        wait_s: how long to wait for the scheduler and for its first worker.
        patience_s: how long to wait for another worker when all have gone in the middle of the work.
        tell: called, in another thread, when all have gone.
    """

    scheduler: str | Path
    wait_s: float = 60.0
    patience_s: float = 1800.0
    tell: Callable[[str], None] = field(default=_tell_nobody, compare=False, repr=False)

    @property
    def cores_to_share(self) -> int:
        """One: what a worker's thread may take of a machine is the cluster's business."""
        return 1


Place = ThisMachine | DaskCluster


def lower_priority(priority: Priority) -> None:
    """Lower the priority of this process as far as the system lets it; Windows sets it from outside."""
    if priority is Priority.NORMAL or sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        os.nice(10 if priority is Priority.LOW else 19)
    if priority is Priority.IDLE and sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def detached(priority: Priority) -> dict[str, Any]:
    """Return the ``subprocess.Popen`` options that keep the terminal's Ctrl-C away, with Windows' priority."""
    if sys.platform == "win32":
        classes = {
            Priority.NORMAL: 0,
            Priority.LOW: subprocess.BELOW_NORMAL_PRIORITY_CLASS,
            Priority.IDLE: subprocess.IDLE_PRIORITY_CLASS,
        }
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | classes[priority]}
    return {"process_group": 0}


def cores() -> int:
    """Return how many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _trim() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    # Other C libraries of Linux do not have it, and keep less.
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found


def give_back() -> None:
    """Give freed memory back to the system: the C library keeps it for later, and what is kept adds up."""
    if (trim := _trim()) is not None:
        trim(0)


def giving_back(items: Iterable[_T]) -> Iterator[_T]:
    """Yield items and give memory back after every 64 of them, and at the end."""
    for number, item in enumerate(items, 1):
        yield item
        if number % _OFTEN == 0:
            give_back()
    give_back()


class WorkerDiedError(LerotoolError):
    """A worker process ended in the middle of a job: killed, out of memory, or a crash in a codec."""


class StoppedError(LerotoolError):
    """A job was asked to stop and did, at a safe point."""


class ClusterError(LerotoolError):
    """A cluster cannot be reached, or its workers cannot do the work."""


class WorkersLostError(ClusterError):
    """All workers of a cluster have gone and none has come back; what fails one job this way fails all others too."""
