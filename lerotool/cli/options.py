"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lerotool.cli.output import Output
from lerotool.errors import UsageError

if TYPE_CHECKING:
    from lerotool.execution import DaskCluster, Place


def in_panel(title: str) -> Callable[..., Any]:
    """Return what makes options of one panel of the help."""
    return partial(typer.Option, rich_help_panel=title)


_of_machines = in_panel("Many machines")
DatasetArgument = Annotated[
    str, typer.Argument(metavar="DATASET", help="A dataset's folder, or user/name in the LeRobot home.")
]
DatasetsArgument = Annotated[
    list[str], typer.Argument(metavar="DATASET", help="Folders, or user/name in the LeRobot home.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done and change nothing.")]


@dataclass(frozen=True)
class Machines:
    """Other machines that jobs run on, if options name any."""

    dask: Annotated[
        str | None,
        _of_machines(
            metavar="ADDRESS",
            help="Run the jobs on the workers of this Dask scheduler, such as tcp://node17:8786; see docs/cluster.md.",
        ),
    ] = None
    dask_scheduler_file: Annotated[
        Path | None, _of_machines(metavar="FILE", help="The same, with the file that the scheduler has written.")
    ] = None

    def cluster(self, jobs: int | None, output: Output) -> DaskCluster | None:
        """Return the cluster that is named, if one is; ``jobs`` is what ``--jobs`` says."""
        if self.dask is not None and self.dask_scheduler_file is not None:
            raise UsageError("--dask and --dask-scheduler-file both name a cluster", hint="give one of them")
        scheduler = self.dask_scheduler_file if self.dask is None else self.dask
        if scheduler is None:
            return None
        if jobs is not None:
            raise UsageError(
                "--jobs is for this machine", hint="a cluster runs as many jobs as its workers have threads"
            )
        from lerotool.execution import DaskCluster

        return DaskCluster(scheduler, tell=output.warn)

    def place(self, jobs: int | None, output: Output) -> Place | None:
        """Return where jobs run if an option says so; raises like `cluster`."""
        from lerotool.choices import Priority
        from lerotool.execution import ThisMachine

        cluster = self.cluster(jobs, output)
        return cluster or (None if jobs is None else ThisMachine(jobs, Priority.NORMAL))
