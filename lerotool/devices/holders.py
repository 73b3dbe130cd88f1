"""Which processes hold a device that is busy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROCESSES = Path("/proc")
_PSEUDO_TERMINAL_MASTERS = ("/dev/ptmx", "/dev/pts/ptmx")


@dataclass(frozen=True, slots=True, order=True)
class Holder:
    """A process that has a device open."""

    name: str
    pid: int

    @property
    def is_self(self) -> bool:
        """Whether it is this process."""
        return self.pid == os.getpid()

    def __str__(self) -> str:
        return f"{self.name} ({self.pid})"


def list_holders(path: str | Path, *, processes: Path = _PROCESSES) -> tuple[Holder, ...]:
    """Return the processes that have a device open, this one included; only those that this user may look at.

    Linux only: other systems do not tell without further programs, and give none here.
    """
    target = os.path.realpath(path)
    return tuple(sorted(holder for holder in _list_processes(processes) if _holds(processes / str(holder.pid), target)))


def _list_processes(processes: Path) -> Iterator[Holder]:
    with suppress(OSError):  # no such folder on this system
        for folder in processes.iterdir():
            if folder.name.isdecimal():
                with suppress(OSError):  # it has ended meanwhile
                    yield Holder((folder / "comm").read_text().strip(), int(folder.name))


def _holds(process: Path, target: str) -> bool:
    """Tell whether a process uses a device; who made a pseudo-terminal has its other end open and does not use it."""
    opened = set(_open_files(process))
    return target in opened and opened.isdisjoint(_PSEUDO_TERMINAL_MASTERS)


def _open_files(process: Path) -> Iterator[str]:
    with suppress(OSError):  # another user's
        for link in (process / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                yield str(link.readlink())
