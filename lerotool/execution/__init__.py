"""Where jobs run: worker processes of this machine, or a Dask cluster, behind a :class:`concurrent.futures.Executor`.

A job is a module-level function with values that can be pickled; its result is such a value too, and its progress
travels by file (:class:`ProgressFile`). So the same jobs run anywhere: :func:`open_executor` opens a `Place`.
"""

from lerotool.execution.errors import ClusterError, StoppedError, WorkerDiedError, WorkersLostError
from lerotool.execution.opening import open_executor
from lerotool.execution.places import DaskCluster, Place, ThisMachine
from lerotool.execution.priority import Priority, cores, detached, lower_priority
from lerotool.execution.processes import ProcessExecutor, serve_jobs
from lerotool.execution.progress import JobProgress, ProgressFile, read_progress

__all__ = [
    "ClusterError",
    "DaskCluster",
    "JobProgress",
    "Place",
    "Priority",
    "ProcessExecutor",
    "ProgressFile",
    "StoppedError",
    "ThisMachine",
    "WorkerDiedError",
    "WorkersLostError",
    "cores",
    "detached",
    "lower_priority",
    "open_executor",
    "read_progress",
    "serve_jobs",
]
