"""What puts lerotool to the test and is not installed with it: faults at every call, fuzzing, soak, a Hub."""

from __future__ import annotations

import os
import sys


def environment() -> dict[str, str]:
    """Return the environment for a child that finds the harness, and this lerotool and no other."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
