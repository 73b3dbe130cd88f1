"""What `lerotool record` shows: a live panel on a terminal, one line per event elsewhere, JSON lines for machines."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol, Self

from rich.control import Control
from rich.live import Live

from lerotool.cli.event_words import describe, describe_warning
from lerotool.cli.output import Output, OutputMode
from lerotool.cli.panel_view import PanelView
from lerotool.recording import events
from lerotool.recording.events import Event
from lerotool.recording.status import Status

REFRESH_S = 0.25


class Panel(Protocol):
    """Shows a session. Used by one thread, never the session's."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def tell(self, event: Event) -> None:
        """Show an event."""

    def say(self, text: str) -> None:
        """Show a line of our own."""

    def refresh(self, status: Callable[[], Status]) -> None:
        """Show where the session is, if it is time to."""


class Bell(StrEnum):
    """Whether the terminal's bell says that another phase has begun."""

    RINGS = "rings"
    QUIET = "quiet"

    def hear(self, event: Event, output: Output) -> None:
        """Ring at an event that somebody who looks at the robot should know of."""
        if self is Bell.RINGS and isinstance(event, _RUNG) and output.mode is OutputMode.TEXT:
            output.ring()


_RUNG = (
    events.TakeStarted,
    events.ResetStarted,
    events.QuestionAsked,
    events.DeviceLost,
    events.EncodingStarted,
    events.SessionReport,
)


def open_panel(output: Output, bell: Bell, *, has_keys: bool) -> Panel:
    """Return the panel for an output; enter it to show it."""
    if output.shows_progress:
        return LivePanel(output, bell, has_keys=has_keys)
    return LinePanel(output, bell, has_keys=has_keys)


class LinePanel:
    """One line per event on stderr; in JSON mode one JSON line per event on stdout."""

    def __init__(self, output: Output, bell: Bell = Bell.QUIET, *, has_keys: bool = False) -> None:
        self._output = output
        self._bell = bell
        self._has_keys = has_keys

    def __enter__(self) -> Self:
        if self._has_keys:
            self._output.note("keys: → or n ends the phase, ← or r discards and records again, q saves and leaves")
            self._output.note("after a take: s is success, f failure, ! a flag")
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tell(self, event: Event) -> None:
        """Show an event."""
        self._bell.hear(event, self._output)
        self._output.record(event.type, event.to_json())
        if warning := describe_warning(event):
            self._output.warn(warning)
        elif text := describe(event):
            self._output.note(text)

    def say(self, text: str) -> None:
        """Show a line of our own."""
        self._output.note(text)

    def refresh(self, status: Callable[[], Status]) -> None:
        """Show nothing: events are enough."""


class LivePanel:
    """A few lines that are repainted at most four times a second; events scroll by above them."""

    def __init__(self, output: Output, bell: Bell, *, has_keys: bool) -> None:
        self._output = output
        self._bell = bell
        self._has_keys = has_keys
        self._live = self._new_live()
        self._width = output.talk.width
        self._said: deque[tuple[Callable[[str], None], str]] = deque(maxlen=100)
        self._next_s = 0.0

    def _new_live(self) -> Live:
        return Live(console=self._output.talk, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def tell(self, event: Event) -> None:
        """Show an event."""
        self._bell.hear(event, self._output)
        if warning := describe_warning(event):
            self._say(self._output.warn, warning)
        elif not isinstance(event, events.TakeStarted | events.ResetStarted) and (text := describe(event)):
            self._say(self._output.note, text)

    def say(self, text: str) -> None:
        """Show a line of our own."""
        self._say(self._output.note, text)

    def _say(self, show: Callable[[str], None], text: str) -> None:
        self._said.append((show, text))
        show(text)

    def refresh(self, status: Callable[[], Status]) -> None:
        """Repaint, if it is time to."""
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + REFRESH_S
            self._clear_if_narrower()
            self._live.update(PanelView(status(), has_keys=self._has_keys), refresh=True)

    def _clear_if_narrower(self) -> None:
        """Start over where the terminal has wrapped the lines shown: nobody can tell how many rows they take now."""
        console = self._output.talk
        width, self._width = self._width, console.width
        if self._width >= width:
            return
        self._live.stop()
        console.control(Control.clear(), Control.home())
        for show, text in list(self._said)[-console.height // 3 :]:
            show(text)
        self._live = self._new_live()
        self._live.start()
