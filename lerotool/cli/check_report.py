"""What ``lerotool check`` says to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lerotool.checking.codes import MEANINGS, Loading, Remedy, Severity
from lerotool.checking.findings import Finding, Report
from lerotool.wording import counted

if TYPE_CHECKING:
    from rich.text import Text

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}
_ANSWERS = {
    Loading.RIGHT: "LeRobot loads it",
    Loading.WRONG: "LeRobot loads it, but frames are wrong or missing",
    Loading.REFUSED: "LeRobot does not load it",
}
_STYLE_OF_ANSWER = {Loading.RIGHT: "green", Loading.WRONG: "bold red", Loading.REFUSED: "bold red"}


def printable(text: str) -> str:
    """Return the text with everything escaped that a terminal would act on: much of it comes from files."""
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)


def report_text(report: Report) -> Text:
    """Return a report for a terminal: the answer first, then the findings, then what to do."""
    from rich.text import Text

    text = Text()
    text.append(f"{printable(str(report.root))}\n", style="bold")
    what = f"LeRobot {report.version}, " if report.version else ""
    text.append(f"{what}{counted(report.episodes, 'episode')}, {counted(report.frames, 'frame')}: ")
    text.append(_answer(report), style=_STYLE_OF_ANSWER[report.loading])
    text.append(f" ({_counts(report)})" if report.findings else "; nothing found")
    for finding in report.findings:
        text.append("\n")
        _append_finding(text, finding)
    for line in _advice(report):
        text.append(f"\n{line}")
    return text


def _answer(report: Report) -> str:
    if report.version is None and report.loading is Loading.RIGHT:
        return "nothing is encoded yet"
    if report.version is not None and report.version != "v3.0":
        # LeRobot 0.4 and later read v3.0 only.
        return _ANSWERS[report.loading].replace("LeRobot", "LeRobot 0.3")
    return _ANSWERS[report.loading]


def _counts(report: Report) -> str:
    counts = [(report.count(severity), severity.value) for severity in Severity]
    return ", ".join(counted(count, name) for count, name in counts if count)


def _append_finding(text: Text, finding: Finding) -> None:
    text.append(f"  {finding.severity.value:<8}", style=_STYLES[finding.severity])
    text.append(f"{finding.code.value}", style="bold")
    text.append(f"  {printable(str(finding.place))}: {printable(finding.text)}\n")
    text.append(f"          {finding.meaning.text}", style="dim")


def _advice(report: Report) -> list[str]:
    """Return which commands mend how many of the findings."""
    lines = []
    for remedy in (Remedy.REPAIR, Remedy.STATS, Remedy.ENCODE):
        codes = list(dict.fromkeys(finding.code.value for finding in report.findings if finding.remedy is remedy))
        if codes:
            command = remedy.value.replace("lerotool check", f"lerotool check {report.root}")
            command = command.replace("lerotool stats", f"lerotool stats {report.root}")
            command = command.replace("lerotool encode", f"lerotool encode {report.root}")
            lines.append(f"  {printable(command)}   for {', '.join(codes)}")
    by_hand = dict.fromkeys(f.code for f in report.findings if f.remedy is Remedy.NONE and f.meaning.advice)
    lines += [f"  {code.value}: {MEANINGS[code].advice}" for code in by_hand]
    return lines


def unreadable_text(dataset: str, error: Exception) -> Text:
    """Return what is said of a dataset that could not be looked at."""
    from rich.text import Text

    return Text(f"{printable(dataset)}\n").append(f"  {printable(str(error))}", style="bold red")
