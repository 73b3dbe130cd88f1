"""What plans of new datasets have in common."""

from __future__ import annotations

from typing import Protocol

from lerotool.arguments import as_instance
from lerotool.errors import UsageError
from lerotool.execution import DaskCluster, Place, ThisMachine
from lerotool.rewriting.events import Listener
from lerotool.rewriting.rewriting import Rewriting


class _Details(Protocol):
    @property
    def work(self) -> Rewriting: ...


class RewritingPlan:
    """What will become of datasets: looked at first, then carried out. `MergePlan` and `EditPlan` are such plans."""

    __slots__ = ()
    details: _Details

    @property
    def fps(self) -> float:
        """Rows a second."""
        return self.details.work.fps

    @property
    def episodes(self) -> int:
        """How many there will be."""
        return self.details.work.episodes

    @property
    def frames(self) -> int:
        """How many there will be."""
        return self.details.work.frames

    @property
    def tasks(self) -> tuple[str, ...]:
        """The texts of the tasks that there will be, by number."""
        return self.details.work.tasks


def check_carrying_out(on_event: Listener, place: Place | None) -> None:
    """Refuse what a plan cannot be carried out with."""
    if not callable(on_event):
        raise UsageError(f"on_event is {on_event!r}, expected a function")
    if place is not None:
        as_instance("place", place, ThisMachine | DaskCluster, "where jobs run")
