"""What still waits at the end of a session is encoded; any further wish to leave stops that."""

from __future__ import annotations

import threading

from lerotool.errors import LerotoolError
from lerotool.recording.batch import BatchEncoder
from lerotool.recording.clock import Clock
from lerotool.recording.controls import Controls
from lerotool.recording.schedule import NANOSECONDS

_POLL_NS = NANOSECONDS // 20


class EncodingRest:
    """Runs the encoder to its end.

    Attributes:
        failure: why not all could be encoded, or None.
    """

    def __init__(self, encoder: BatchEncoder) -> None:
        self._encoder = encoder
        self._thread = threading.Thread(target=self._finish, name="encoding the rest", daemon=True)
        self.failure: LerotoolError | OSError | None = None

    def run(self, clock: Clock, controls: Controls) -> None:
        """Return when all is encoded, or when somebody wished to leave once more."""
        wishes = controls.wishes_to_leave
        self._thread.start()
        while self._thread.is_alive():
            clock.sleep_until(clock.monotonic_ns() + _POLL_NS)
            if controls.wishes_to_leave > wishes:
                self._encoder.stop()
                self._thread.join()

    def _finish(self) -> None:
        try:
            self._encoder.finish()
        except (LerotoolError, OSError) as error:
            self.failure = error
