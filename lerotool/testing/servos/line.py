"""The pseudo-terminal that stands for the serial port of an adapter. POSIX only."""

from __future__ import annotations

import os
import struct
import sys
from contextlib import suppress
from pathlib import Path

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
