"""How a finding looks in a terminal, whoever has found it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lerotool.findings import Finding, Remedy, Severity
from lerotool.wording import as_argument, listed, one_line

if TYPE_CHECKING:
    from rich.text import Text

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
