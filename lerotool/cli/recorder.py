"""Runs a session at the robot: it in a thread of its own, this one for keys, signals and the panel."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from lerotool.cli.output import Output, OutputMode
from lerotool.cli.panel import Bell, LinePanel, Panel, open_panel
from lerotool.cli.signals import caught
from lerotool.recording.controls import Command, Controls, Keyboard
from lerotool.recording.events import Event
from lerotool.recording.status import Status

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

    def __init__(self, output: Output, bell: Bell = Bell.QUIET) -> None:
        self._bell = bell
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
        panel = open_panel(self._output, self._bell, has_keys=keyboard.is_active)
        try:
            with panel:
                self._watch(run, panel, keyboard)
        except OSError:
            if self._output.is_json:
                raise
            # The terminal has gone, after SIGHUP for example. The session goes on without being watched.
            with suppress(OSError):
                self._watch(run, LinePanel(Output(OutputMode.QUIET)), keyboard)

    def _watch(self, run: _Run[_Report_co], panel: Panel, keyboard: Keyboard) -> None:
        while run.is_alive() and self.controls.command is not Command.ABORT:
            for key in keyboard.poll():
                self.controls.press(key)
            self._tell_news(panel)
            panel.refresh(run.session.status)
            run.join(POLL_S)
        self._tell_command(panel)
        run.join(ABORT_WITHIN_S)
        self._tell_news(panel)

    def _tell_news(self, panel: Panel) -> None:
        self._tell_command(panel)
        with suppress(Empty):
            while True:
                panel.tell(self._news.get_nowait())

    def _tell_command(self, panel: Panel) -> None:
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
