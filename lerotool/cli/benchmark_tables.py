"""What ``lerotool benchmark`` prints: tables with bars, advice, and two runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from lerotool.benchmarking import views
from lerotool.benchmarking.figures import Better, Change, Figure, Verdict
from lerotool.benchmarking.views import View
from lerotool.cli.output import Output

if TYPE_CHECKING:
    from rich.table import Table

    from lerotool.benchmarking.figures import Report

_BAR = 24
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_STYLES = {Verdict.BETTER: "green", Verdict.WORSE: "bold red", Verdict.SAME: "dim", Verdict.OTHER: "dim"}


def show_report(report: Report, output: Output) -> None:
    """Print a run."""
    machine = report.machine
    output.result(f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}, {machine['system']}")
    output.result(", ".join(f"{name} {version}" for name, version in report.versions.items()))
    output.result(
        f"{report.settings['cameras']}; load before {machine['load before']}; measured in {report.seconds:.0f} s"
    )
    for view in views.views(report):
        output.result("")
        output.result(view.title + (f" ({view.note})" if view.note else ""))
        if view.bars is not None and (view.is_upright or len(view.names) == 1):
            output.result(_bars_table(view, report))
        if len(view.names) > 1:
            output.result(_upright_table(view, report) if view.is_upright else _table(view, report))
    if report.found.failures:
        output.result("")
    for failure in report.found.failures:
        output.result(f"{failure.case} failed ({failure.group}): {failure.reason}")
    if report.advice:
        output.result("")
    for line in report.advice:
        output.result(f"- {line}")


def _bare_table() -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)


def _bars_table(view: View, report: Report) -> Table:
    table = _bare_table()
    table.add_column("")
    table.add_column(views.label(view, view.bars or "", report.found), min_width=_BAR)
    table.add_column("", justify="right")
    for case, figure, share in views.bars(view, report.found):
        table.add_row(case, bar(share), views.value(figure))
    return table


def _table(view: View, report: Report) -> Table:
    table = _bare_table()
    table.add_column("")
    for name in view.names:
        head = views.label(view, name, report.found)
        table.add_column(head, justify="right", style="bold" if name == view.bars else "")
    if view.bars is not None:
        table.add_column("", min_width=_BAR // 2)
    shares = {case: share for case, _, share in views.bars(view, report.found)}
    for case in view.cases:
        cells = [_styled(report.found.get(view.group, case, name)) for name in view.names]
        drawn = [bar(shares.get(case, 0.0), _BAR // 2)] if view.bars is not None else []
        table.add_row(case, *cells, *drawn)
    return table


def _upright_table(view: View, report: Report) -> Table:
    table = _bare_table()
    table.add_column("")
    for case in view.cases:
        table.add_column(case, justify="right")
    for name in view.names:
        table.add_row(
            views.label(view, name, report.found),
            *(_styled(report.found.get(view.group, case, name)) for case in view.cases),
        )
    return table


def _styled(figure: Figure | None) -> Text:
    text = views.cell(figure)
    return Text(text, "bold red" if views.is_wrong(figure) else "")


def bar(share: float, width: int = _BAR) -> str:
    """Return a bar whose length is a share of the width, to an eighth of a letter."""
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


def comparison_document(changes: Sequence[Change], before: Path, after: Path) -> dict[str, Any]:
    """Return two runs side by side for machines."""
    return {
        "before": str(before),
        "after": str(after),
        "better": sum(change.verdict is Verdict.BETTER for change in changes),
        "worse": sum(change.verdict is Verdict.WORSE for change in changes),
        "changes": [
            {
                "group": change.figure.group,
                "case": change.figure.case,
                "name": change.figure.name,
                "unit": change.figure.unit,
                "before": change.before.typical if change.before else None,
                "after": change.after.typical if change.after else None,
                "ratio": change.ratio,
                "verdict": str(change.verdict),
            }
            for change in changes
        ],
    }


def show_comparison(changes: Sequence[Change], files: tuple[Path, Path], output: Output) -> None:
    """Print two runs side by side."""
    table = _bare_table()
    table.add_column("")
    table.add_column(files[0].name, justify="right")
    table.add_column(files[1].name, justify="right")
    table.add_column("second by first", justify="right")
    table.add_column("")
    group = ""
    for change in changes:
        figure = change.figure
        if figure.better is Better.NEITHER:
            continue
        if figure.group != group:
            group = figure.group
            table.add_row(Text(group, "bold"))
        ratio = f"{change.ratio:.2f}" if change.ratio is not None else ""
        words = [views.words(side) if side else "-" for side in (change.before, change.after)]
        verdict = Text(_word(change), _STYLES[change.verdict])
        table.add_row(f"  {figure.case}, {figure.name}", *words, ratio, verdict)
    output.result(table)
    better, worse = (sum(c.verdict is verdict for c in changes) for verdict in (Verdict.BETTER, Verdict.WORSE))
    output.result(
        f"{better} better, {worse} worse; changes within 10 % or within the spread of the repeats count as none"
    )


def _word(change: Change) -> str:
    if change.before is None or change.after is None:
        return "only in one"
    if change.verdict in (Verdict.SAME, Verdict.OTHER):
        return "same" if change.verdict is Verdict.SAME else ""
    is_time = change.figure.unit in ("s", "ms", "frames/s")
    is_better = change.verdict is Verdict.BETTER
    if is_time:
        return "faster" if is_better else "slower"
    return "better" if is_better else "worse"
