"""What verification, rewriting and exporting say: text for people, documents for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from lerotool.cli.findings import advice_of, append_finding, named_features
from lerotool.findings import Remedy, Severity
from lerotool.wording import counted, one_line

if TYPE_CHECKING:
    from lerotool.dataset.dataset import Dataset
    from lerotool.statistics.export import OpenpiOptions
    from lerotool.statistics.rewrite import RewriteReport
    from lerotool.statistics.verify import VerifyReport


def verify_document(dataset: Dataset, report: VerifyReport) -> dict[str, Any]:
    """Return the findings for machines."""
    return {
        "root": str(dataset.root),
        "codebase_version": dataset.version.value,
        "errors": report.count(Severity.ERROR),
        "warnings": report.count(Severity.WARNING),
        "features": list(report.features),
        "episodes": report.episodes,
        "quantiles": report.definitions,
        "findings": [finding.to_json() for finding in report.findings],
    }


def findings_text(dataset: Dataset, report: VerifyReport) -> Text:
    """Return the findings for people, each with what to do about it, and a summary."""
    text = Text()
    for finding in report.findings:
        append_finding(text, finding, advice_of(finding, dataset.root))
        text.append("\n")
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    compared = counted(len(report.features), "feature")
    if report.episodes:
        compared += f" in {counted(report.episodes, 'episode')}"
    found = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}" if report.findings else "nothing is wrong"
    text.append(f"{found}: {compared} compared with {counted(dataset.num_frames, 'frame')}")
    for definition, count in Counter(report.definitions.values()).items():
        text.append(f"\nquantiles of {counted(count, 'feature')}: {definition}")
    return text


def plan_document(dataset: Dataset, report: VerifyReport, files: Sequence[Path]) -> dict[str, Any]:
    """Return what writing would do, for machines."""
    mended = [finding.to_json() for finding in report.findings if finding.remedy is Remedy.STATS]
    return {
        "dry_run": True,
        "root": str(dataset.root),
        "features": list(report.features),
        "files": [str(path) for path in files],
        "mends": mended,
    }


def plan_text(dataset: Dataset, report: VerifyReport, files: Sequence[Path]) -> Text:
    """Return what writing would do, for people."""
    features, episodes = counted(len(report.features), "feature"), counted(dataset.num_episodes, "episode")
    text = Text(f"would write the statistics of {features} and {episodes} to\n")
    for path in files:
        text.append(one_line(f"  {path.relative_to(dataset.root)}") + "\n")
    mended = [finding for finding in report.findings if finding.remedy is Remedy.STATS]
    text.append("that would mend\n" if mended else "what is there is right already")
    for finding in mended:
        text.append(one_line(f"  {finding.code.value}  {named_features(finding)}: {finding.text}") + "\n")
    text.rstrip()
    return text


def rewrite_document(dataset: Dataset, report: RewriteReport) -> dict[str, Any]:
    """Return what has been written, for machines."""
    return {
        "root": str(dataset.root),
        "features": list(report.features),
        "files": [str(path) for path in report.files],
        "problems": {camera: list(problems) for camera, problems in report.problems.items()},
    }


def rewrite_text(dataset: Dataset, report: RewriteReport) -> str:
    """Return what has been written, for people."""
    if not report.files:
        return "nothing has been written"
    where = (
        f"{len(report.files)} files"
        if len(report.files) > 3
        else ", ".join(path.relative_to(dataset.root).as_posix() for path in report.files)
    )
    features, episodes = counted(len(report.features), "feature"), counted(dataset.num_episodes, "episode")
    return f"statistics of {features} and {episodes} written to {where}"


def export_note(kind: str, options: OpenpiOptions) -> Iterator[str]:
    """Yield what the reader of an exported file must know."""
    if kind == "gr00t":
        yield "put it at meta/stats.json of the v2.x dataset that GR00T trains on"
        yield "actions relative to the state are not among them: GR00T measures those by its own configuration"
        return
    yield "put it at assets/<config>/<asset id>/norm_stats.json"
    relative = f"{sum(options.mask)} actions relative to the state" if any(options.mask) else "all actions absolute"
    yield (
        f"right for a configuration with {relative}, action_horizon {options.horizon}, and no other transform of the "
        "numbers (adapt_to_pi of Aloha is one)"
    )
