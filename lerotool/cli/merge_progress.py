"""Progress of ``lerotool merge``: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lerotool.cli.output import Output
from lerotool.cli.progress import Beat, make_bars, time_left
from lerotool.merging.events import Advanced, Begun, Event, Finishing, Listener, ignore_event


@dataclass(slots=True)
class Tally:
    """What has been done so far, for showing."""

    began: float = field(default_factory=time.monotonic)
    total: Begun = field(default_factory=lambda: Begun(0, 0, 0, 0))
    episodes: int = 0
    bytes: int = 0
    frames_encoded: int = 0
    step: str = "copying"

    def take(self, event: Event) -> None:
        """Take in an event."""
        match event:
            case Begun():
                self.total = event
            case Advanced():
                self.episodes += event.episodes
                self.bytes += event.bytes
                self.frames_encoded += event.frames_encoded
                self.step = "encoding" if self.frames_encoded < self.total.frames_to_encode else "copying"
            case Finishing():
                self.step = event.step

    @property
    def elapsed_s(self) -> float:
        """Since the beginning."""
        return max(1e-9, time.monotonic() - self.began)

    @property
    def left_s(self) -> float | None:
        """Until all is copied, at the rate so far; while frames are encoded, until they are."""
        if self.frames_encoded < self.total.frames_to_encode:
            done, total = self.frames_encoded, self.total.frames_to_encode
        else:
            done, total = self.bytes, self.total.bytes
        return (total - done) / (done / self.elapsed_s) if done else None

    def text(self) -> str:
        """Return the figures in words."""
        parts = [self.step]
        if self.total.frames_to_encode:
            parts.append(f"{self.frames_encoded} of {self.total.frames_to_encode} frames encoded")
        parts.append(f"{self.episodes / self.elapsed_s:.0f} episodes/s")
        parts.append(f"{self.bytes / 1e6 / self.elapsed_s:.0f} MB/s")
        if (left_s := self.left_s) is not None:
            parts.append(time_left(left_s))
        return ", ".join(parts)


@contextmanager
def open_progress(output: Output) -> Iterator[Listener]:
    """Show the progress of one merge; gives what listens to its events."""
    if output.shows_progress:
        with _bars(output) as listen:
            yield listen
    elif output.is_json:
        yield ignore_event
    else:
        yield _lines(output)


def _lines(output: Output) -> Listener:
    tally, is_due = Tally(), Beat()

    def listen(event: Event) -> None:
        tally.take(event)
        if is_due():
            output.note(f"{tally.episodes} of {tally.total.episodes} episodes, {tally.text()}")

    return listen


@contextmanager
def _bars(output: Output) -> Iterator[Listener]:
    progress = make_bars(output)
    tally = Tally()
    with progress:
        rows = progress.add_task("episodes", total=None, figures="")
        bytes_ = progress.add_task("bytes", total=None, figures="")

        def listen(event: Event) -> None:
            tally.take(event)
            progress.update(rows, total=tally.total.episodes, completed=tally.episodes)
            progress.update(bytes_, total=tally.total.bytes, completed=tally.bytes, figures=tally.text())

        yield listen
