"""Progress of ``lerotool encode``: bars on a terminal, a line now and then elsewhere, JSON lines for a program."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lerotool.cli.output import Output
from lerotool.cli.progress import Bar, Beat, Tally, time_left
from lerotool.encoding.events import (
    Committed,
    Event,
    Found,
    JobDone,
    JobFailed,
    JobName,
    JobProgressed,
    JobStarted,
    Listener,
)

_RECORD_S = 0.5


@dataclass(slots=True)
class EncodeTally(Tally[Event]):
    """What has been done so far, for showing."""

    total: int = 0
    seconds: float = 0.0
    reused: int = 0
    finished: int = 0
    cpu_s: float = 0.0
    running: dict[JobName, tuple[int, int]] = field(default_factory=dict)
    episodes: int = 0
    committed: int = 0

    def take(self, event: Event) -> None:
        """Take in an event."""
        match event:
            case Found():
                self.total, self.seconds, self.episodes = event.frames, event.seconds, event.episodes
            case JobStarted():
                self.running[event.job] = (0, event.total)
            case JobProgressed():
                self.running[event.job] = (event.done, event.total)
            case JobDone(is_reused=True):
                self.reused += event.frames
            case JobDone():
                self.running.pop(event.job, None)
                self.finished += event.frames
                self.cpu_s += event.cpu_s
            case JobFailed():
                self.running.pop(event.job, None)
            case Committed():
                self.committed += len(event.episodes)

    @property
    def done(self) -> int:
        """Frames encoded in this run."""
        return self.finished + sum(done for done, _ in self.running.values())

    @property
    def fraction(self) -> float:
        """Of all frames, those of earlier runs included."""
        return (self.done + self.reused) / self.total if self.total else 1.0

    @property
    def frames_per_s(self) -> float:
        """On average so far."""
        return self.done / self.elapsed_s

    @property
    def left_s(self) -> float | None:
        """Until all is encoded, at the rate so far."""
        return (self.total - self.reused - self.done) / self.frames_per_s if self.done else None

    def text(self) -> str:
        """Return the figures in words."""
        parts = [f"{self.frames_per_s:.0f} frames/s"]
        if (left_s := self.left_s) is not None:
            parts.append(time_left(left_s))
        if self.total and self.done:
            parts.append(f"{self.seconds * self.done / self.total / self.elapsed_s:.1f}x real time")
        if self.finished:
            speed_up = self.cpu_s / self.finished * self.done / self.elapsed_s
            parts.append(f"{speed_up:.1f}x one job at a time")
        return ", ".join(parts)

    def bars(self) -> Mapping[Hashable, Bar]:
        """Return one bar for all, and one for each job that runs."""
        jobs: dict[Hashable, Bar] = {job: Bar(str(job), *how_far) for job, how_far in self.running.items()}
        return {"all": Bar("all", self.done + self.reused, self.total or None, self.text()), **jobs}

    def line(self) -> str:
        """Return how far all is."""
        episodes = f"{self.committed} of {self.episodes} episodes, " if self.episodes else ""
        return f"{self.fraction:.0%}, {episodes}{self.text()}"

    def document(self) -> dict[str, Any]:
        """Return the figures for machines."""
        return {
            "fraction": self.fraction,
            "frames_done": self.done + self.reused,
            "frames_total": self.total,
            "frames_per_s": self.frames_per_s,
            "left_s": self.left_s,
            "episodes_done": self.committed,
            "episodes_total": self.episodes,
        }


def recorded(output: Output) -> Listener:
    """Return what tells the events of a run as JSON lines, for a program."""
    tally, is_due = EncodeTally(), Beat(_RECORD_S, first_s=0)

    def listen(event: Event) -> None:
        tally.take(event)
        if isinstance(event, Committed):
            output.record("committed", {"episodes": list(event.episodes), "first": event.first})
        elif isinstance(event, JobFailed):
            output.record("failed", {"job": str(event.job), "reason": event.reason})
        elif is_due():
            output.record("progress", tally.document())

    return listen
