"""When a robot moves: away from where it stood at the first row, and from where it stands at the last."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
STILL = 0.01
"""Share of a joint's range over the dataset that counts as motion."""


def moving_span(values: Mapping[str, Floats], limits: Mapping[str, Floats]) -> tuple[int, int]:
    """Return the last row before anything moves, and the row after the first one in which all have come to rest.

    `values`: rows of one episode by feature, (n, d) each. `limits`: by feature, (d,), how far from the first or the
    last row is motion. Returns (0, n) where nothing moves at all: there is nothing to go by.
    """
    length = max((len(rows) for rows in values.values()), default=0)
    begin, end = length, 0
    for name, rows in values.items():
        away_from_first = np.flatnonzero((np.abs(rows - rows[0]) > limits[name]).any(axis=1))
        away_from_last = np.flatnonzero((np.abs(rows - rows[-1]) > limits[name]).any(axis=1))
        if len(away_from_first) and len(away_from_last):
            begin = min(begin, int(away_from_first[0]) - 1)
            end = max(end, int(away_from_last[-1]) + 2)
    return (begin, end) if begin < end else (0, length)
