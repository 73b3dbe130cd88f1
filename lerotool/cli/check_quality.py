"""``lerotool check --quality``: what is doubtful in a recording, below what is wrong with the dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lerotool.cli.each import Answer
from lerotool.cli.findings import append_finding
from lerotool.cli.output import Output
from lerotool.errors import DatasetError
from lerotool.wording import counted, one_line, ranges

if TYPE_CHECKING:
    from rich.text import Text

    from lerotool.checking.quality.report import QualityReport


def with_quality(
    look: Callable[[str], Answer], accept: Path | None, output: Output, *, strict: bool
) -> Callable[[str], Answer]:
    """Return what answers like ``look``, and adds what is doubtful.

    What it returns raises UsageError where the file of accepted findings is not one, and OSError where a file cannot
    be read.
    """
    import lerotool
    from lerotool.cli.progress import progress

    def look_closer(dataset: str) -> Answer:
        answer = look(dataset)
        try:
            with progress(output, "looking at the recording") as on_progress:
                report = lerotool.check_quality(dataset, accept, on_progress=on_progress)
        except DatasetError as error:
            note = f"the recording was not looked at: {error}"
            return replace(answer, document={**answer.document, "quality": None}, notes=(*answer.notes, note))
        return replace(
            answer,
            document={**answer.document, "quality": report.to_json()},
            text=_text(answer, report),
            code=max(answer.code, DatasetError.exit_code if strict and report.findings else 0),
        )

    return look_closer


def _text(answer: Answer, report: QualityReport) -> Text:
    from rich.text import Text

    from lerotool.checking.quality.report import by_code

    text = answer.text if isinstance(answer.text, Text) else Text()
    text.append("\nthe recording: ")
    text.append(counted(len(report.findings), "hint") if report.findings else "nothing found")
    text.append(f" ({len(report.accepted)} accepted)" if report.accepted else "")
    for finding in report.findings:
        text.append("\n")
        append_finding(text, finding, finding.meaning.text)
        text.append(f"\n          {one_line(report.advice(finding))}")
    if report.findings:
        lines = "; ".join(f"{code} {ranges(numbers)}" for code, numbers in by_code(report.findings).items())
        text.append(f"\n  looked at, and fine? lines for the file of --accept: {lines}", style="dim")
    return text
