"""Encoding beside a recording: ``lerotool encode --pending`` in a process of its own, watched by a thread.

The process runs at the lowest priority, does not see the terminal's Ctrl-C, and stops when this one ends: its standard
input is the sign of life. It tells what happens by JSON lines on its standard output. Whatever becomes of it, the
episodes are on the disk, and the next run goes on where it was.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Self

from lerotool.choices import Priority
from lerotool.errors import IncompleteError
from lerotool.execution import EncoderStatus, cores, detached
from lerotool.wording import as_argument

_DONE, _INCOMPLETE, _STOPPED = 0, 8, 130
_STOP_S = 5.0
_JOIN_S = 0.2


class BackgroundEncoder:
    """Encodes a dataset's saved episodes while others are recorded.

    ``jobs`` and ``priority`` hold while recording goes on; `finish` uses all cores and `Priority.LOW`.
    """

    def __init__(self, root: Path, *, jobs: int | None = None, priority: Priority = Priority.IDLE) -> None:
        self._root = root
        self._jobs = jobs
        self._priority = priority
        self._status = EncoderStatus()
        self._changed = threading.Condition()
        self._is_wanted = self._is_finishing = self._is_stopped = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    @classmethod
    def beside_recording(cls, root: Path) -> Self:
        """Return one that keeps out of the way of a recording on the same machine.

        One core stays free: a thread that wakes on a busy one may wait for the scheduler's next clock tick, up to
        10 ms, even if all that keeps it busy has the lowest priority.
        """
        return cls(root, jobs=max(1, cores() - 1))

    @classmethod
    def while_waiting(cls, root: Path) -> Self:
        """Return one that somebody waits for: it uses all cores."""
        return cls(root, priority=Priority.LOW)

    def notify(self, saved_count: int) -> None:
        """Say that so many saved episodes wait now; returns at once and starts to encode all of them."""
        with self._changed:
            self._status = replace(self._status, waiting=saved_count)
            self._is_wanted = True
            self._wake()

    def status(self) -> EncoderStatus:
        """Return how far it is; never waits."""
        return self._status

    def finish(self) -> None:
        """Encode all that waits and pack the dataset; returns when that is done, or after `stop`.

        IncompleteError: something could not be encoded; it is still waiting on disk.
        """
        with self._changed:
            self._is_finishing = True
            hesitant = self._process
            self._wake()
        if hesitant is not None:
            # What gave way to the recording would now give way to everything; finished videos are kept.
            _end(hesitant)
        # In slices, so that Ctrl-C gets through on every system.
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(_JOIN_S)
        if self._status.problem and not self._is_stopped:
            raise IncompleteError(
                self._status.problem, hint=f"nothing is lost; run: lerotool encode --pending {as_argument(self._root)}"
            )

    def stop(self) -> None:
        """Stop at once, from any thread; unfinished work is redone by the next encoding."""
        with self._changed:
            self._is_stopped = True
            process = self._process
            self._changed.notify_all()
        if process is not None:
            _end(process)

    def _wake(self) -> None:
        if self._thread is None and not self._is_stopped:
            self._thread = threading.Thread(target=self._supervise, name="background-encoder", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _supervise(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_wanted or self._is_finishing or self._is_stopped)
                if self._is_stopped:
                    return
                is_last = self._is_finishing
                self._is_wanted = False
            self._encode(pack=is_last)
            if is_last:
                return

    def _encode(self, *, pack: bool) -> None:
        self._update(is_busy=True, fraction=0.0, problem=None)
        problem: str | None = None
        try:
            with tempfile.TemporaryFile() as errors:
                problem = self._run_process(errors, pack=pack)
        except OSError as error:
            problem = f"encoding cannot be started: {error}"
        finally:
            self._update(is_busy=False, fraction=0.0, frames_per_s=0.0, left_s=None, problem=problem)

    def _run_process(self, errors: IO[bytes], *, pack: bool) -> str | None:
        """Run one encoding to its end; returns what went wrong, if something did."""
        with self._changed:
            if self._is_stopped:
                return None
            priority = Priority.LOW if pack else self._priority
            process = subprocess.Popen(
                self._command(priority, pack=pack),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                **detached(priority),
            )
            self._process = process
        assert process.stdout is not None
        report: Mapping[str, Any] = {}
        for line in process.stdout:
            report = self._hear(line) or report
        code = process.wait()
        with self._changed:
            self._process = None
        _close(process)
        if code in (_DONE, _STOPPED) or self._is_stopped:
            return None
        failures = report.get("failures") or []
        if code == _INCOMPLETE and report:
            return _describe(failures) if failures else None
        errors.seek(0)
        return _problem(code, errors.read())

    def _command(self, priority: Priority, *, pack: bool) -> list[str]:
        command = [sys.executable, "-m", "lerotool", "encode", "--pending", "--json", "--background"]
        command += ["--priority", priority.value]
        if self._jobs is not None and not pack:
            command += ["--jobs", str(self._jobs)]
        command += [] if pack else ["--no-pack"]
        # A folder's name may look like an option.
        return [*command, "--", str(self._root)]

    def _hear(self, line: bytes) -> Mapping[str, Any] | None:
        """Take in one line; returns it if it is the report."""
        try:
            message = json.loads(line)
        except ValueError:
            return None
        match message:
            case {"type": "progress", "fraction": fraction, "frames_per_s": rate, "left_s": left_s}:
                self._update(fraction=fraction, frames_per_s=rate, left_s=left_s)
            case {"type": "committed", "episodes": [*episodes]}:
                with self._changed:
                    self._status = replace(
                        self._status,
                        done=self._status.done + len(episodes),
                        waiting=max(0, self._status.waiting - len(episodes)),
                    )
            case {"type": "report"}:
                return dict(message)
        return None

    def _update(self, **changes: Any) -> None:
        with self._changed:
            self._status = replace(self._status, **changes)


def _describe(failures: Sequence[Mapping[str, Any]]) -> str:
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return f"{failures[0]['episode']} could not be encoded: {failures[0]['reason']}{more}"


def _problem(code: int, errors: bytes) -> str:
    lines = errors.decode(errors="replace").strip().splitlines()
    text = lines[-1] if lines else ""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        text = json.loads(text)["message"]
    ended = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    return f"the encoding process {ended}" + (f": {text}" if text else "")


def _close(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
