"""A child process on a pseudo-terminal of its own."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

if sys.platform != "win32":
    import pty
    import termios

GIVE_UP_S = 60.0


class Terminal:
    """Runs a command as the foreground process of a new terminal."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._environment = {**os.environ, **(environment or {}), "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
        self._command = list(command)
        self.text = ""
        self.pid = 0
        self._descriptor = -1
        self._status: int | None = None

    def __enter__(self) -> Self:
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(self._command[0], self._command, self._environment)
            finally:
                os._exit(127)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._descriptor)

    def read_until(self, expected: str) -> str:
        """Read until a text has appeared since the last call, and return everything up to it."""
        end = time.monotonic() + GIVE_UP_S
        while expected not in self.text:
            assert time.monotonic() < end, f"{expected!r} did not appear in {self.text!r}"
            assert self._read(), f"the child ended without {expected!r}: {self.text!r}"
        before, _, self.text = self.text.partition(expected)
        return before + expected

    def type(self, *chunks: bytes) -> None:
        """Press keys; the bytes of one chunk arrive together."""
        for chunk in chunks:
            os.write(self._descriptor, chunk)

    def wait(self) -> int:
        """Read to the end and return the exit code."""
        end = time.monotonic() + GIVE_UP_S
        while self._read():
            assert time.monotonic() < end, f"the child does not end: {self.text!r}"
        self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def restore_line_mode(self) -> None:
        """Do what a shell does with the terminal when its job is stopped."""
        mode = termios.tcgetattr(self._descriptor)
        mode[3] |= termios.ICANON | termios.ECHO
        termios.tcsetattr(self._descriptor, termios.TCSANOW, mode)

    def wait_for_key_mode(self) -> None:
        """Wait until the child has turned line editing off."""
        end = time.monotonic() + GIVE_UP_S
        while termios.tcgetattr(self._descriptor)[3] & termios.ICANON:
            assert time.monotonic() < end, "the child did not take the terminal again"
            select.select([], [], [], 0.005)

    def _read(self) -> bool:
        if not select.select([self._descriptor], [], [], 1.0)[0]:
            return True
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:
            return False
        self.text += data.decode(errors="replace")
        return bool(data)
