"""Encoding beside a session: what recording needs of whoever the command line lets do it, and the wait at the end."""

from __future__ import annotations

import threading
from typing import Protocol

from lerotool.errors import LerotoolError
from lerotool.recording.controls import Controls
from lerotool.recording.pacing import NANOSECONDS, Clock

_LOOK_NS = NANOSECONDS // 20


class EncoderStatus(Protocol):
    """How far encoding is."""

    @property
    def is_busy(self) -> bool:
        """Whether something is being encoded now."""

    @property
    def waiting(self) -> int:
        """Episodes that were handed over and are not in the dataset yet."""

    @property
    def done(self) -> int:
        """Episodes that this session has brought into the dataset."""

    @property
    def fraction(self) -> float:
        """Of what is being encoded now, 0 to 1."""

    @property
    def left_s(self) -> float | None:
        """Seconds until that is done, None if nobody can tell."""

    @property
    def frames_per_s(self) -> float:
        """Of all encoders together."""

    @property
    def problem(self) -> str | None:
        """What went wrong, if something did; the episodes are then still waiting on disk."""


class BatchEncoder(Protocol):
    """Encodes saved episodes in processes of its own. Its methods are called by one thread, ``status`` by any."""

    def notify(self, saved_count: int) -> None:
        """Say that so many saved episodes wait now; returns at once and starts to encode all of them."""

    def status(self) -> EncoderStatus:
        """Return how far it is; never waits."""

    def finish(self) -> None:
        """Encode all that waits and pack the dataset; returns when that is done, or after ``stop``."""

    def stop(self) -> None:
        """Stop at once, from any thread; unfinished work is redone by the next encoding."""


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
            clock.sleep_until(clock.monotonic_ns() + _LOOK_NS)
            if controls.wishes_to_leave > wishes:
                self._encoder.stop()
                self._thread.join()

    def _finish(self) -> None:
        try:
            self._encoder.finish()
        except (LerotoolError, OSError) as error:
            self.failure = error
