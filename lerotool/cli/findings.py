"""How findings look in a terminal, whoever has found them, and the reports of ``lerotool check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lerotool.findings import Code, Finding, Loading, Remedy, Severity
from lerotool.wording import as_argument, counted, listed, one_line, ranges

if TYPE_CHECKING:
    from rich.text import Text

    from lerotool.checking.quality.report import QualityReport
    from lerotool.checking.report import CheckReport

_ANSWERS = {
    Loading.RIGHT: "LeRobot loads it",
    Loading.WRONG: "LeRobot loads it, but frames are wrong or missing",
    Loading.REFUSED: "LeRobot does not load it",
}
_STYLE_OF_ANSWER = {Loading.RIGHT: "green", Loading.WRONG: "bold red", Loading.REFUSED: "bold red"}
_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "dim", Severity.HINT: "cyan"}


def append_finding(text: Text, finding: Finding, below: str) -> None:
    """Add a finding as two lines: how bad, which, where and what; below it what it means, or what to do."""
    text.append(f"  {finding.severity.value:<8}", style=_STYLES[finding.severity])
    text.append(finding.code.value, style="bold")
    where = _where(finding)
    text.append(f"  {one_line(where)}{': ' if where else ''}{one_line(finding.text)}\n")
    text.append(f"          {one_line(below)}", style="dim")


def _where(finding: Finding) -> str:
    if finding.is_of_bus:
        return ""  # the text names the motors
    return f"{finding.place.file}, {named_features(finding)}" if finding.features else str(finding.place)


def named_features(finding: Finding) -> str:
    """Return the features of a finding as a list; a name that is empty is shown as ``''``."""
    return listed(name or "''" for name in finding.features)


def advice_of(finding: Finding, root: Path | None = None) -> str:
    """Return what to do about one finding: the command that mends it, else in words."""
    if finding.remedy is Remedy.NONE or root is None:
        return finding.advice
    return finding.remedy.value.replace("DATASET", as_argument(root))


def check_text(report: CheckReport) -> Text:
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


def append_quality(text: Text, report: QualityReport) -> None:
    """Add what is doubtful in a recording."""
    from lerotool.checking.quality.report import by_code

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
