"""What encoding, merging, editing, push and pull show of how far they are; of encoding also JSON lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lerotool.cli.output import Output
from lerotool.cli.progress import Bar, Beat, Tally, show, time_left
from lerotool.encoding import events as encoding
from lerotool.rewriting import events as rewriting
from lerotool.sharing import events as sharing
from lerotool.wording import counted, sized

_RECORD_S = 0.5


@dataclass(slots=True)
class EncodeTally(Tally[encoding.Event]):
    """Of ``lerotool encode``."""

    total: int = 0
    seconds: float = 0.0
    reused: int = 0
    finished: int = 0
    cpu_s: float = 0.0
    running: dict[encoding.JobName, tuple[int, int]] = field(default_factory=dict)
    episodes: int = 0
    committed: int = 0

    def take(self, event: encoding.Event) -> None:
        """Take in an event."""
        match event:
            case encoding.Found():
                self.total, self.seconds, self.episodes = event.frames, event.seconds, event.episodes
            case encoding.JobStarted():
                self.running[event.job] = (0, event.total)
            case encoding.JobProgressed():
                self.running[event.job] = (event.done, event.total)
            case encoding.JobDone(is_reused=True):
                self.reused += event.frames
            case encoding.JobDone():
                self.running.pop(event.job, None)
                self.finished += event.frames
                self.cpu_s += event.cpu_s
            case encoding.JobFailed():
                self.running.pop(event.job, None)
            case encoding.Committed():
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
    def left_s(self) -> float | None:
        """Until all is encoded, at the rate so far."""
        return (self.total - self.reused - self.done) * self.elapsed_s / self.done if self.done else None

    def text(self) -> str:
        """Return the figures in words."""
        parts = [f"{self.done / self.elapsed_s:.0f} frames/s"]
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


def recorded(output: Output) -> encoding.Listener:
    """Return what tells the events of a run of ``lerotool encode`` as JSON lines, for a program."""
    tally, is_due = EncodeTally(), Beat(_RECORD_S, first_s=0)

    def listen(event: encoding.Event) -> None:
        tally.take(event)
        if isinstance(event, encoding.Committed):
            output.record("committed", {"episodes": list(event.episodes), "first": event.first})
        elif isinstance(event, encoding.JobFailed):
            output.record("failed", {"job": str(event.job), "reason": event.reason})
        elif is_due():
            figures: dict[str, Any] = {
                "fraction": tally.fraction,
                "frames_done": tally.done + tally.reused,
                "frames_total": tally.total,
                "frames_per_s": tally.done / tally.elapsed_s,
                "left_s": tally.left_s,
                "episodes_done": tally.committed,
                "episodes_total": tally.episodes,
            }
            output.record("progress", figures)

    return listen


@dataclass(slots=True)
class MergeTally(Tally[rewriting.Event]):
    """Of ``lerotool merge`` and ``edit``."""

    total: rewriting.Begun = field(default_factory=lambda: rewriting.Begun(0, 0, 0, 0))
    episodes: int = 0
    bytes: int = 0
    frames_encoded: int = 0
    step: str = "copying"

    def take(self, event: rewriting.Event) -> None:
        """Take in an event."""
        match event:
            case rewriting.Begun():
                self.total = event
            case rewriting.Advanced():
                self.episodes += event.episodes
                self.bytes += event.bytes
                self.frames_encoded += event.frames_encoded
                self.step = "encoding" if self.encodes else "copying"
            case rewriting.Finishing():
                self.step = event.step

    @property
    def encodes(self) -> bool:
        """Whether frames are still encoded."""
        return self.frames_encoded < self.total.frames_to_encode

    def text(self) -> str:
        """Return the figures in words."""
        parts = [self.step]
        if self.total.frames_to_encode:
            parts.append(f"{self.frames_encoded} of {self.total.frames_to_encode} frames encoded")
        parts.append(f"{self.episodes / self.elapsed_s:.0f} episodes/s")
        parts.append(f"{self.bytes / 1e6 / self.elapsed_s:.0f} MB/s")
        # Until all is copied, at the rate so far; while frames are encoded, until they are.
        done, total = self.bytes, self.total.bytes
        if self.encodes:
            done, total = self.frames_encoded, self.total.frames_to_encode
        return ", ".join([*parts, time_left((total - done) / (done / self.elapsed_s))] if done else parts)

    def bars(self) -> Mapping[Hashable, Bar]:
        """Return how many episodes and bytes are there."""
        return {
            "episodes": Bar("episodes", self.episodes, self.total.episodes or None),
            "bytes": Bar("bytes", self.bytes, self.total.bytes or None, self.text()),
        }

    def line(self) -> str:
        """Return how far all is."""
        return f"{self.episodes} of {self.total.episodes} episodes, {self.text()}"


@dataclass(slots=True)
class SharingTally(Tally[sharing.Event]):
    """Of ``lerotool push`` and ``pull``."""

    total: sharing.Begun = field(default_factory=lambda: sharing.Begun(0, 0))
    files: int = 0
    bytes: int = 0
    step: str = ""

    def take(self, event: sharing.Event) -> str | None:
        """Take in an event; that the Hub is waited for stays on the screen."""
        match event:
            case sharing.Begun():
                self.began, self.total, self.step = time.monotonic(), event, ""
            case sharing.Advanced():
                self.files += event.files
                self.bytes += event.bytes
            case sharing.Step():
                self.step = event.text
            case sharing.Waiting():
                return f"the Hub: {event.reason}; asking again in {event.seconds:.0f} s"
        return None

    def bars(self) -> Mapping[Hashable, Bar]:
        """Return what is shown on a terminal."""
        return {"bytes": Bar("bytes", self.bytes, self.total.bytes or None, self._figures())}

    def line(self) -> str:
        """Return the same as one line."""
        if not self.total.bytes:
            return self.step
        return f"{sized(self.bytes)} of {sized(self.total.bytes)}, {self._figures()}"

    def _figures(self) -> str:
        if self.step:
            return self.step
        rate = self.bytes / self.elapsed_s
        parts = [f"{self.files} of {counted(self.total.files, 'file')}", f"{rate / 1e6:.1f} MB/s"]
        if self.bytes:
            parts.append(time_left(max(0, self.total.bytes - self.bytes) / rate))
        return ", ".join(parts)


@contextmanager
def sharing_shown(output: Output) -> Iterator[tuple[sharing.Listener, Callable[[int, int], None]]]:
    """Show a push or pull: what hears its events, and how many files of how many are checked. Notes are always said."""
    with show(output, SharingTally()) as shown:

        def listen(event: sharing.Event) -> None:
            if isinstance(event, sharing.Noted):
                output.warn(event.text)
            else:
                shown(event)

        def checked(done: int, total: int) -> None:
            listen(sharing.Step(f"checking the dataset: {done} of {counted(total, 'file')}"))

        yield listen, checked
