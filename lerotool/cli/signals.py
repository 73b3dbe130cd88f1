"""Ctrl-C and its kind, while a command does what must come to a good end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""The exit code of a command that a signal has ended."""
SIGNALS = [number for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if (number := getattr(signal, name, None))]


@contextmanager
def caught(request: Callable[[], object], *signals: signal.Signals) -> Iterator[None]:
    """Call a function at each of some signals, all that end a command if none is named, instead of ending."""
    previous = {number: signal.signal(number, lambda *_: request()) for number in signals or SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
