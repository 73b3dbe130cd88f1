"""Failing file systems: every call that changes something is counted, and one of them does not return."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

_CALLS = ("fsync", "replace", "rename", "unlink", "remove", "rmdir", "mkdir", "link", "open")


class Killed(BaseException):
    """The process is dead: no cleaning up changes anything any more."""


class Fault(Enum):
    """What happens at the call."""

    KILL = "kill"
    """The call and all that follow are not made."""
    ERROR = "error"
    """This one call fails with EIO; the ones that follow work."""


class Calls:
    """Counts calls; the one with the number ``at`` fails.

    Attributes:
        count: how many calls there were.
        kills: the places at which a kill leaves other files behind than at the place before; a call that failed and a
            sync change nothing.
    """

    def __init__(self, fault: Fault | None = None, at: int = -1) -> None:
        self.count = 0
        self.kills = [0]
        self._fault = fault
        self._at = at

    def before(self) -> None:
        """Note a call; raise when it is not to be made."""
        place = self.count
        self.count += 1
        if self._fault is Fault.ERROR and place == self._at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self._fault is Fault.KILL and place >= self._at:
            raise Killed

    def after(self) -> None:
        """Note that a call has changed something."""
        if self.kills[-1] != self.count:
            self.kills.append(self.count)

    def places(self, fault: Fault, every: int = 1) -> list[int]:
        """Return where to let a fault happen: a kill wherever it makes a difference, an error at every n-th call."""
        return self.kills if fault is Fault.KILL else list(range(0, self.count, every))


@contextmanager
def faulty(fault: Fault | None = None, at: int = -1) -> Iterator[Calls]:
    """Count the calls of the operating system that change files, and let one of them fail."""
    calls = Calls(fault, at)
    with pytest.MonkeyPatch.context() as patch:
        for name in _CALLS:
            patch.setattr(os, name, _counting(getattr(os, name), calls, name))
        yield calls


def _counting(real: Any, calls: Calls, name: str) -> Any:
    def call(*arguments: Any, **options: Any) -> Any:
        if name == "open" and not arguments[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return real(*arguments, **options)
        calls.before()
        if name == "fsync":
            return None  # no power is cut here, and disks take their time
        result = real(*arguments, **options)
        calls.after()
        return result

    return call


def contents(root: Path) -> dict[str, str]:
    """Return a hash of every file of a dataset, without lerotool's own folder."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] != ".lerotool"
    }
