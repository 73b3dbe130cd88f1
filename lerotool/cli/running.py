"""How commands run: Ctrl-C is caught, datasets come one after another, and errors about damage name what cures it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lerotool.cli.output import Output
from lerotool.errors import CorruptDatasetError, LerotoolError, MetadataError
from lerotool.wording import as_argument

if TYPE_CHECKING:
    from rich.console import RenderableType

INTERRUPTED = 130
"""The exit code of a command that a signal has ended."""
SIGNALS = [number for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if (number := getattr(signal, name, None))]


@contextmanager
def caught(request: Callable[[], object], *signals: signal.Signals) -> Iterator[None]:
    """Call a function at each of some signals, all that end a command if none is named, instead of ending."""
    previous = {number: signal.signal(number, lambda *_: request()) for number in signals or SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class Answer:
    """What a command says of one dataset."""

    document: Mapping[str, Any]  # for machines
    text: RenderableType | None  # for people; None if all has been said
    code: int = 0  # the exit code that belongs to it
    notes: tuple[str, ...] = ()  # said after it on stderr


def answer_each(
    datasets: Sequence[str], output: Output, answer: Callable[[str], Answer]
) -> tuple[list[Mapping[str, Any]], int]:
    """Print the answer for each dataset; return the documents and the highest exit code.

    A dataset that cannot be read has ``root`` and ``error`` as its document; if it is the only one, its error is
    raised.
    """
    documents: list[Mapping[str, Any]] = []
    code = 0
    for number, dataset in enumerate(datasets):
        try:
            found = answer(dataset)
        except (LerotoolError, OSError) as error:
            if len(datasets) == 1:
                raise
            output.warn(f"{dataset}: {error}", hint=error.hint if isinstance(error, LerotoolError) else None)
            documents.append({"root": dataset, "error": str(error)})
            code = max(code, error.exit_code if isinstance(error, LerotoolError) else 1)
            continue
        if number:
            output.result("")
        if found.text is not None:
            output.result(found.text)
        for note in found.notes:
            output.note(note)
        documents.append(found.document)
        code = max(code, found.code)
    return documents, code


@contextmanager
def naming_cures(roots: Sequence[Path]) -> Iterator[None]:
    """Give an error about damage the hint that cures it; only then are the datasets looked at."""
    try:
        yield
    except (CorruptDatasetError, MetadataError) as error:
        _check_whole(roots, error)
        commands = [command for root in dict.fromkeys(roots) if (command := _cure(root)) is not None]
        if not commands:
            raise
        raise type(error)(error.message, hint=" && ".join(commands)) from error


def _check_whole(roots: Sequence[Path], error: LerotoolError) -> None:
    """Say that a file is not missing but was not pulled, where that is so."""
    from lerotool.dataset.partial import load_partial

    for root in roots:
        if (partial := load_partial(root)) is not None:
            message = f"only a part of {str(root)!r} is here ({partial}): {error.message}"
            raise type(error)(message, hint=partial.command) from error


def _cure(root: Path) -> str | None:
    """Return the command that repairs a dataset, if no error is left then."""
    from lerotool.checking import Severity
    from lerotool.checking.check import look
    from lerotool.choices import Depth
    from lerotool.mending.repair import plan_quickly

    try:
        report, sight = look(root, Depth.FAST)
        plan = plan_quickly(report, sight)
    except (LerotoolError, OSError):
        return None  # what is wrong has been said already
    harmful = {finding.code for finding in report.findings if finding.severity is not Severity.NOTE}
    is_left = any(finding.severity is Severity.ERROR for finding, _ in plan.left)
    is_cured = not is_left and any(harmful.intersection(step.codes) for step in plan.steps)
    return f"lerotool check {as_argument(root)} --repair" if is_cured else None
