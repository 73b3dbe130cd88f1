"""What ``lerotool benchmark`` shows: how far it is, tables with bars, advice, and two runs side by side."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from lerotool.benchmarking import beside, codecs, merges, strategies, views
from lerotool.benchmarking.effort import Rig
from lerotool.benchmarking.figures import Better, Change, Failure, Figure, Found, Verdict
from lerotool.benchmarking.runner import Advanced, Begun, Event, StepBegun, StepDone
from lerotool.benchmarking.views import View
from lerotool.cli.output import Output
from lerotool.cli.progress import Bar, Tally, time_left

if TYPE_CHECKING:
    from rich.table import Table

    from lerotool.benchmarking.figures import Report

_HEADLINES = (
    strategies.WAIT,
    codecs.RATE,
    merges.RATIO,
    strategies.TAKE_WAIT,
    codecs.WRITE,
    beside.SHORTER,
    beside.SHARE,
)


@dataclass(slots=True)
class BenchmarkTally(Tally[Event]):
    """How far a run is, for showing."""

    rig: Rig  # tells what real time is
    take_s: float  # length of a recorded take
    expected_s: tuple[float, ...] = ()
    number: int = 0
    title: str = "making pictures"
    step_began: float = field(default_factory=time.monotonic)
    spent_s: float = 0.0
    now: Advanced = field(default_factory=lambda: Advanced(0, 0, ""))
    first_done: tuple[float, float] = (0.0, 0.0)
    found: Found = field(default_factory=Found)

    def take(self, event: Event) -> str | None:
        """Take in an event; return the plan, and what each step has found."""
        match event:
            case Begun():
                self.expected_s = event.expected_s
                return event.plan
            case StepBegun():
                self.number, self.title = event.number, event.title
                self.step_began, self.now = time.monotonic(), Advanced(0, 0, "")
                self.first_done = (0.0, self.step_began)
            case Advanced():
                if event.done == 0 or event.total != self.now.total:
                    # What comes before the first of it, starting processes for example, is not part of its rate.
                    self.first_done = (event.done, time.monotonic())
                self.now = event
            case StepDone():
                self.spent_s += event.seconds
                self.found.add(event.found)
                return headline(event, self.found)
        return None

    @property
    def fraction(self) -> float:
        """Of the step that runs."""
        if self.now.total:
            return min(1.0, self.now.done / self.now.total)
        expected = self.expected_s[self.number] if self.expected_s else 1.0
        return min(0.95, (time.monotonic() - self.step_began) / expected)

    @property
    def done_s(self) -> float:
        """Of the expected seconds, those that are done."""
        if not self.expected_s:
            return 0.0
        return sum(self.expected_s[: self.number]) + self.expected_s[self.number] * self.fraction

    @property
    def left_s(self) -> float | None:
        """Until the end: what is expected, at the pace so far."""
        if not self.expected_s:
            return None
        before = sum(self.expected_s[: self.number])
        pace = self.spent_s / before if before > 0 else 1.0
        return max(0.0, (sum(self.expected_s) - self.done_s) * pace)

    @property
    def rate(self) -> float | None:
        """Of the step that runs: units a second."""
        done, since = self.now.done - self.first_done[0], time.monotonic() - self.first_done[1]
        return done / since if done > 0 and since > 0.2 else None

    def step_text(self) -> str:
        """Return the figures of the step that runs, in words."""
        parts = []
        if self.now.total:
            parts.append(f"{self.now.done:.0f} of {self.now.total:.0f} {self.now.unit}")
        if (rate := self.rate) is not None and self.now.unit != "s":
            parts.append(f"{rate:.0f} {self.now.unit}/s" if rate >= 10 else f"{rate:.1f} {self.now.unit}/s")
            if (times := self._times_real_time(rate)) is not None:
                parts.append(f"{times:.1f}x real time")
        return ", ".join(parts)

    def _times_real_time(self, rate: float) -> float | None:
        return {"frames": rate / self.rig.frames_per_s, "takes": rate * self.take_s}.get(self.now.unit)

    def total_text(self) -> str:
        """Return the figures of the whole, in words."""
        left = self.left_s
        parts = [f"step {self.number + 1} of {len(self.expected_s)}"] if self.expected_s else []
        if left is not None:
            parts.append(time_left(left))
        return ", ".join(parts)

    def bars(self) -> Mapping[Hashable, Bar]:
        """Return how far all is, and the step that runs."""
        return {
            "all": Bar("all", self.done_s, sum(self.expected_s) or None, self.total_text()),
            "step": Bar(self.title, self.fraction, 1.0, self.step_text()),
        }

    def line(self) -> str:
        """Return the same as a line."""
        return f"{self.title}: {', '.join(text for text in (self.total_text(), self.step_text()) if text)}"


def headline(event: StepDone, found: Found) -> str:
    """Return what a step has found, in one line."""
    figures = [one for one in event.found if isinstance(one, Figure)]
    told = [_words(figure, found) for figure in figures if figure.name in _HEADLINES]
    if figures and figures[0].group == merges.STEPS:
        told = [f"{figure.case} {figure.typical:.0f}x" for figure in figures if figure.name == merges.RATIO]
    told += [f"{failure.case} failed: {failure.reason}" for failure in event.found if isinstance(failure, Failure)]
    return f"{event.title}: {'; '.join(told)}" if told else event.title


def _words(figure: Figure, found: Found) -> str:
    value = figure.typical
    if figure.name == strategies.WAIT:
        first = found.typical(figure.group, strategies.IMMEDIATE.name, strategies.WAIT)
        times = f", {first / value:.0f}x shorter" if first and value and first / value >= 1.5 else ""
        case = f"{figure.case}, " if figure.group.startswith("beside") else ""
        return f"{case}{value:.2f} s of waiting a take{times}"
    if figure.name == strategies.TAKE_WAIT:
        return f"{figure.case} {value:.1f} s"
    if figure.unit == "x":
        return f"{figure.name} {value:.1f}"
    if figure.name == codecs.RATE:
        first = found.typical(codecs.GROUP, codecs.DEFAULT.name, codecs.RATE)
        times = f", {value / first:.1f}x {codecs.DEFAULT.name}" if first and figure.case != codecs.DEFAULT.name else ""
        return f"{value:.0f} frames/s{times}"
    return f"{value:.0f} {figure.unit}"


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
