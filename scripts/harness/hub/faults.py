"""What can go wrong at a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """A kind of fault."""

    ERROR_500 = "500"
    RATE_LIMIT = "429"
    CLOSED = "closed before the request was read"
    LOST_ANSWER = "done, and the answer lost"
    HALF_BODY = "half a body"


@dataclass
class Fault:
    """A fault, at one request or at all from one on.

    Attributes:
        trouble: what happens.
        at: number of the request, from 0.
        lasts: how many requests it hits.
        only: method and a part of the path, where not every request is meant.
        call: called when it happens: before the request is handled, or where the answer is lost, after that.
    """

    trouble: Trouble | None
    at: int = 0
    lasts: int = 1
    only: tuple[str, str] = ("", "")
    call: Callable[[], None] | None = None

    def hits(self, number: int) -> bool:
        """Return whether it happens to a request."""
        return self.at <= number < self.at + self.lasts
