"""Numbers that tell whether two episodes have the same values, gathered from batches of rows."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

Marks = npt.NDArray[np.uint64]
_ODD = np.uint64(0x9E3779B97F4A7C15)


class Fingerprints:
    """A fingerprint of each run of rows, over as many columns as are added.

    `starts`: first row of each run, int64, (runs,).
    """

    def __init__(self, starts: npt.NDArray[np.int64], rows: int) -> None:
        self._starts = starts
        self._rows = rows
        self.marks: Marks = np.zeros(len(starts), np.uint64)

    def add(self, name: str, first: int, values: npt.NDArray[Any]) -> None:
        """Add values, (n, ...), of a column: those of the rows from ``first`` on."""
        if not len(values) or not len(self._starts):
            return
        with np.errstate(invalid="ignore", over="ignore"):
            numbers = np.ascontiguousarray(values.reshape(len(values), -1).astype(np.float64)).view(np.uint64)
            seed = np.uint64(zlib.crc32(name.encode()) | 1)
            weights = _mixed(np.arange(1, numbers.shape[1] + 1, dtype=np.uint64) * seed)
            rows = _mixed((_mixed(numbers) * (weights | np.uint64(1))).sum(axis=1, dtype=np.uint64))
            run = np.searchsorted(self._starts, np.arange(first, first + len(values)), side="right") - 1
            within = (np.arange(first, first + len(values)) - self._starts[run] + 1).astype(np.uint64)
            rows = _mixed(rows + within * _ODD)
            cuts = np.flatnonzero(np.concatenate([[True], run[1:] != run[:-1]]))
            self.marks[run[cuts]] += np.add.reduceat(rows, cuts)


def _mixed(values: Marks) -> Marks:
    """Spread every bit over the whole number (the finalizer of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
