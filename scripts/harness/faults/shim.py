"""The shim between this process and the C library: built with the system's compiler, loaded with ``LD_PRELOAD``."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import harness
from lerotool.errors import LerotoolError, UsageError

SOURCE = Path(__file__).with_name("shim.c")


class Kind(StrEnum):
    """What happens at a call."""

    EIO = "EIO"
    """It fails, this once: the disk has an error."""
    ENOSPC = "ENOSPC"
    """It fails, this once: the disk is full."""
    EINTR = "EINTR"
    """It fails, this once: a signal came."""
    FULL = "full"
    """From here on nothing that needs room succeeds; a write gets half of it."""
    KILL = "kill"
    """The process is killed before it."""
    TORN = "torn"
    """The process is killed when half of a write is done."""


_NUMBERS = {Kind.FULL: 2, Kind.KILL: 3, Kind.TORN: 4}
_ERRORS = {Kind.EIO: errno.EIO, Kind.ENOSPC: errno.ENOSPC, Kind.EINTR: errno.EINTR}


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at which call, counted from 0."""

    kind: Kind
    at: int


def missing() -> str | None:
    """Return why calls cannot be caught on this machine, None when they can."""
    if sys.platform != "linux":
        return "the calls of native code are caught with LD_PRELOAD, which only Linux has"
    if _compiler() is None:
        return "no C compiler was found (Debian: gcc)"
    return None


def build(folder: Path) -> Path:
    """Compile the shim into a folder and return the library.

    Raises:
        UsageError: this machine cannot.
        LerotoolError: the compiler fails.
    """
    if reason := missing():
        raise UsageError(f"faults cannot be made here: {reason}")
    library = folder / "lerotool-faults.so"
    command = [str(_compiler()), "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LerotoolError(f"{SOURCE} cannot be compiled: {done.stderr.strip()}")
    return library


def environment(library: Path) -> Mapping[str, str]:
    """Return the environment in which a process is to be started so that it has the shim."""
    return {**harness.environment(), "LD_PRELOAD": str(library)}


def _compiler() -> str | None:
    wanted = (os.environ.get("CC"), "cc", "gcc", "clang")
    return next((found for name in wanted if name and (found := shutil.which(name))), None)


class Shim:
    """The shim in this process, which must have been started with it.

    Raises:
        UsageError: it was not.
    """

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        if not hasattr(self._library, "faults_arm"):
            raise UsageError("this process was started without the shim")
        self._library.faults_disarm.restype = ctypes.c_long

    def arm(self, folder: Path, *, log: Path | None, copies: Path | None, fault: Fault | None) -> None:
        """Count the calls below a folder from now on.

        Args:
            folder: without links on the way to it.
            log: to which calls are appended.
            copies: folder for the contents of files as they are when they are flushed, named by the call's number.
            fault: what happens.
        """
        kind = fault.kind if fault else None
        error = _ERRORS.get(kind, 0) if kind else 0
        number = _NUMBERS.get(kind, 1) if kind else 0
        texts = [os.fsencode(path) if path else b"" for path in (folder, log, copies)]
        self._library.faults_arm(*texts, ctypes.c_long(fault.at if fault else -1), number, error)

    def boast(self) -> None:
        """Let every disk claim to have room until the next `arm`, like one that somebody else is about to fill."""
        self._library.faults_boast()

    def disarm(self) -> int:
        """Stop counting and return the count."""
        return int(self._library.faults_disarm())

    def mark(self, text: str) -> None:
        """Note in the log that something has been done, such as a promise to the caller."""
        self._library.faults_mark(text.encode())
