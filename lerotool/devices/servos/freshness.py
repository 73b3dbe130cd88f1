"""Which answer belongs to which request: status packets carry no number, so their length has to tell.

A host, hub or driver that stalls delivers an answer after its time. To the next request for the same register it would
look like the answer, and every later reading would be one request old. So nobody is asked for a number of bytes that a
request of the last second asked of the same servo in vain: what comes late has the wrong length. While all is well
nothing more than needed is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

MEMORY_NS = 1_000_000_000
"""An answer is not expected to come later than this."""
LENGTHS = 32


@dataclass(slots=True)
class _OpenRequest:
    asked_ns: int
    extra: int
    servos: set[int]


class AnswerLengths:
    """How many bytes more than needed to ask for, so that no two answers that may come look alike."""

    def __init__(self) -> None:
        self._open: list[_OpenRequest] = []
        self._heard_ns = 0

    def choose(self, servos: Collection[int], now: int) -> int | None:
        """Return the number of extra bytes to ask for, and remember the request.

        None if an answer of any length could be a late one: then nothing may be asked.

        Args:
            servos: who is to be asked.
            now: monotonic time in ns.
        """
        if not self._open:
            extra: int | None = 0
        else:
            self._open = [request for request in self._open if now - request.asked_ns <= MEMORY_NS]
            extra = self._find_free(servos)
            if extra is None:
                # Bytes come in order: what was asked before an answered request has come or never will.
                self._open = [request for request in self._open if request.asked_ns >= self._heard_ns]
                extra = self._find_free(servos)
        if extra is not None:
            self._open.append(_OpenRequest(now, extra, set(servos)))
        return extra

    def hear(self, servos: Iterable[int]) -> None:
        """Note who has answered to the last request."""
        request = self._open[-1]
        self._heard_ns = request.asked_ns
        request.servos.difference_update(servos)
        if not request.servos:
            self._open.pop()

    def _find_free(self, servos: Collection[int]) -> int | None:
        taken = {request.extra for request in self._open if not request.servos.isdisjoint(servos)}
        return next((extra for extra in range(LENGTHS) if extra not in taken), None)
