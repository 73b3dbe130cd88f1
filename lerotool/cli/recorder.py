"""Runs a recording session: it in a thread of its own, this one for keys, signals and the panel."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import FrameType

from lerotool.cli.output import Output, OutputMode
from lerotool.cli.panel import LinePanel, Panel, open_panel
from lerotool.recording.batch import BatchEncoder
from lerotool.recording.config import RecordingConfig
from lerotool.recording.controls import Command, Controls
from lerotool.recording.events import Event, SessionReport
from lerotool.recording.keys import Keyboard
from lerotool.recording.session import Session
from lerotool.recording.take import Devices

POLL_S = 0.05
ABORT_WITHIN_S = 5.0
_SIGNALS = [number for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if (number := getattr(signal, name, None))]

_WORDS = {
    Command.STOP: "finishing and leaving",
    Command.INTERRUPT: "finishing and leaving; press Ctrl-C again to stop at once",
    Command.ABORT: "stopping at once; nothing that is on disk is lost",
}


class Recorder:
    """Runs one session in a thread and stands between it and the person.

    Args:
        config: what to record.
        devices: the robot and cameras.
        encoder: encodes in the background, or None.
        output: where to talk.
    """

    def __init__(self, config: RecordingConfig, devices: Devices, encoder: BatchEncoder | None, output: Output) -> None:
        self._controls = Controls()
        self._news: SimpleQueue[Event] = SimpleQueue()
        self._session = Session(config, devices, self._controls, encoder=encoder, listen=self._news.put)
        self._output = output
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._told = Command.NONE

    @property
    def report(self) -> SessionReport | None:
        """What the session did; None if it could not even begin, or was left before it could tell."""
        return self._session.report

    @property
    def is_interrupted(self) -> bool:
        """Whether a signal ended it."""
        return self._controls.is_interrupted

    def run(self) -> None:
        """Run the session to its end.

        Raises:
            LerotoolError: what ended the session.
            OSError: the same; also a stdout that nobody reads any more, after the take in progress was saved.
        """
        with _caught_signals(self._controls), Keyboard() as keyboard:
            self._thread.start()
            try:
                self._accompany(keyboard)
            finally:
                # Whatever happened here, the take in progress is finished first.
                if self._thread.is_alive() and self._controls.command is not Command.ABORT:
                    self._controls.interrupt()
                self._thread.join(ABORT_WITHIN_S if self._controls.command is Command.ABORT else None)
        if self._error is not None:
            raise self._error

    def _accompany(self, keyboard: Keyboard) -> None:
        panel = open_panel(self._output, has_keys=keyboard.is_active)
        try:
            with panel:
                self._watch(panel, keyboard)
        except OSError:
            if self._output.is_json:
                raise
            # The terminal has gone, after SIGHUP for example. The session goes on without being watched.
            with suppress(OSError):
                self._watch(LinePanel(Output(OutputMode.QUIET)), keyboard)

    def _watch(self, panel: Panel, keyboard: Keyboard) -> None:
        while self._thread.is_alive() and self._controls.command is not Command.ABORT:
            for key in keyboard.poll():
                self._controls.press(key)
            self._tell_news(panel)
            panel.refresh(self._session.status)
            self._thread.join(POLL_S)
        self._tell_command(panel)
        self._thread.join(ABORT_WITHIN_S)
        self._tell_news(panel)

    def _tell_news(self, panel: Panel) -> None:
        self._tell_command(panel)
        with suppress(Empty):
            while True:
                panel.tell(self._news.get_nowait())

    def _tell_command(self, panel: Panel) -> None:
        command = self._controls.command
        if command <= self._told or command < Command.STOP:
            return
        self._told = command
        panel.say(_WORDS[command])

    def _run(self) -> None:
        try:
            self._session.run()
        except BaseException as error:  # noqa: BLE001 - the edge of a thread: raised again in the main thread
            self._error = error


@contextmanager
def _caught_signals(controls: Controls) -> Iterator[None]:
    """Turn Ctrl-C and its kind into commands: the first finishes the take and leaves, the second stops at once."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        controls.interrupt()

    previous = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
