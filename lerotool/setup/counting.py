"""How reliably motors answer: each is asked many times, one by one.

An answer that comes too late is told from one that never comes. The bus counts late ones as it drops them, at the next
request, but not whose they are: they are taken for answers to the oldest questions that were met with silence. So the
sums are right, and where single answers are lost and others late at once, whose they are may be wrong.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Sequence

from lerotool.devices.servos.bus import ServoBus
from lerotool.setup.facts import Replies
from lerotool.setup.listening import Progress

CHUNK = 10
LATEST_S = 0.15
"""No answer is waited for longer than this."""


def count_replies(bus: ServoBus, motors: Sequence[int], reads: int, progress: Progress) -> dict[int, Replies]:
    """Ask each motor so many times and return how it answered, by id.

    Raises:
        DeviceLostError: the port has gone.
    """
    count = _Count(bus)
    for done in range(reads):
        if done % CHUNK == 0:
            progress("counting answers", done / reads)
        # One by one: a common request leaves out those that have been silent for a while.
        for motor in motors:
            count.ask(motor)
    count.wait_for_late()
    return {motor: count.replies(motor, reads) for motor in motors}


class _Count:
    """What has become of all questions so far."""

    def __init__(self, bus: ServoBus) -> None:
        self._bus = bus
        self._late_seen = bus.statistics.refused_late
        self._answered: Counter[int] = Counter()
        self._damaged: Counter[int] = Counter()
        self._late: Counter[int] = Counter()
        self._silent: deque[int] = deque()

    def ask(self, motor: int) -> None:
        damaged = self._damaged_so_far(motor)
        pong = self._bus.ping(motor)
        self._notice_late()
        if pong is not None:
            self._answered[motor] += 1
        elif self._damaged_so_far(motor) > damaged:
            self._damaged[motor] += 1
        else:
            self._silent.append(motor)

    def wait_for_late(self) -> None:
        if self._silent:
            time.sleep(LATEST_S)
            self._bus.ping(self._silent[-1])
            self._notice_late()

    def replies(self, motor: int, asked: int) -> Replies:
        return Replies(asked, self._answered[motor], self._damaged[motor], self._silent.count(motor), self._late[motor])

    def _notice_late(self) -> None:
        late = self._bus.statistics.refused_late
        for _ in range(min(late - self._late_seen, len(self._silent))):
            self._late[self._silent.popleft()] += 1
        self._late_seen = late

    def _damaged_so_far(self, motor: int) -> int:
        counts = self._bus.statistics.servos.get(motor)
        return 0 if counts is None else counts.damaged
