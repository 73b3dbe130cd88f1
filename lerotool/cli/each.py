"""Commands that take several datasets answer for one after another; one that cannot be read does not end the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lerotool.cli.output import Output
from lerotool.errors import LerotoolError

if TYPE_CHECKING:
    from rich.console import RenderableType


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
