"""Files are looked at in batches, here or behind an executor, with results in the order of the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import TypeVar

_J = TypeVar("_J")
_R = TypeVar("_R")
_BATCHES = 64
_MOST_A_BATCH = 64

Progress = Callable[[int, int], None]
"""Told how many files of how many have been looked at."""


def ignore_progress(done: int, total: int) -> None:
    """Do nothing."""


def run_batches(
    function: Callable[[Sequence[_J]], list[_R]], jobs: Sequence[_J], executor: Executor | None
) -> Iterator[_R]:
    """Yield the result of every job, in their order.

    Args:
        function: a module-level function that does several jobs.
        jobs: values that can be pickled.
        executor: where they run; None is this process, one after another.

    Raises:
        Exception: what a job raised; those that have not begun are cancelled.
    """
    if executor is None:
        for job in jobs:
            yield from function([job])
        return
    size = max(1, min(_MOST_A_BATCH, len(jobs) // _BATCHES))
    futures = [executor.submit(function, jobs[first : first + size]) for first in range(0, len(jobs), size)]
    try:
        for future in futures:
            yield from future.result()
    finally:
        for future in futures:
            future.cancel()
