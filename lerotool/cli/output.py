"""How commands talk: the result on stdout, everything else on stderr, errors with a hint and an exit code."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lerotool.errors import LerotoolError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

SCHEMA = 1
"""Version of every JSON document that commands print; fields are only ever added."""
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout, for machines.", rich_help_panel="Output")
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Only the result, warnings and errors.", rich_help_panel="Output")
]


@dataclass(frozen=True)
class Output:
    """Where a command's words go, as its options say.

    In text mode results are for people; with ``--json`` stdout carries JSON alone and stderr only warnings and errors;
    with ``--quiet`` stderr carries only warnings and errors.
    """

    is_json: JsonOption = False
    is_quiet: QuietOption = False

    @property
    def is_text(self) -> bool:
        """Whether people read all that is said."""
        return not (self.is_json or self.is_quiet)

    @cached_property
    def results(self) -> Console:
        """The console on stdout; never wraps or cuts lines when stdout is not a terminal."""
        return _console(sys.stdout)

    @cached_property
    def talk(self) -> Console:
        """The console on stderr: progress, notes, questions."""
        return _console(sys.stderr)

    @property
    def shows_progress(self) -> bool:
        """Whether live progress can be shown: text mode and stderr is a terminal that can move its cursor."""
        return self.is_text and self.talk.is_terminal and not self.talk.is_dumb_terminal

    def result(self, renderable: RenderableType) -> None:
        """Print the result for people; nothing in JSON mode."""
        if self.is_json:
            return
        # A line of text is not wrapped: a command that is shown must survive copying.
        self.results.print(renderable, soft_wrap=True if isinstance(renderable, str) else None)

    def document(self, document: Mapping[str, Any]) -> None:
        """Print one JSON document on stdout, in JSON mode only."""
        if self.is_json:
            self._write_json({"schema": SCHEMA, **document}, indent=2)

    def record(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Print one JSON line of the given type on stdout, in JSON mode only."""
        if self.is_json:
            self._write_json({"type": kind, **fields}, indent=None)

    def note(self, text: str) -> None:
        """Say something on stderr that is good to know; not in JSON or quiet mode."""
        if self.is_text:
            self.talk.print(text, soft_wrap=True)

    def warn(self, text: str, *, hint: str | None = None) -> None:
        """Say on stderr that something needs attention; in every mode."""
        self.talk.print(f"warning: {text}", style="yellow", soft_wrap=True)
        if hint:
            self.talk.print(f"hint: {hint}", soft_wrap=True)

    def ring(self) -> None:
        """Ring the terminal's bell, where stderr is one."""
        if self.talk.is_terminal:
            self.talk.file.write("\a")
            self.talk.file.flush()

    @staticmethod
    def _write_json(document: Mapping[str, Any], indent: int | None) -> None:
        sys.stdout.write(json_text(document, indent=indent) + "\n")
        sys.stdout.flush()


def _console(stream: Any) -> Console:
    from lerotool.cli.console import PlainConsole

    return PlainConsole(stream)


def columns(titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> str:
    """Return rows under their titles as lines that are not cut where the output is narrow or no terminal."""
    table = [titles, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = zip(titles, row, widths, strict=True)
        lines.append("  ".join(c.rjust(width) if title in right else c.ljust(width) for title, c, width in cells))
    return "\n".join(line.rstrip() for line in lines)


def shortened(lines: Sequence[str], most: int) -> list[str]:
    """Return the first lines, and one that says how many more there are."""
    return [*lines[:most], *([f"and {len(lines) - most} more"] if len(lines) > most else [])]


def json_text(document: Mapping[str, Any], *, indent: int | None = None) -> str:
    """Return a document as JSON whose texts hold nothing that a terminal would act on."""
    text = json.dumps(document, indent=indent, ensure_ascii=False, default=str)
    if all(line.isprintable() for line in text.split("\n")):
        return text
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)


def print_error(error: LerotoolError | OSError | MemoryError, *, as_json: bool) -> int:
    """Print an error on stderr and return the exit code that belongs to it."""
    code = error.exit_code if isinstance(error, LerotoolError) else 1
    message, notes = _message(error), getattr(error, "__notes__", [])
    hint = error.hint if isinstance(error, LerotoolError) else _system_hint(error)
    if as_json:
        facts = {"type": type(error).__name__, "code": code, "message": message, "hint": hint}
        facts |= {"notes": notes} if notes else {}
        sys.stderr.write(json_text(facts) + "\n")
        return code
    console = _console(sys.stderr)
    console.print(f"error: {message}", style="bold red", soft_wrap=True)
    for note in notes:
        console.print(f"also: {note}", style="bold red", soft_wrap=True)
    if hint:
        console.print(f"hint: {hint}", soft_wrap=True)
    return code


def _message(error: LerotoolError | OSError | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    if isinstance(error, LerotoolError) or not error.strerror:
        return str(error)
    # The system's own text begins with a number that says nothing to people.
    said = error.strerror[0].lower() + error.strerror[1:]
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return f"{' -> '.join(names)}: {said}" if names else said


def _system_hint(error: OSError | MemoryError) -> str | None:
    if isinstance(error, MemoryError):
        return "the files are as they were: close other programs, or use a machine with more memory"
    return {
        errno.ENOSPC: "the disk is full: free some space and run the same command again; nothing saved is lost",
        errno.ENOENT: "something on this path is missing; it may have been moved away a moment ago",
        errno.EACCES: "check who owns the file and folder",
        errno.EROFS: "the file system is read-only: reading goes on, but to write, work on a copy elsewhere",
    }.get(error.errno or 0)
