"""What a sweep has found, as a page of the documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.faults.operation import Outcome
from harness.faults.sweep import Sweep

_SHOWN = (Outcome.OLD, Outcome.PART, Outcome.NEW, Outcome.BROKEN)


def outcome_table(sweeps: Sequence[Sweep]) -> str:
    """Return a table of operations and kinds of faults with the number of each outcome, in Markdown."""
    kinds = list(dict.fromkeys(kind for sweep in sweeps for kind in sweep.count()))
    lines = [
        f"| operation | calls | {' | '.join(kinds)} |",
        f"|---|---|{'---|' * len(kinds)}",
    ]
    for sweep in sweeps:
        counted = sweep.count()
        cells = [_cell(counted.get(kind, Counter())) for kind in kinds]
        lines.append(f"| {sweep.operation} | {sum(c.number >= 0 for c in sweep.calls)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def problem_list(sweeps: Sequence[Sweep]) -> str:
    """Return the cases that are broken, one a line; empty if none is."""
    return "\n".join(
        f"- {sweep.operation}: {case.kind}, {case.place}: {'; '.join(case.problems).strip().splitlines()[-1]}"
        for sweep in sweeps
        for case in sweep.broken
    )


def call_list(sweeps: Sequence[Sweep]) -> str:
    """Return how often each operation makes each call, in Markdown."""
    lines = ["| operation | calls that change files |", "|---|---|"]
    for sweep in sweeps:
        counted = Counter(call.name for call in sweep.calls if call.number >= 0)
        lines.append(f"| {sweep.operation} | {', '.join(f'{n} {name}' for name, n in counted.most_common())} |")
    return "\n".join(lines)


def _cell(counted: Counter[Outcome]) -> str:
    return ", ".join(f"{counted[outcome]} {outcome.value}" for outcome in _SHOWN if counted[outcome]) or "-"
