"""Which processes hold a device that is busy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")


def list_holders(path: str | Path, *, processes: Path = _PROCESSES) -> tuple[str, ...]:
    """Return the other processes that have a device open, as ``name (pid)``; only those that this user may look at.

    Linux only: other systems do not tell without further programs, and give none here.
    """
    target = os.path.realpath(path)
    return tuple(
        sorted(f"{name} ({pid})" for pid, name in _list_processes(processes) if _holds(processes / pid, target))
    )


def _list_processes(processes: Path) -> Iterator[tuple[str, str]]:
    with suppress(OSError):  # no such folder on this system
        for folder in processes.iterdir():
            if folder.name.isdecimal() and folder.name != str(os.getpid()):
                with suppress(OSError):  # it has ended meanwhile
                    yield folder.name, (folder / "comm").read_text().strip()


def _holds(process: Path, target: str) -> bool:
    with suppress(OSError):  # another user's
        for link in (process / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                if str(link.readlink()) == target:
                    return True
    return False
