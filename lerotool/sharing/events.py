"""What push and pull tell while they work; the Hub's client has no bars and log lines of its own meanwhile."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_WAIT = re.compile(r"(?:Waiting|Retrying in) ([\d.]+)s")


@dataclass(frozen=True, slots=True)
class Begun:
    """Files begin to be sent or fetched: how much of it there is."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Advanced:
    """Some of it is done."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What is being done now, in words."""

    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The Hub asks to wait, or did not answer and is asked again."""

    reason: str  # why, in words
    seconds: float  # how long


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that is good to know."""

    text: str


Event = Begun | Advanced | Step | Waiting | Noted
Listener = Callable[[Event], None]


def ignore_event(event: Event) -> None:
    """Listen to nothing."""
    del event


class _ToListener(logging.Handler):
    def __init__(self, listen: Listener) -> None:
        super().__init__(logging.WARNING)
        self._listen = listen

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if found := _WAIT.search(text):
            reason = "rate limit" if "Rate limited" in text else "no answer or trouble there"
            self._listen(Waiting(reason, float(found[1])))


@contextmanager
def quiet_client(listen: Listener) -> Iterator[None]:
    """Keep the client quiet for the time of a block."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    logger = logging.getLogger("huggingface_hub")
    handlers, was_quiet = logger.handlers[:], are_progress_bars_disabled()
    logger.handlers[:] = [_ToListener(listen)]
    if not was_quiet:
        disable_progress_bars()
    try:
        yield
    finally:
        logger.handlers[:] = handlers
        if not was_quiet:
            enable_progress_bars()
