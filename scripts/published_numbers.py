"""Put the figures of a benchmark into docs/numbers.md, between its two marks.

    python scripts/published_numbers.py [RUN.json] [--lerobot PYTHON] [--full] [--check]

Without RUN.json it measures first: `lerotool benchmark --compare --json`, three minutes, with --lerobot about ten more,
with --full about an hour; RUN.json is what that has printed. With --check nothing is written; exit code 1 says that the
page has other figures.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lerotool.benchmarking import beside, codecs, merges, strategies, views
from lerotool.benchmarking.effort import Effort
from lerotool.benchmarking.figures import Found, Report, load_report

PAGE = Path(__file__).parents[1] / "docs" / "numbers.md"
BEGIN, END = "<!-- benchmark: made by scripts/published_numbers.py -->", "<!-- benchmark: end -->"


def measure(path: Path, lerobot: Path | None, more: Sequence[str]) -> None:
    """Measure, and keep the document."""
    command = [sys.executable, "-m", "lerotool", "benchmark", "--compare", "--json", *more]
    if lerobot is not None:
        command += ["--lerobot", str(lerobot)]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    path.write_text(finished.stdout, encoding="utf-8")


def section(report: Report) -> str:
    """Return what stands between the marks."""
    return "\n".join([BEGIN, "", *_lines(report), "", END])


def _lines(report: Report) -> Iterator[str]:
    machine, found = report.machine, report.found
    how = "" if report.effort == Effort.NORMAL else f" --{report.effort}"
    yield (
        f"Measured by `lerotool benchmark --compare{how}` on {machine['cores']} cores "
        f"({machine['processor']}), {report.settings['cameras']}, {report.created[:10]}; ≈ is estimated."
    )
    for group, names in _tables(found):
        cases = [case for case in found.cases(group) if any(found.get(group, case, name) for name in names)]
        yield ""
        yield f"| {group} | {' | '.join(names)} |"
        yield f"|---|{'---|' * len(names)}"
        for case in cases:
            cells = (found.get(group, case, name) for name in names)
            yield f"| {case} | {' | '.join(views.words(cell) if cell else '' for cell in cells)} |"
    if found.failures:
        yield ""
    for failure in found.failures:
        yield f"{failure.case} failed: `{failure.reason}`"


def _tables(found: Found) -> Iterator[tuple[str, tuple[str, ...]]]:
    for group in found.groups:
        if group.startswith(strategies.GROUP):
            yield group, (strategies.WAIT, strategies.LONGEST, strategies.CPU, strategies.DISK)
        elif group.startswith("beside"):
            yield group, (beside.WAIT, beside.END, beside.CPU, beside.SHORTER, beside.SHARE)
        elif group == codecs.GROUP:
            yield group, (codecs.RATE, codecs.SIZE, codecs.LIKENESS)
        elif group in (merges.GROUP, merges.STEPS):
            yield group, (merges.REFERENCE, merges.OURS, merges.RATIO)
        elif group == beside.MERGE_GROUP:
            yield group, tuple(dict.fromkeys(figure.name for figure in found if figure.group == group))


def replaced(text: str, new: str) -> str:
    """Return the page's text with another section.

    Raises:
        SystemExit: it has no marks.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"error: {PAGE.name} lacks the marks\n{BEGIN}\n{END}")
    return before + new + after


def main() -> int:
    """Write the page's figures, or look whether they are the same."""
    parser = argparse.ArgumentParser(description="Put the figures of a benchmark into the PAGE.")
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN.json", help="what lerotool benchmark has printed")
    parser.add_argument("--lerobot", type=Path, metavar="PYTHON", help="an interpreter that has the real LeRobot")
    parser.add_argument("--full", action="store_true", help="measure as long as a table worth publishing takes")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    if options.run is None:
        options.run = Path("benchmark.json")
        measure(options.run, options.lerobot, ["--full"] if options.full else [])
        print(f"the run is kept in {options.run}")
    text = PAGE.read_text(encoding="utf-8")
    new = replaced(text, section(load_report(options.run)))
    if options.check:
        return int(new != text)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
