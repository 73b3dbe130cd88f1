"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
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


_of_output = in_panel("Output")
_of_machines = in_panel("Many machines")
DatasetArgument = Annotated[
    str, typer.Argument(metavar="DATASET", help="A dataset's folder, or user/name in the LeRobot home.")
]
DatasetsArgument = Annotated[
    list[str], typer.Argument(metavar="DATASET", help="Folders, or user/name in the LeRobot home.")
]
JsonOption = Annotated[bool, _of_output("--json", help="Print JSON on stdout, for machines.")]
QuietOption = Annotated[bool, _of_output("--quiet", "-q", help="Only the result, warnings and errors.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done and change nothing.")]
DaskOption = Annotated[
    str | None,
    _of_machines(
        "--dask",
        metavar="ADDRESS",
        help="Run the jobs on the workers of this Dask scheduler, such as tcp://node17:8786; see docs/cluster.md.",
    ),
]
DaskFileOption = Annotated[
    Path | None,
    _of_machines(
        "--dask-scheduler-file", metavar="FILE", help="The same, with the file that the scheduler has written."
    ),
]


def dask_cluster(
    address: str | None, scheduler_file: Path | None, jobs: int | None, output: Output
) -> DaskCluster | None:
    """Return the cluster that ``--dask`` or ``--dask-scheduler-file`` names, if one does."""
    if address is not None and scheduler_file is not None:
        raise UsageError("--dask and --dask-scheduler-file both name a cluster", hint="give one of them")
    scheduler = address if scheduler_file is None else scheduler_file
    if scheduler is None:
        return None
    if jobs is not None:
        raise UsageError("--jobs is for this machine", hint="a cluster runs as many jobs as its workers have threads")
    from lerotool.execution import DaskCluster

    return DaskCluster(scheduler, tell=output.warn)


def chosen_place(address: str | None, scheduler_file: Path | None, jobs: int | None, output: Output) -> Place | None:
    """Return where jobs run if an option says so; raises like `dask_cluster`."""
    from lerotool.choices import Priority
    from lerotool.execution import ThisMachine

    cluster = dask_cluster(address, scheduler_file, jobs, output)
    return cluster or (None if jobs is None else ThisMachine(jobs, Priority.NORMAL))
