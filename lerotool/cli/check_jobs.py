"""Where the files of a dataset are looked at, and how far that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lerotool.cli.output import Output

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from lerotool.execution import Place

_WORTH_WORKERS = 64 << 20


@contextmanager
def workers(dataset: str, place: Place | None) -> Iterator[Executor | None]:
    """Open workers for a dataset of some size, or where a place is asked for."""
    import tempfile

    from lerotool.execution import DaskCluster, Priority, ThisMachine, cores, open_executor
    from lerotool.storage import tree_bytes
    from lerotool.workspace import dataset_root

    root = dataset_root(dataset)
    if not root.is_dir() or (place is None and (cores() == 1 or tree_bytes(root) < _WORTH_WORKERS)):
        yield None
        return
    # The workers of a cluster must reach the dataset, and show it by writing beside it.
    beside = root.absolute().parent if isinstance(place, DaskCluster) else None
    place = place or ThisMachine(priority=Priority.NORMAL)
    with (
        tempfile.TemporaryDirectory(prefix=".lerotool-", dir=beside) as shared,
        open_executor(place, Path(shared)) as executor,
    ):
        yield executor


@contextmanager
def progress(output: Output) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal while files are looked at."""
    if not output.shows_progress:
        from lerotool.checking.jobs import ignore_progress

        yield ignore_progress
        return
    from rich.progress import Progress

    with Progress(console=output.talk, transient=True) as bars:
        bar = bars.add_task("checking", total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)
