"""How far a job is, in a small file, and the file that tells it to stop: they reach all machines alike."""

from __future__ import annotations

import contextlib
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from lerotool.execution.places import StoppedError

_COUNTS = struct.Struct("<QQ")


@dataclass(frozen=True, slots=True)
class EncoderStatus:
    """How far encoding beside a recording is."""

    is_busy: bool = False
    waiting: int = 0  # episodes that were handed over and are not in the dataset yet
    done: int = 0  # episodes that were brought into the dataset
    fraction: float = 0.0  # of what is being encoded now, 0 to 1
    left_s: float | None = None  # until that is done, None if that is not known
    frames_per_s: float = 0.0  # of all encoders together
    problem: str | None = None  # what went wrong, if something did; the episodes are then still waiting on disk


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is: ``done`` of ``total`` steps."""

    done: int
    total: int


class ProgressFile:
    """Tells by a small file how far a job is, and looks for the file that tells it to stop.

    The job also stops when the stop file's folder is gone, and with it whoever waits for the job. Files are touched at
    most every ``interval_s``.
    """

    def __init__(self, path: Path, total: int, stop: Path, *, interval_s: float = 0.2) -> None:
        self._path = path
        self._total = total
        self._stop = stop
        self._interval_s = interval_s
        self._due = 0.0

    def report(self, done: int) -> None:
        """Say that ``done`` steps are done; raises StoppedError if the job is to stop."""
        now = time.monotonic()
        if now < self._due and done < self._total:
            return
        self._due = now + self._interval_s
        if self._stop.exists() or not self._stop.parent.exists():
            raise StoppedError("stopped")
        # Progress is for looking at: a disk that is full fails the job where its results are written, not here.
        with contextlib.suppress(OSError):
            self._path.write_bytes(_COUNTS.pack(done, self._total))


def read_progress(path: Path) -> JobProgress | None:
    """Return what a job last reported, or None when it has reported nothing yet."""
    try:
        return JobProgress(*_COUNTS.unpack(path.read_bytes()))
    except (OSError, struct.error):
        return None
