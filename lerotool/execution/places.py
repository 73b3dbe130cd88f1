"""The places where jobs can run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lerotool.choices import Priority
from lerotool.execution.priority import cores


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
