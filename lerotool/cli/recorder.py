"""A session at the robot: it runs in a thread of its own, this one has keys, signals and the panel that shows it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, Self, TypeVar

from rich.control import Control
from rich.live import Live

from lerotool.cli.event_words import describe, describe_warning
from lerotool.cli.output import Output
from lerotool.cli.panel_view import PanelView
from lerotool.cli.running import caught
from lerotool.recording import events
from lerotool.recording.controls import Command, Controls, Keyboard
from lerotool.recording.events import Event
from lerotool.recording.status import Status

REFRESH_S = 0.25


_RUNG = (
    events.TakeStarted,
    events.ResetStarted,
    events.QuestionAsked,
    events.DeviceLost,
    events.EncodingStarted,
    events.SessionReport,
)


class LinePanel:
    """One line per event on stderr; in JSON mode one JSON line per event on stdout. Not for the session's thread."""

    _seen_anyway: tuple[type[Event], ...] = ()

    def __init__(self, output: Output, *, has_keys: bool = False, has_bell: bool = False) -> None:
        self._output = output
        self._has_keys = has_keys
        self._has_bell = has_bell

    def __enter__(self) -> Self:
        if self._has_keys:
            self._output.note("keys: → or n ends the phase, ← or r discards and records again, q saves and leaves")
            self._output.note("after a take: s is success, f failure, ! a flag")
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tell(self, event: Event) -> None:
        """Show an event; ring where another phase begins and somebody looks at the robot."""
        if self._has_bell and self._output.is_text and isinstance(event, _RUNG):
            self._output.ring()
        self._output.record(event.type, event.to_json())
        if warning := describe_warning(event):
            self._show(self._output.warn, warning)
        elif not isinstance(event, self._seen_anyway) and (text := describe(event)):
            self.say(text)

    def say(self, text: str) -> None:
        """Show a line of our own."""
        self._show(self._output.note, text)

    def _show(self, how: Callable[[str], None], text: str) -> None:
        how(text)

    def refresh(self, status: Callable[[], Status]) -> None:
        """Show where the session is, if it is time to: here events are enough."""


class LivePanel(LinePanel):
    """A few lines that are repainted at most four times a second; events scroll by above them."""

    _seen_anyway = (events.TakeStarted, events.ResetStarted)

    def __init__(self, output: Output, *, has_keys: bool = False, has_bell: bool = False) -> None:
        super().__init__(output, has_keys=has_keys, has_bell=has_bell)
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

    def _show(self, how: Callable[[str], None], text: str) -> None:
        self._said.append((how, text))
        how(text)

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


POLL_S = 0.05
ABORT_WITHIN_S = 5.0

_WORDS = {
    Command.STOP: "finishing and leaving",
    Command.INTERRUPT: "finishing and leaving; press Ctrl-C again to stop at once",
    Command.ABORT: "stopping at once; nothing that is on disk is lost",
}


_Report_co = TypeVar("_Report_co", covariant=True)


class Runnable(Protocol[_Report_co]):
    """A session: recording, teleoperation, replay."""

    def run(self) -> _Report_co:
        """Run to the end, in a thread; obeys the controls it was built with."""

    def status(self) -> Status:
        """Return a snapshot; from any thread."""


class Recorder:
    """Runs one session in a thread and stands between it and the person."""

    def __init__(self, output: Output, *, has_bell: bool = False) -> None:
        self._has_bell = has_bell
        self.controls = Controls()
        self._news: SimpleQueue[Event] = SimpleQueue()
        self._output = output
        self._told = Command.NONE

    def listen(self, event: Event) -> None:
        """Take an event of the session, from its thread."""
        self._news.put(event)

    @property
    def is_interrupted(self) -> bool:
        """Whether a signal ended it."""
        return self.controls.is_interrupted

    def run(self, session: Runnable[_Report_co]) -> _Report_co | None:
        """Run a session, built with these ``controls`` and ``listen``, to its end, and return what it returned.

        None if it was left at once and did not end in time. An OSError may also be a stdout that nobody reads any more,
        after the take in progress was saved.
        """
        run = _Run(session)
        # The first Ctrl-C finishes the take and leaves, the second stops at once.
        with caught(self.controls.interrupt), Keyboard() as keyboard:
            run.start()
            try:
                self._accompany(run, keyboard)
            finally:
                # Whatever happened here, the take in progress is finished first.
                if run.is_alive() and self.controls.command is not Command.ABORT:
                    self.controls.interrupt()
                run.join(ABORT_WITHIN_S if self.controls.command is Command.ABORT else None)
        if run.error is not None:
            raise run.error
        return run.report

    def _accompany(self, run: _Run[_Report_co], keyboard: Keyboard) -> None:
        kind = LivePanel if self._output.shows_progress else LinePanel
        panel = kind(self._output, has_keys=keyboard.is_active, has_bell=self._has_bell)
        try:
            with panel:
                self._watch(run, panel, keyboard)
        except OSError:
            if self._output.is_json:
                raise
            # The terminal has gone, after SIGHUP for example. The session goes on without being watched.
            with suppress(OSError):
                self._watch(run, LinePanel(Output(is_quiet=True)), keyboard)

    def _watch(self, run: _Run[_Report_co], panel: LinePanel, keyboard: Keyboard) -> None:
        while run.is_alive() and self.controls.command is not Command.ABORT:
            for key in keyboard.poll():
                self.controls.press(key)
            self._tell_news(panel)
            panel.refresh(run.session.status)
            run.join(POLL_S)
        self._tell_command(panel)
        run.join(ABORT_WITHIN_S)
        self._tell_news(panel)

    def _tell_news(self, panel: LinePanel) -> None:
        self._tell_command(panel)
        with suppress(Empty):
            while True:
                panel.tell(self._news.get_nowait())

    def _tell_command(self, panel: LinePanel) -> None:
        command = self.controls.command
        if command <= self._told or command < Command.STOP:
            return
        self._told = command
        panel.say(_WORDS[command])


class _Run(threading.Thread, Generic[_Report_co]):
    """A session in its thread."""

    def __init__(self, session: Runnable[_Report_co]) -> None:
        super().__init__(name="recorder", daemon=True)
        self.session = session
        self.report: _Report_co | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.report = self.session.run()
        except BaseException as error:  # noqa: BLE001 - the edge of a thread: raised again in the main thread
            self.error = error
