"""Progress of ``lerotool merge``: how far it is."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from lerotool.cli.progress import Bar, Tally, time_left
from lerotool.rewriting.events import Advanced, Begun, Event, Finishing


@dataclass(slots=True)
class MergeTally(Tally[Event]):
    """What has been done so far, for showing."""

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

    def bars(self) -> Mapping[Hashable, Bar]:
        """Return how many episodes and bytes are there."""
        return {
            "episodes": Bar("episodes", self.episodes, self.total.episodes or None),
            "bytes": Bar("bytes", self.bytes, self.total.bytes or None, self.text()),
        }

    def line(self) -> str:
        """Return how far all is."""
        return f"{self.episodes} of {self.total.episodes} episodes, {self.text()}"
