"""The thread that does beside the loop what may wait for the disk: syncing once a second, looking at free space."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from lerotool.errors import SpoolError
from lerotool.recording.disk import DiskStatus

INTERVAL_S = 1.0


class Syncable(Protocol):
    """A pending episode's writer, as this thread sees it."""

    def sync(self) -> None:
        """Flush what was written to the disk."""


class Housekeeper:
    """Runs from ``start`` to ``stop``.

    Args:
        measure: returns what is free on the disk.

    Attributes:
        disk: the newest measurement, None before the first.
        error: why a sync failed during the take in progress, None if none did.
    """

    def __init__(self, measure: Callable[[], DiskStatus]) -> None:
        self._measure = measure
        self._writer: Syncable | None = None
        self._busy = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recording housekeeping", daemon=True)
        self.disk: DiskStatus | None = None
        self.error: OSError | SpoolError | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def watch(self, writer: Syncable) -> None:
        """Sync this writer from now on."""
        self.error = None
        self._writer = writer

    def unwatch(self) -> None:
        """Stop syncing; on return no sync is under way."""
        self._writer = None
        with self._busy:
            pass

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._look()
            if self._stop.wait(INTERVAL_S):
                return
            self._sync()

    def _look(self) -> None:
        try:
            self.disk = self._measure()
        except OSError as error:
            self.error = error

    def _sync(self) -> None:
        with self._busy:
            writer = self._writer
            if writer is None:
                return
            try:
                writer.sync()
            except (OSError, SpoolError) as error:
                self.error = error
