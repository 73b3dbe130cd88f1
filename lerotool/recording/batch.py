"""What recording needs of whoever encodes saved episodes beside it; the command line brings it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EncoderStatus:
    """How far encoding is.

    Attributes:
        is_busy: whether something is being encoded now.
        waiting: episodes that were handed over and are not in the dataset yet.
        done: episodes that this session has brought into the dataset.
        fraction: of what is being encoded now, 0 to 1.
        frames_per_s: of all encoders together.
        problem: what went wrong, if something did; the episodes are then still waiting on disk.
    """

    is_busy: bool = False
    waiting: int = 0
    done: int = 0
    fraction: float = 0.0
    frames_per_s: float = 0.0
    problem: str | None = None


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
