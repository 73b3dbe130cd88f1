"""Starts sessions one after another and disturbs them: kills, full disks, interrupts."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import harness
from harness.soak import BEGUN

_PATIENCE_S = 60.0


@dataclass(slots=True)
class Disturbances:
    """What was done to the sessions, and what they should not have said."""

    done: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def disturb(root: Path, ledger: Path, seconds: float, seed: int, *, may_fill: bool) -> Disturbances:
    """Record into a dataset for some time.

    Args:
        root: the dataset.
        ledger: file for what is promised, on another disk.
        seconds: after which no session is started any more.
        seed: of the luck.
        may_fill: whether the disk of the dataset is a small one of its own and may be filled.
    """
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    result = Disturbances()
    acts: list[Callable[[_Session], str]] = [_kill, _kill, _kill_helper, _interrupt, _wait]
    acts += [lambda session: _fill_disk(session, root, chance)] * 2 if may_fill else []
    while time.monotonic() < end:
        root.mkdir(parents=True, exist_ok=True)
        with _Session(root, ledger, chance.randrange(1 << 30)) as session:
            while session.is_running and time.monotonic() < end:
                session.wait(chance.uniform(1.0, 15.0))
                if session.is_running:
                    result.done[chance.choice(acts)(session)] += 1
            session.finish()
        result.done["sessions"] += 1
        if "Traceback" in session.said:
            result.problems.append(f"a session ended with a traceback: {session.said[-1500:]}")
    return result


class _Session:
    """One recording process."""

    def __init__(self, root: Path, ledger: Path, seed: int) -> None:
        self._complaints = ledger.with_suffix(".errors")
        with self._complaints.open("wb") as file:
            command = [sys.executable, "-m", "harness.soak.actor", str(root), str(ledger), str(seed)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=file, env=harness.environment())

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self.process.poll() is None

    @property
    def said(self) -> str:
        """What it wrote to standard error."""
        return self._complaints.read_text(errors="replace")

    def wait(self, seconds: float) -> None:
        """Let it work for some time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def interrupt(self) -> None:
        """Press Ctrl-C, as soon as it can answer."""
        end = time.monotonic() + _PATIENCE_S
        while self.is_running and BEGUN not in self.said and time.monotonic() < end:
            self.wait(0.05)
        self.process.send_signal(signal.SIGINT)

    def finish(self) -> None:
        """Ask it to leave; it is killed when it does not."""
        if self.is_running:
            self.interrupt()
            self.wait(_PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def _kill(session: _Session) -> str:
    session.process.kill()
    session.process.wait()
    return "recorders killed"


def _kill_helper(session: _Session) -> str:
    """Kill the encoder or one of its workers, if there is one."""
    found = list(_descendants(session.process.pid))
    if not found:
        return "no encoder to kill"
    with contextlib.suppress(ProcessLookupError):
        os.kill(found[-1], signal.SIGKILL)
    return "encoders killed"


def _interrupt(session: _Session) -> str:
    session.interrupt()
    return "interrupts"


def _wait(session: _Session) -> str:
    session.wait(1.0)
    return "left in peace"


def _fill_disk(session: _Session, root: Path, chance: random.Random) -> str:
    """Take all room but a little for some time."""
    ballast = root.parent / "ballast"
    with ballast.open("wb") as file:
        disk = os.statvfs(root.parent)
        room = disk.f_bavail * disk.f_frsize - chance.randrange(200_000)
        with contextlib.suppress(OSError):  # the session writes too, and may be quicker
            os.posix_fallocate(file.fileno(), 0, max(1, room))
    session.wait(chance.uniform(0.3, 3.0))
    ballast.unlink()
    return "full disks"


def _descendants(pid: int) -> Iterator[int]:
    """Yield the processes that a process has started, parents first."""
    with contextlib.suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                yield int(child)
                yield from _descendants(int(child))
