"""What goes wrong on an emulated bus: by chance, or on order; counted exactly."""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from lerotool.errors import UsageError


class Fault(StrEnum):
    """What can happen to one reply."""

    LOST = "lost"  # never sent
    LATE = "late"  # sent ``late_s`` later than the others
    CUT = "cut"  # only its beginning is sent
    CORRUPT = "corrupt"  # one byte is another


@dataclass(slots=True)
class FaultSettings:
    """How the line is, and how often something happens; probabilities are per reply and exclude each other."""

    lost: float = 0.0  # probability
    late: float = 0.0  # probability
    cut: float = 0.0  # probability
    corrupt: float = 0.0  # probability
    late_s: float = 0.06  # how much later a late reply comes
    stall: float = 0.0  # probability per answer that all of it and all that follows is held back by ``stall_s``
    stall_s: float = 0.07  # for how long
    usb_s: float = 0.0  # fixed time before the first byte of an answer
    jitter_s: float = 0.0  # more of it, up to this
    wire: bool = False  # whether bytes take their time on the wire
    echo: bool = False  # whether the adapter sends back what it is sent
    check_baud: bool = True  # whether servos with another baud rate than the port's are deaf

    def change(self, values: dict[str, Any]) -> None:
        """Set some of them."""
        names = [field.name for field in fields(self)]
        for name, value in values.items():
            if name not in names:
                raise UsageError(f"unknown fault setting {name!r}", hint=f"settings: {', '.join(names)}")
            setattr(self, name, value)


class Faults:
    """Decides what happens to each reply and counts it, per fault and id."""

    def __init__(self, seed: int) -> None:
        self.settings = FaultSettings()
        self.counts: dict[Fault, Counter[int]] = {fault: Counter() for fault in Fault}
        self.stalls = 0
        self._random = random.Random(seed)
        self._ordered: defaultdict[int | None, deque[Fault]] = defaultdict(deque)
        self._ordered_stalls: deque[float] = deque()

    def order(self, fault: Fault, servo: int | None, count: int) -> None:
        """Let the next replies of a servo, or of any, go wrong."""
        self._ordered[servo].extend([fault] * count)

    def order_stall(self, seconds: float, count: int) -> None:
        """Let the next answers be held back."""
        self._ordered_stalls.extend([seconds] * count)

    def choose(self, servo: int) -> Fault | None:
        """Return what happens to a reply, and count it."""
        fault = self._next_ordered(servo) or self._draw()
        if fault is not None:
            self.counts[fault][servo] += 1
        return fault

    def choose_delay(self) -> float:
        """Return by how many seconds an answer and all that follows is held back."""
        settings = self.settings
        delay = settings.usb_s
        if settings.jitter_s:
            delay += self._random.random() * settings.jitter_s
        if self._ordered_stalls:
            self.stalls += 1
            return delay + self._ordered_stalls.popleft()
        if settings.stall and self._random.random() < settings.stall:
            self.stalls += 1
            delay += settings.stall_s
        return delay

    def cut(self, reply: bytes) -> bytes:
        """Return the beginning of a reply."""
        return reply[: self._random.randrange(1, len(reply))]

    def corrupt(self, reply: bytes) -> bytes:
        """Return a reply with one byte changed."""
        place = self._random.randrange(len(reply))
        changed = bytes((reply[place] ^ self._random.randrange(1, 256),))
        return reply[:place] + changed + reply[place + 1 :]

    def _next_ordered(self, servo: int) -> Fault | None:
        for queue in (self._ordered.get(servo), self._ordered.get(None)):
            if queue:
                return queue.popleft()
        return None

    def _draw(self) -> Fault | None:
        settings = self.settings
        chances = (settings.lost, settings.late, settings.cut, settings.corrupt)
        if not any(chances):
            return None
        return self._pick(chances)

    def _pick(self, chances: Sequence[float]) -> Fault | None:
        drawn = self._random.random()
        for fault, chance in zip((Fault.LOST, Fault.LATE, Fault.CUT, Fault.CORRUPT), chances, strict=True):
            if drawn < chance:
                return fault
            drawn -= chance
        return None
