"""Which answer belongs to which request: status packets carry no number, so their length has to tell.

A host, hub or driver that stalls delivers an answer after its time. To the next request for the same register it would
look like the answer, and every later reading would be one request old. So no request asks for a number of bytes that an
unanswered one of the last second asked for: what comes late has the wrong length. While all is well nothing more than
needed is asked for.
"""

from __future__ import annotations

MEMORY_NS = 1_000_000_000
"""An answer is not expected to come later than this."""
LENGTHS = 32


class AnswerLengths:
    """How many bytes more than needed to ask for, so that no two open requests look alike."""

    def __init__(self) -> None:
        self._open_since = [0] * LENGTHS
        self._heard_ns = 0

    def choose(self, now: int) -> int | None:
        """Return the number of extra bytes to ask for.

        None if an answer to any number could be a late one: then nothing may be asked.

        Args:
            now: monotonic time in ns.
        """
        open_since = self._open_since
        for extra, since in enumerate(open_since):
            if not since or now - since > MEMORY_NS:
                open_since[extra] = now
                return extra
        oldest = min(range(LENGTHS), key=open_since.__getitem__)
        if self._heard_ns <= open_since[oldest]:
            return None
        # Bytes come in order: what was asked before the last request that was answered has come, or never will.
        open_since[oldest] = now
        return oldest

    def hear(self, extra: int, *, is_complete: bool) -> None:
        """Note that a request was answered, by all that were asked or by some."""
        self._heard_ns = self._open_since[extra]
        if is_complete:
            self._open_since[extra] = 0
