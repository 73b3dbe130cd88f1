"""Where jobs run: worker processes of this machine, or a Dask cluster, behind a :class:`concurrent.futures.Executor`.

A job is a module-level function with values that can be pickled; its result is such a value too, and its progress
travels by file (:class:`ProgressFile`). So the same jobs run anywhere: :func:`open_executor` opens a `Place`.
"""

from lerotool.choices import Priority
from lerotool.execution.places import (
    ClusterError,
    DaskCluster,
    Place,
    StoppedError,
    ThisMachine,
    WorkerDiedError,
    WorkersLostError,
    cores,
    detached,
    lower_priority,
)
from lerotool.execution.processes import ProcessExecutor, serve_jobs
from lerotool.execution.running import (
    EncoderStatus,
    JobProgress,
    JobRun,
    Listener,
    Progress,
    ProgressFile,
    Watch,
    ignore_event,
    ignore_progress,
    open_executor,
    read_progress,
    run_jobs,
)

__all__ = [
    "ClusterError",
    "DaskCluster",
    "EncoderStatus",
    "JobProgress",
    "JobRun",
    "Listener",
    "Place",
    "Priority",
    "ProcessExecutor",
    "Progress",
    "ProgressFile",
    "StoppedError",
    "ThisMachine",
    "Watch",
    "WorkerDiedError",
    "WorkersLostError",
    "cores",
    "detached",
    "ignore_event",
    "ignore_progress",
    "lower_priority",
    "open_executor",
    "read_progress",
    "run_jobs",
    "serve_jobs",
]
