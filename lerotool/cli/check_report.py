"""What ``lerotool check`` says to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lerotool.checking.report import CheckReport
from lerotool.cli.findings import append_finding
from lerotool.findings import Code, Loading, Severity
from lerotool.wording import counted, one_line

if TYPE_CHECKING:
    from rich.text import Text


_ANSWERS = {
    Loading.RIGHT: "LeRobot loads it",
    Loading.WRONG: "LeRobot loads it, but frames are wrong or missing",
    Loading.REFUSED: "LeRobot does not load it",
}
_STYLE_OF_ANSWER = {Loading.RIGHT: "green", Loading.WRONG: "bold red", Loading.REFUSED: "bold red"}


def report_text(report: CheckReport) -> Text:
    """Return a report for a terminal: the answer first, then the findings, then what to do."""
    from rich.text import Text

    text = Text(no_wrap=True, overflow="ignore")  # a command that is shown must survive copying
    text.append(f"{one_line(str(report.root))}\n", style="bold")
    what = f"LeRobot {report.version}, " if report.version else ""
    text.append(f"{what}{counted(report.episodes, 'episode')}, {counted(report.frames, 'frame')}: ")
    text.append(_answer(report), style=_STYLE_OF_ANSWER[report.loading])
    text.append(f" ({_counts(report)})" if report.findings else "; nothing found")
    for finding in report.findings:
        text.append("\n")
        append_finding(text, finding, finding.meaning.text)
    for found in report.advice or ():
        codes = ", ".join(found.codes)
        line = f"{found.command}   for {codes}" if found.command else f"{codes}: {found.text}"
        text.append(f"\n  {line}")
    return text


def _answer(report: CheckReport) -> str:
    if report.version is None and report.loading is Loading.RIGHT:
        return "nothing is encoded yet"
    if Code.PARTIAL in report.codes and report.loading is Loading.RIGHT:
        return "of which only a part is here"
    if report.version is not None and report.version != "v3.0":
        # LeRobot 0.4 and later read v3.0 only.
        return _ANSWERS[report.loading].replace("LeRobot", "LeRobot 0.3")
    return _ANSWERS[report.loading]


def _counts(report: CheckReport) -> str:
    counts = [(report.count(severity), severity.value) for severity in Severity]
    return ", ".join(counted(count, name) for count, name in counts if count)
