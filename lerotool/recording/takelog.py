"""What the loop notes of one take, in memory laid out beforehand: noting costs no allocation, reading no lock.

The recording's thread writes, others may read at any time: only the first ``rows`` entries count, and they stay.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def _zeros(count: int) -> array[int]:
    return array("q", bytes(8 * count))


class CameraLog:
    """Which picture each row has, and how old it was.

    Attributes:
        alarms: how often the age rose above the limit.
        is_stale: whether it is above the limit now.
    """

    __slots__ = ("_ages_ns", "_numbers", "alarms", "is_frozen", "is_stale", "late_rows")

    def __init__(self, ticks: int) -> None:
        self._numbers = _zeros(ticks)
        self._ages_ns = _zeros(ticks)
        self.alarms = 0
        self.late_rows = 0
        self.is_stale = False
        self.is_frozen = False

    def note(self, row: int, number: int, age_ns: int) -> None:
        """Note the picture of a row."""
        self._numbers[row] = number
        self._ages_ns[row] = age_ns

    def numbers(self, rows: int) -> NDArray[np.int64]:
        """Return the picture numbers of the first rows."""
        return np.frombuffer(self._numbers, np.int64, rows) if rows else np.empty(0, np.int64)

    def ages_ns(self, rows: int) -> NDArray[np.int64]:
        """Return the ages of the first rows' pictures, in nanoseconds."""
        return np.frombuffer(self._ages_ns, np.int64, rows) if rows else np.empty(0, np.int64)


class TakeLog:
    """What happened in a take.

    Attributes:
        missed: ticks whose whole period had passed before their turn came; they have no row.
        stale_rows: rows with at least one joint of the state not fresh.
        stale_actions: rows whose action has at least one joint of the leader not fresh.
        cameras: by camera key.
    """

    __slots__ = ("_lateness_ns", "_started_ns", "alarms", "cameras", "missed", "rows", "stale_actions", "stale_rows")

    def __init__(self, ticks: int, cameras: Sequence[str]) -> None:
        self._lateness_ns = _zeros(ticks)
        self._started_ns = _zeros(ticks)
        self.cameras = {key: CameraLog(ticks) for key in cameras}
        self.rows = 0
        self.missed = 0
        self.stale_rows = 0
        self.stale_actions = 0
        self.alarms: set[str] = set()

    def note_row(self, due_ns: int, started_ns: int) -> None:
        """Note that a row has been written, for a tick that was due and began at these times."""
        self._lateness_ns[self.rows] = started_ns - due_ns
        self._started_ns[self.rows] = started_ns
        self.rows += 1

    @property
    def lateness_ns(self) -> NDArray[np.int64]:
        """How late each row's tick began, in nanoseconds, shape (rows,)."""
        return np.frombuffer(self._lateness_ns, np.int64, self.rows) if self.rows else np.empty(0, np.int64)

    @property
    def started_ns(self) -> NDArray[np.int64]:
        """When each row's tick began, on the monotonic clock, shape (rows,)."""
        return np.frombuffer(self._started_ns, np.int64, self.rows) if self.rows else np.empty(0, np.int64)
