"""The person at the terminal: questions with a default and an option, whether Enter was pressed, how to go on later."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import typer

from lerotool.cli.output import Output
from lerotool.cli.running import INTERRUPTED
from lerotool.errors import UsageError


class Left(Exception):  # noqa: N818 - no error: the person has had enough
    """The person stops: ``q``, or the input has ended (Ctrl-D)."""


@dataclass(frozen=True)
class Person:
    """Who is asked, if anybody."""

    output: Output
    is_there: bool  # whether questions can be asked: a terminal, and neither ``--json`` nor ``--quiet``

    @classmethod
    def at(cls, output: Output) -> Person:
        """Return the person at the terminal."""
        reachable = sys.stdin is not None and sys.stdin.isatty() and output.shows_progress
        return cls(output, reachable)

    def text(self, question: str, default: str | None, option: str) -> str:
        """Ask for a text; Enter takes the default, and without one an answer is needed."""
        self.require(option)
        suffix = f" [{default}]" if default else ""
        while True:
            answer = self._read(f"{question}{suffix}: ") or default
            if answer:
                return answer

    def choose(self, question: str, choices: Sequence[str], default: str, option: str) -> str:
        """Ask for one of several words; the first letters are enough where they tell it."""
        self.require(option)
        while True:
            answer = self._read(f"{question} ({'/'.join(choices)}) [{default}]: ").lower() or default
            fitting = [choice for choice in choices if choice.lower().startswith(answer)]
            if answer in choices:
                return answer
            if len(fitting) == 1:
                return fitting[0]
            self.output.note(f"please answer {', '.join(choices[:-1])} or {choices[-1]}")

    def confirm(self, question: str, *, default: bool, option: str) -> bool:
        """Ask for yes or no."""
        self.require(option)
        while True:
            answer = self._read(f"{question} [{'Y/n' if default else 'y/N'}]: ").lower()
            if not answer:
                return default
            if answer in ("y", "yes", "n", "no"):
                return answer.startswith("y")
            self.output.note("please answer y or n; q stops")

    def wait(self, instruction: str, option: str, *, letters: str = "") -> str:
        """Say what to do, wait, and return one of some letters; for Enter and everything else an empty text."""
        self.require(option)
        answer = self._read(f"{instruction} ").lower()
        return answer if len(answer) == 1 and answer in letters else ""

    def require(self, option: str) -> None:
        """Make sure that somebody can be asked."""
        if not self.is_there:
            raise UsageError(
                f"this needs an answer and there is no terminal: give {option}",
                hint='or run it in a terminal, without "--json" and "--quiet"',
            )

    def _read(self, prompt: str) -> str:
        self.output.talk.print(prompt, end="", soft_wrap=True, style="bold")
        try:
            _wait_for_line()
            line = sys.stdin.readline()
        except OSError:
            line = ""  # the terminal has gone
        if not line:
            self.output.talk.print()
            raise Left
        answer = line.strip()
        if answer.lower() == "q":
            raise Left
        return answer


class Stopped(typer.Exit):
    """A command was left by the person, after it has said what is done."""

    def __init__(self) -> None:
        super().__init__(INTERRUPTED)


@contextmanager
def resumable(output: Output, command: str) -> Iterator[None]:
    """Turn Ctrl-C, Ctrl-D and ``q`` into a way out that says how to go on."""
    try:
        yield
    except (KeyboardInterrupt, Left):
        output.note(f"\nstopped; what was done is kept. Go on with: {command}")
        raise Stopped from None


@contextmanager
def watched(output: Output) -> Iterator[Callable[[str, float], None]]:
    """Show how far something is (called with what is done, and 0 to 1) on a terminal, and nothing afterwards."""
    if not output.shows_progress:
        yield lambda *_: None
        return
    from rich.status import Status

    with Status("", console=output.talk) as status:
        yield lambda text, fraction: status.update(f"{text}: {fraction:.0%}")


if sys.platform == "win32":
    import msvcrt

    def _wait_for_line() -> None:
        """Return at once: reading is ended by Ctrl-C here."""

    class EnterKey:
        """The Enter key while the context is entered."""

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def is_pressed(self) -> bool:
            """Whether Enter was pressed since the last call; never waits."""
            pressed = False
            while msvcrt.kbhit():
                character = msvcrt.getwch()
                if character in ("q", "Q", "\x1a"):
                    raise Left
                pressed = pressed or character in "\r\n"
            return pressed

else:
    import select
    import signal
    import socket
    import termios

    def _wait_for_line() -> None:
        """Wait until a line can be read, or a signal has come.

        Reading alone would miss a Ctrl-C that comes just before it: Python notes the signal, and the read waits on.
        """
        woken, wakes = socket.socketpair()
        with woken, wakes:
            wakes.setblocking(False)
            before = signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
            try:
                select.select([sys.stdin, woken], [], [])
            finally:
                signal.set_wakeup_fd(before)

    class EnterKey:
        """The Enter key while the context is entered.

        What is typed is not shown, as it would tear the table; it is still read by lines, so Ctrl-C and Ctrl-D are what
        they always are.
        """

        def __init__(self) -> None:
            self._descriptor = sys.stdin.fileno()
            self._saved: list[object] | None = None

        def __enter__(self) -> Self:
            self._saved = termios.tcgetattr(self._descriptor)
            mode = list(self._saved)
            mode[3] &= ~termios.ECHO  # type: ignore[operator]
            # What was typed before does not count: it was meant for something else.
            termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, mode)  # type: ignore[arg-type]
            return self

        def __exit__(self, *_: object) -> None:
            if self._saved is not None:
                try:
                    termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._saved)  # type: ignore[arg-type]
                except termios.error:
                    return  # the terminal has gone
                finally:
                    self._saved = None

        def is_pressed(self) -> bool:
            """Whether Enter was pressed since the last call; never waits."""
            if not select.select([self._descriptor], [], [], 0)[0]:
                return False
            try:
                data = os.read(self._descriptor, 1024)
            except OSError:
                data = b""
            if not data or data.strip().lower() == b"q":
                raise Left
            return data.endswith(b"\n")
