"""The pseudo-terminal that stands for the serial port of an adapter, and what goes wrong behind it. POSIX only."""

from __future__ import annotations

import os
import random
import struct
import sys
from collections import Counter, defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from lerotool.errors import UsageError

if sys.platform != "win32":
    import fcntl
    import termios
    import tty

_TCGETS2 = 0x802C542A
"""Linux: tells speeds that have no constant of their own."""
_SPEED_OFFSET = 40


class Line:
    """Both ends of a port that can be unplugged and plugged in again; ``link`` keeps its name meanwhile."""

    def __init__(self, link: Path | None) -> None:
        self.link = link
        self._master = self._slave = -1
        self._name = ""
        self.plug_in()

    @property
    def is_plugged_in(self) -> bool:
        """Whether the port exists."""
        return self._master >= 0

    def plug_in(self) -> None:
        """Make the port; it must not exist."""
        if sys.platform != "win32":
            self._master, self._slave = os.openpty()
            tty.setraw(self._slave)  # nothing is echoed or translated
            os.set_blocking(self._master, False)
            self._name = os.ttyname(self._slave)
        else:
            raise UsageError("pseudo-terminals are needed, which Windows does not have", hint="use Linux or macOS")
        if self.link is not None:
            if self.link.is_symlink():
                self.link.unlink()
            self.link.symlink_to(self._name)

    def unplug(self) -> None:
        """Take the port away under whoever has it open."""
        if self.link is not None:
            self.link.unlink(missing_ok=True)
        for end in (self._master, self._slave):
            if end >= 0:
                os.close(end)
        self._master = self._slave = -1

    @property
    def path(self) -> str:
        """What to open."""
        return str(self.link) if self.link is not None else self._name

    def fileno(self) -> int:
        """Return the descriptor to wait at."""
        return self._master

    def read(self) -> bytes:
        """Return what was sent to the servos."""
        with suppress(BlockingIOError):
            return os.read(self._master, 4096)
        return b""

    def write(self, data: bytes) -> None:
        """Send to whoever has the port open; what its full buffer does not take is lost."""
        with suppress(BlockingIOError):
            while data:
                data = data[os.write(self._master, data) :]

    def baudrate(self) -> int:
        """Return the speed that the port was set to."""
        answer = bytearray(64)
        if sys.platform != "win32":
            try:
                fcntl.ioctl(self._slave, _TCGETS2, answer, True)
            except OSError:  # not Linux: speeds are their own constants there
                return int(termios.tcgetattr(self._slave)[4])
        return int(struct.unpack_from("I", answer, _SPEED_OFFSET)[0])


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
        chances = {fault: getattr(self.settings, fault) for fault in Fault}
        if not any(chances.values()):
            return None
        drawn = self._random.random()
        for fault, chance in chances.items():
            if drawn < chance:
                return fault
            drawn -= chance
        return None
