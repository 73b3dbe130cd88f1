"""What can go wrong with a job that is not the job's own fault."""

from __future__ import annotations

from lerotool.errors import LerotoolError


class WorkerDiedError(LerotoolError):
    """A worker process ended in the middle of a job: killed, out of memory, or a crash in a codec."""


class StoppedError(LerotoolError):
    """A job was asked to stop and did, at a safe point."""


class ClusterError(LerotoolError):
    """A cluster cannot be reached, or its workers cannot do the work."""


class WorkersLostError(ClusterError):
    """All workers of a cluster have gone and none has come back; what fails one job this way fails all others too."""
