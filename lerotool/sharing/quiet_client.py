"""The Hub's client without bars and log lines of its own: what a person should know of them goes to the listener."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from lerotool.sharing.events import Listener, Waiting

_WAIT = re.compile(r"(?:Waiting|Retrying in) ([\d.]+)s")


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
