"""Where the files of a dataset are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from lerotool.choices import Priority
from lerotool.execution import DaskCluster, Place, ThisMachine, cores, open_executor
from lerotool.storage import scratch_folder, tree_bytes

_WORTH_WORKERS = 64 << 20


@contextmanager
def workers(root: Path, place: Place | None) -> Iterator[Executor | None]:
    """Open workers for a dataset of some size, or where a place is asked for; None is this process."""
    if not root.is_dir() or (place is None and (cores() == 1 or tree_bytes(root) < _WORTH_WORKERS)):
        yield None
        return
    # The workers of a cluster must reach the dataset, and show it by writing beside it.
    beside = root.absolute().parent if isinstance(place, DaskCluster) else None
    place = place or ThisMachine(priority=Priority.NORMAL)
    with scratch_folder(".lerotool-check-", beside) as shared, open_executor(place, shared) as executor:
        yield executor
