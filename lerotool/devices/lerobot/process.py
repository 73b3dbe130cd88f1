"""The child process in which LeRobot runs, and what is said to it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

from lerotool.errors import CalibrationError, DeviceError, DeviceTimeoutError, LerotoolError, UsageError
from lerotool.wording import as_argument

CHILD = Path(__file__).with_name("child.py")
START_S = 180.0
"""LeRobot imports torch; from a cold disk that takes its time."""
CONNECT_S = 60.0
CLOSE_S = 10.0
_LENGTH = struct.Struct("<I")
_MOST_BYTES = 2**24
_MOST_LINES = 20
_LOOK = "look at the robot, switch its power off if it holds; then run the same command again"


class LeRobotProcess:
    """LeRobot in an interpreter of its own. One thread at a time asks it; `kill` may come from any."""

    def __init__(self, python: Path, arguments: Sequence[str] = ()) -> None:
        self._python = python
        self._arguments = arguments
        try:
            self._process = subprocess.Popen(
                [str(python), "-u", str(CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                # Ctrl-C is for the recorder, which releases the robot in its own time.
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError(
                f"{python} cannot be started: {error.strerror}", hint="name a Python that has LeRobot"
            ) from error
        self._silence: DeviceTimeoutError | None = None
        # Whether the robot may hold torque: it was to be connected, and LeRobot has not said that it is released.
        self.may_hold = False
        self._said: deque[str] = deque(maxlen=_MOST_LINES)
        self._answers: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        listeners = (self._hear_answers, self._hear_complaints)
        self._threads = [threading.Thread(target=listen, name="lerobot", daemon=True) for listen in listeners]
        for thread in self._threads:
            thread.start()

    def ask(self, what: str, within_s: float, **request: Any) -> Any:
        """Return the answer to a request.

        UsageError: it cannot be, as LeRobot says. DeviceTimeoutError: no answer came in time, and the process was
        killed.
        """
        if self._silence is not None:
            raise DeviceTimeoutError(self._silence.message, hint=self._silence.hint)
        data = json.dumps({"do": what, **request}).encode()
        self.may_hold = self.may_hold or what == "connect"
        try:
            self._send(data)
        except (OSError, ValueError):
            raise self._death() from None
        answer = self._await(within_s)
        if (error := answer.get("error")) is not None:
            raise self._error(error)
        if what == "close" and not answer["ok"]:
            self.may_hold = False
        return answer["ok"]

    def kill(self) -> None:
        """End the process and all that it has started, whatever it is doing."""
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._free()

    def end(self, within_s: float) -> bool:
        """Close the pipe and wait for the process; returns whether it ended by itself, else it has been killed."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        self._free()
        return True

    def _free(self) -> None:
        for thread in self._threads:
            thread.join(1.0)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(_LENGTH.pack(len(data)) + data)

    def _await(self, within_s: float) -> dict[str, Any]:
        try:
            answer = self._answers.get(timeout=within_s)
        except Empty:
            self.kill()
            text = f"LeRobot was silent for {within_s:g} s and has been killed{self._torque()}"
            self._silence = DeviceTimeoutError(text, hint=self._hint())
            raise self._silence from None
        if answer is None:
            raise self._death()
        return answer

    def _hear_answers(self) -> None:
        """Read answers in a thread: the one way to wait for a pipe with a time limit that every system has."""
        assert self._process.stdout is not None
        output = self._process.stdout
        with suppress(OSError, ValueError):
            while len(head := _read_whole(output, _LENGTH.size)) == _LENGTH.size:
                (length,) = _LENGTH.unpack(head)
                if length > _MOST_BYTES:
                    break
                self._answers.put(json.loads(_read_whole(output, length)))
        self._answers.put(None)

    def _death(self) -> DeviceError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        self.kill()
        last = f": {self._said[-1]}" if self._said else ""
        text = f"LeRobot's process has ended (code {self._process.returncode}){self._torque()}{last}"
        return DeviceError(text, hint=self._hint())

    def _torque(self) -> str:
        return "; its robot may still hold torque" if self.may_hold else ""

    def _hint(self) -> str:
        return _LOOK if self.may_hold else f"try it alone: {self._python} -m lerobot.scripts.lerobot_info"

    def _error(self, error: Mapping[str, Any]) -> LerotoolError:
        """Return what an answer complains of."""
        text = f"LeRobot: {error['text']}"
        if error["kind"] == "usage":
            command = f"lerotool setup robots --lerobot {as_argument(self._python)}"
            return UsageError(text, hint=f"list types, or the options of one, with: {command}")
        if error["kind"] == "calibration":
            options = [argument for argument in self._arguments if argument.startswith(f"--{error['role']}.")]
            command = shlex.join(("lerobot-calibrate", *options))
            return CalibrationError(text, hint=f"calibrate it with LeRobot: {command}")
        return DeviceError(text)

    def _hear_complaints(self) -> None:
        assert self._process.stderr is not None
        with suppress(OSError, ValueError):
            while data := self._process.stderr.read(4096):
                lines = data.decode(errors="replace").splitlines()
                self._said.extend(line for line in lines if line.strip())


def _read_whole(pipe: IO[bytes], size: int) -> bytes:
    """Return so many bytes, fewer only at the pipe's end."""
    received = b""
    while len(received) < size and (data := pipe.read(size - len(received))):
        received += data
    return received
