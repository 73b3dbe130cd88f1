"""How long a test waits for what must come.

A deadline is for what never moves, not for a machine that others keep busy: it may be long, because a sound run never
reaches it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 300.0


def wait_for(is_true: Callable[[], object], what: str = "what was waited for") -> None:
    """Wait until something is so; fail when it never is."""
    give_up = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < give_up, f"{what} did not come within {PATIENCE_S:g} s"
        time.sleep(0.005)
