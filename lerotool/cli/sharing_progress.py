"""Progress of ``lerotool push`` and ``lerotool pull``: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from lerotool.cli.output import Output
from lerotool.cli.progress import Bar, Tally, show, time_left
from lerotool.sharing.events import Advanced, Begun, Event, Listener, Noted, Step, Waiting
from lerotool.wording import counted, sized


@dataclass(slots=True)
class SharingTally(Tally[Event]):
    """What has been sent or fetched so far, for showing."""

    total: Begun = field(default_factory=lambda: Begun(0, 0))
    files: int = 0
    bytes: int = 0
    step: str = ""

    def take(self, event: Event) -> None:
        """Take in an event."""
        match event:
            case Begun():
                self.began, self.total, self.step = time.monotonic(), event, ""
            case Advanced():
                self.files += event.files
                self.bytes += event.bytes
            case Step():
                self.step = event.text

    def bars(self) -> Mapping[Hashable, Bar]:
        """Return what is shown on a terminal."""
        return {"bytes": Bar("bytes", self.bytes, self.total.bytes or None, self._figures())}

    def line(self) -> str:
        """Return the same as one line."""
        if not self.total.bytes:
            return self.step
        return f"{sized(self.bytes)} of {sized(self.total.bytes)}, {self._figures()}"

    def told(self, event: Event) -> str | None:
        """Return what the screen says about waiting."""
        if isinstance(event, Waiting):
            return f"the Hub: {event.reason}; asking again in {event.seconds:.0f} s"
        return None

    def _figures(self) -> str:
        if self.step:
            return self.step
        rate = self.bytes / self.elapsed_s
        parts = [f"{self.files} of {counted(self.total.files, 'file')}", f"{rate / 1e6:.1f} MB/s"]
        if self.bytes:
            parts.append(time_left(max(0, self.total.bytes - self.bytes) / rate))
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Progress:
    """What hears how far it is."""

    listen: Listener  # of push and pull
    checked: Callable[[int, int], None]  # of checking: how many files of how many


@contextmanager
def open_progress(output: Output) -> Iterator[Progress]:
    """Show the progress of one push or pull; what is good to know is said in every mode."""
    with show(output, SharingTally()) as shown:

        def listen(event: Event) -> None:
            if isinstance(event, Noted):
                output.warn(event.text)
            else:
                shown(event)

        def checked(done: int, total: int) -> None:
            listen(Step(f"checking the dataset: {done} of {counted(total, 'file')}"))

        yield Progress(listen, checked)
