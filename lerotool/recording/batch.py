"""What recording needs of whoever encodes saved episodes beside it; the command line brings it."""

from __future__ import annotations

from typing import Protocol


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
        """Encode all that waits and pack the dataset; returns when that is done, or after ``stop``.

        Raises:
            LerotoolError: something could not be encoded; it is still waiting on disk.
        """

    def stop(self) -> None:
        """Stop at once, from any thread; unfinished work is redone by the next encoding."""
