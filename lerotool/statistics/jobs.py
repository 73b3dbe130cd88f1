"""Jobs of measuring: run here or behind an executor, a bounded number at a time, results as they come."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from pathlib import Path
from typing import TypeVar

from lerotool.dataset.dataset import Dataset

_J = TypeVar("_J")
_R = TypeVar("_R")
_AHEAD = 16
"""Jobs that wait in the executor at a time: results are taken before many more are made."""

Progress = Callable[[int, int], None]
"""Told how many steps of how many are done."""


def ignore_progress(done: int, total: int) -> None:
    """Do nothing."""


def run_jobs(function: Callable[[_J], _R], jobs: Sequence[_J], executor: Executor | None) -> Iterator[tuple[_J, _R]]:
    """Yield every job with its result, in the order in which they finish.

    Args:
        function: a module-level function.
        jobs: values that can be pickled.
        executor: where they run; None is this process, one after another.

    Raises:
        Exception: what a job raised; jobs that have not begun are cancelled.
    """
    if executor is None:
        for job in jobs:
            yield job, function(job)
        return
    waiting = iter(jobs)
    running: dict[Future[_R], _J] = {}
    try:
        while True:
            for job in waiting:
                running[executor.submit(function, job)] = job
                if len(running) >= _AHEAD:
                    break
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    finally:
        for future in running:
            future.cancel()


def stamp(root: Path) -> str:
    """Return a fingerprint of what is measured: ``info.json``, the episodes and the data files, by size and time."""
    digest = hashlib.sha256((root / "meta" / "info.json").read_bytes())
    folders = (root / "data", root / "meta" / "episodes")
    files = [path for folder in folders for path in folder.glob("*/*.parquet")]
    files += [path for name in ("episodes.jsonl", "tasks.jsonl") if (path := root / "meta" / name).exists()]
    for path in sorted(files):
        status = path.stat()
        digest.update(f"{path.relative_to(root)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def address(dataset: Dataset) -> tuple[Path, str]:
    """Return what a job needs to open a dataset wherever it runs: the absolute path and the `stamp`."""
    root = Path(os.path.abspath(dataset.root))  # noqa: PTH100 - links must stay as they are
    return root, stamp(root)


@functools.lru_cache(maxsize=1)
def opened(root: Path, state: str) -> Dataset:
    """Return a dataset, opened once for all jobs of a process; ``state`` is its `stamp`."""
    del state
    return Dataset.open(root)
