"""Looking after a cluster's workers while jobs wait for them: it is said when none is left, and not waited for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from lerotool.execution.places import WorkersLostError

_LOOK_S = 1.0


class WorkerWatch:
    """A thread that counts the workers now and then; `close` ends it.

    ``count`` returns 1 when nobody needs any workers, and raises OSError while their number is unknown. ``tell`` is
    called once each time that there are none, ``give_up`` with the error after ``patience_s`` without any.
    """

    def __init__(
        self,
        scheduler: str,
        count: Callable[[], int],
        patience_s: float,
        tell: Callable[[str], None],
        give_up: Callable[[WorkersLostError], None],
    ) -> None:
        self._scheduler = scheduler
        self._count = count
        self._patience_s = patience_s
        self._tell = tell
        self._give_up = give_up
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="worker-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the watch."""
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        gone_since: float | None = None
        while not self._is_over.wait(_LOOK_S):
            try:
                workers = self._count()
            except OSError:
                continue  # the jobs themselves report a scheduler that has gone
            now = time.monotonic()
            if workers:
                gone_since = None
            elif gone_since is None:
                gone_since = now
                self._tell(f"no worker is left at {self._scheduler}; waiting up to {_span(self._patience_s)} for one")
            elif now - gone_since > self._patience_s:
                gone_since = None
                self._give_up(self._error())

    def _error(self) -> WorkersLostError:
        return WorkersLostError(
            f"all workers of {self._scheduler} have gone, and none has come for {_span(self._patience_s)}",
            hint="start workers and run the same command again",
        )


def _span(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
