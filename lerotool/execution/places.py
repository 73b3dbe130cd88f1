"""The places where jobs can run, and how to open one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from lerotool.execution.priority import Priority, cores
from lerotool.execution.processes import ProcessExecutor


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
        tell: is told, in another thread, when all have gone.
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


@contextlib.contextmanager
def open_executor(place: Place, shared: Path) -> Iterator[Executor]:
    """Open a place for the time of a block.

    Wait for the futures that matter inside of the block: when it ends, in whatever way, jobs that have not begun are
    cancelled, running ones are ended (this machine) or end at their next report to a `ProgressFile` (a cluster).

    Args:
        place: where jobs are to run.
        shared: an existing folder that the jobs' workers must reach under this path, readable and writable; it holds
            the jobs' progress and stop files. A cluster is refused before any work when a worker does not reach it.

    Raises:
        ClusterError: the cluster cannot be reached, or one of its workers cannot do the work.
        UsageError: the extra ``cluster`` is not installed, or the scheduler's address is none.
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
