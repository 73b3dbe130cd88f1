"""Opens a place where jobs can run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

from lerotool.execution.places import DaskCluster, Place
from lerotool.execution.processes import ProcessExecutor


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
