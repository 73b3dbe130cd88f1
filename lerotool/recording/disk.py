"""How much disk a session needs, and how long what is free will last."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from lerotool.storage import free_bytes
from lerotool.wording import sized

ROW_BYTES = 1_000
"""A row of a pair of six-joint arms and its packets' index records, rounded up."""
RESERVE_BYTES = 256 * 1024**2
"""Left free: a full disk hurts everything else on the machine."""
WARN_BELOW_S = 300.0


@dataclass(frozen=True, slots=True)
class DiskNeed:
    """What recording writes.

    Attributes:
        bytes_per_second: while a take runs.
        take_bytes: of one take of full length.
        session_bytes: of all takes still to be recorded.
    """

    bytes_per_second: float
    take_bytes: int
    session_bytes: int


@dataclass(frozen=True, slots=True)
class DiskStatus:
    """What is free, and for how many seconds of recording that is enough (None: nothing is known to be written)."""

    free_bytes: int
    left_s: float | None


def estimate_need(picture_bytes_per_second: float, fps: float, episode_time_s: float, takes: int) -> DiskNeed:
    """Return what recording needs, from the measured data rate of all cameras together."""
    rate = picture_bytes_per_second + fps * ROW_BYTES
    take = round(rate * episode_time_s)
    return DiskNeed(rate, take, take * takes)


def measure_disk(root: Path, need: DiskNeed | None) -> DiskStatus:
    """Return what is free where the dataset lies, for how long."""
    free = free_bytes(root)
    if need is None or need.bytes_per_second <= 0:
        return DiskStatus(free, None)
    return DiskStatus(free, max(0.0, free - RESERVE_BYTES) / need.bytes_per_second)


def require_space(root: Path, need: DiskNeed) -> None:
    """Refuse to begin a take that cannot fit.

    Raises:
        OSError: ENOSPC, with the numbers.
    """
    free = free_bytes(root)
    if free < need.take_bytes + RESERVE_BYTES:
        raise OSError(
            errno.ENOSPC,
            f"{os.strerror(errno.ENOSPC)}: a take needs {sized(need.take_bytes)} and "
            f"{sized(RESERVE_BYTES)} must stay free, but only {sized(free)} are",
            str(root),
        )
