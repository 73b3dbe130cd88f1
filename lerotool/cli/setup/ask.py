"""Questions to the person at the terminal; each has a default, and an option that answers it where nobody is there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from lerotool.cli.output import Output
from lerotool.errors import UsageError


class Left(Exception):  # noqa: N818 - no error: the person has had enough
    """The person stops: ``q``, or the input has ended (Ctrl-D)."""


@dataclass(frozen=True)
class Person:
    """Who is asked, if anybody.

    Attributes:
        output: where questions are printed (stderr).
        is_there: whether questions can be asked: a terminal, and neither ``--json`` nor ``--quiet``.
    """

    output: Output
    is_there: bool

    @classmethod
    def at(cls, output: Output) -> Person:
        """Return the person at the terminal."""
        reachable = sys.stdin is not None and sys.stdin.isatty() and output.shows_progress
        return cls(output, reachable)

    def text(self, question: str, default: str | None, option: str) -> str:
        """Ask for a text; Enter takes the default.

        Args:
            question: without a question mark or colon at the end.
            default: taken on Enter; with None an answer is needed.
            option: what answers it on the command line.

        Raises:
            UsageError: nobody is there to ask; names the option.
            Left: the person stops.
        """
        self.require(option)
        suffix = f" [{default}]" if default else ""
        while True:
            answer = self._read(f"{question}{suffix}: ") or default
            if answer:
                return answer

    def choose(self, question: str, choices: Sequence[str], default: str, option: str) -> str:
        """Ask for one of several words; the first letters are enough where they tell it.

        Raises:
            UsageError: nobody is there to ask; names the option.
            Left: the person stops.
        """
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
        """Ask for yes or no.

        Raises:
            UsageError: nobody is there to ask; names the option.
            Left: the person stops.
        """
        self.require(option)
        while True:
            answer = self._read(f"{question} [{'Y/n' if default else 'y/N'}]: ").lower()
            if not answer:
                return default
            if answer in ("y", "yes", "n", "no"):
                return answer.startswith("y")
            self.output.note("please answer y or n; q stops")

    def wait(self, instruction: str, option: str, *, letters: str = "") -> str:
        """Say what to do and wait for Enter, or for one of some letters.

        Returns:
            The letter, or an empty text for Enter and everything else.

        Raises:
            UsageError: nobody is there to do it; names the option.
            Left: the person stops.
        """
        self.require(option)
        answer = self._read(f"{instruction} ").lower()
        return answer if len(answer) == 1 and answer in letters else ""

    def require(self, option: str) -> None:
        """Make sure that somebody can be asked.

        Raises:
            UsageError: nobody can.
        """
        if not self.is_there:
            raise UsageError(
                f"this needs an answer and there is no terminal to ask at: give {option}",
                hint='or run it in a terminal, without "--json" and "--quiet"',
            )

    def _read(self, prompt: str) -> str:
        self.output.talk.print(prompt, end="", highlight=False, markup=False, soft_wrap=True, style="bold")
        try:
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
