"""What time something took, by the wall's clock and by the processor's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


def wall_s(work: Callable[[], object]) -> float:
    """Do something and return the seconds that it took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def children_cpu_s() -> float:
    """Return the CPU seconds of this process's children that have ended, and of theirs; always 0 on Windows."""
    times = os.times()
    return times.children_user + times.children_system


def cpu_s() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + children_cpu_s()
