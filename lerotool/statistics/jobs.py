"""What a job of measuring needs to open its dataset, wherever it runs."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from lerotool.dataset.dataset import Dataset


def address(dataset: Dataset) -> tuple[Path, str]:
    """Return what a job needs to open a dataset wherever it runs: the absolute path and the fingerprint."""
    root = Path(os.path.abspath(dataset.root))  # noqa: PTH100 - links must stay as they are
    return root, dataset.fingerprint()


@functools.lru_cache(maxsize=1)
def opened(root: Path, state: str) -> Dataset:
    """Return a dataset, opened once for all jobs of a process; ``state`` is its fingerprint."""
    del state
    return Dataset.open(root)
