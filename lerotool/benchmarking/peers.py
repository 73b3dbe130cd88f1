"""Running the real LeRobot: in an interpreter of its own, offline, watched, and never left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerotool.choices import Priority
from lerotool.errors import LerotoolError, UsageError
from lerotool.execution import detached

_PROGRAMS = Path(__file__).parent / "peer"
_POLL_S = 0.1
_ASK_S = 300.0
_VERSION = "from lerobot import __version__; print(__version__)"
_HINT = "--lerobot names the Python of an environment that has LeRobot with its dataset extra"


class PeerError(LerotoolError):
    """The real LeRobot failed; the text is what it said last."""


@dataclass(frozen=True, slots=True)
class Peer:
    """An interpreter that has LeRobot."""

    python: Path
    version: str

    def __str__(self) -> str:
        return f"LeRobot {self.version}"

    def run(self, program: str, folder: Path, arguments: list[object], on_wait: Callable[[float], None]) -> Any:
        """Run one of the programs in ``peer`` and return what it has written.

        ``None`` among the arguments stands for the result's path; ``on_wait`` is called with the seconds since it
        began.
        """
        result = folder / "result.json"
        result.unlink(missing_ok=True)
        words = [str(result if argument is None else argument) for argument in arguments]
        code, said = _run([str(self.python), "-P", str(_PROGRAMS / program), *words], folder, on_wait)
        if code or not result.exists():
            raise PeerError(_reason(code, said))
        return json.loads(result.read_bytes())


def find_peer(python: Path) -> Peer:
    """Ask an interpreter for its LeRobot."""
    # A virtual environment's python is a link that must not be resolved.
    path = Path(os.path.abspath(python.expanduser()))  # noqa: PTH100
    command = [str(path), "-P", "-c", _VERSION]
    try:
        asked = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_ASK_S, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"--lerobot: {path} cannot be run: {error}", hint=_HINT) from None
    if asked.returncode or not asked.stdout.strip():
        last = (asked.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise UsageError(f"--lerobot: {path} has no LeRobot: {last}", hint=_HINT)
    return Peer(path, asked.stdout.split()[-1])


def _run(command: list[str], folder: Path, on_wait: Callable[[float], None]) -> tuple[int, str]:
    caches = {name: str(folder / "home") for name in ("HF_HOME", "HF_LEROBOT_HOME", "HF_DATASETS_CACHE")}
    environment = {**os.environ, **caches, "HF_HUB_OFFLINE": "1"}
    log = folder / "peer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            **detached(Priority.NORMAL),
        )
        began = time.monotonic()
        try:
            while process.poll() is None:
                on_wait(time.monotonic() - began)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_S)
        finally:
            _end(process)
    return process.returncode, log.read_text(encoding="utf-8", errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and all that it has started."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.poll() is None:
        process.kill()
    process.wait()


def _reason(code: int, said: str) -> str:
    """Return what it said last: the error of a traceback, in one line."""
    lines = [line.strip() for line in said.strip().splitlines() if line.strip()]
    errors = [line for line in lines if line.partition(":")[0].endswith(("Error", "Exception", "Interrupt"))]
    last = (errors or lines or ["nothing"])[-1]
    ended = f"ended by signal {-code}" if code < 0 else f"exit code {code}"
    return f"{ended}: {last[:300]}"
