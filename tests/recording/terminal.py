"""A child process on a pseudo-terminal of its own."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.patience import PATIENCE_S

if sys.platform != "win32":
    import pty
    import termios


class Terminal:
    """Runs a command as the foreground process of a new terminal."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40", **(environment or {})}
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
        end = time.monotonic() + PATIENCE_S
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
        end = time.monotonic() + PATIENCE_S
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
        end = time.monotonic() + PATIENCE_S
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


class Tmux:
    """Runs a command in a tmux of its own, which shows what a person would see."""

    def __init__(self, command: Sequence[str], folder: Path, size: tuple[int, int]) -> None:
        self._tmux = ["tmux", "-S", str(folder / "tmux.sock"), "-f", "/dev/null"]
        self._command = ["new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), shlex.join(command)]

    def _run(self, *arguments: str) -> str:
        # These would hide the terminal's true size.
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        done = subprocess.run(
            [*self._tmux, *arguments], env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE_S
        )
        return done.stdout

    def __enter__(self) -> Self:
        self._run(*self._command)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run("kill-server")

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def lines(self) -> list[str]:
        """Return what is on the screen."""
        return self._run("capture-pane", "-p").splitlines()

    def wait_for(self, condition: Callable[[list[str]], bool]) -> None:
        """Wait until the screen is so."""
        end = time.monotonic() + PATIENCE_S
        while not condition(lines := self.lines()):
            assert time.monotonic() < end, lines
            time.sleep(0.05)

    def wait_for_repaints(self, count: int = 3) -> None:
        """Wait until the screen has changed some times."""
        for _ in range(count):
            before = self.lines()
            self.wait_for(lambda now, before=before: now != before)  # type: ignore[misc]
