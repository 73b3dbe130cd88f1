"""How much disk a session needs and how long it will last; the thread that looks and syncs beside the loop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lerotool.errors import SpoolError
from lerotool.spool.writer import PendingWriter
from lerotool.storage import check_space, free_bytes
from lerotool.wording import sized

RESERVE_BYTES = 256 * 1024**2
"""Left free: a full disk hurts everything else on the machine."""
INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class DiskNeed:
    """What recording writes."""

    bytes_per_second: float
    take_bytes: int
    session_bytes: int  # of all takes still to be recorded


@dataclass(frozen=True, slots=True)
class DiskStatus:
    """What is free, and for how many seconds of recording that is enough (None: nothing is known to be written)."""

    free_bytes: int
    left_s: float | None


def measure_disk(root: Path, need: DiskNeed) -> DiskStatus:
    """Return what is free where the dataset lies, for how long."""
    free = free_bytes(root)
    if need.bytes_per_second <= 0:
        return DiskStatus(free, None)
    return DiskStatus(free, max(0.0, free - RESERVE_BYTES) / need.bytes_per_second)


def require_space(root: Path, need: DiskNeed) -> None:
    """Refuse to begin a take that cannot fit."""
    what = f"a take of {sized(need.take_bytes)}, with {sized(RESERVE_BYTES)} that stay free,"
    check_space(root, need.take_bytes + RESERVE_BYTES, what)


class Housekeeper:
    """Runs from ``start`` to ``stop``.

    Attributes:
        need: what the session writes; nothing until that is known.
        disk: the newest measurement, None before the first.
        error: why a sync failed during the take in progress, None if none did.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._writer: PendingWriter | None = None
        self._busy = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recording housekeeping", daemon=True)
        self.need = DiskNeed(0.0, 0, 0)
        self.disk: DiskStatus | None = None
        self.error: OSError | SpoolError | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @contextmanager
    def syncing(self, writer: PendingWriter) -> Iterator[None]:
        """Sync a pending episode's writer again and again; afterwards no sync is under way."""
        self.error = None
        self._writer = writer
        try:
            yield
        finally:
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
            try:
                self.disk = measure_disk(self._root, self.need)
            except OSError as error:
                self.error = error
            if self._stop.wait(INTERVAL_S):
                return
            self._sync()

    def _sync(self) -> None:
        with self._busy:
            if (writer := self._writer) is None:
                return
            try:
                writer.sync()
            except (OSError, SpoolError) as error:
                self.error = error
