"""Progress of ``lerotool benchmark``: bars and what each step has found; lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from lerotool.benchmarking import beside, codecs, merges, operations, strategies
from lerotool.benchmarking.effort import Rig
from lerotool.benchmarking.figures import Failure, Figure, Found
from lerotool.benchmarking.runner import Advanced, Begun, Event, StepBegun, StepDone
from lerotool.cli.progress import Bar, Tally, time_left

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

    def take(self, event: Event) -> None:
        """Take in an event."""
        match event:
            case Begun():
                self.expected_s = event.expected_s
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

    def told(self, event: Event) -> str | None:
        """Return the plan, and what each step has found."""
        match event:
            case Begun():
                return event.plan
            case StepDone():
                return headline(event, self.found)
            case _:
                return None


def headline(event: StepDone, found: Found) -> str:
    """Return what a step has found, in one line."""
    figures = [one for one in event.found if isinstance(one, Figure)]
    told = [_words(figure, found) for figure in figures if figure.name in _HEADLINES]
    if figures and figures[0].group == operations.GROUP:
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
