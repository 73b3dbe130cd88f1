"""How much a process asks of the machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import Any

from lerotool.choices import Priority


def lower_priority(priority: Priority) -> None:
    """Lower the priority of this process as far as the system lets it; Windows sets it from outside."""
    if priority is Priority.NORMAL or sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        os.nice(10 if priority is Priority.LOW else 19)
    if priority is Priority.IDLE and sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def detached(priority: Priority) -> dict[str, Any]:
    """Return the ``subprocess.Popen`` options that keep the terminal's Ctrl-C away, with Windows' priority."""
    if sys.platform == "win32":
        classes = {
            Priority.NORMAL: 0,
            Priority.LOW: subprocess.BELOW_NORMAL_PRIORITY_CLASS,
            Priority.IDLE: subprocess.IDLE_PRIORITY_CLASS,
        }
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | classes[priority]}
    return {"process_group": 0}


def cores() -> int:
    """Return how many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
