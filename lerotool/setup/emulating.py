"""Emulated arms and cameras in processes of their own, for people without hardware. POSIX only.

The processes are those of `lerotool.testing`; they end when whoever has started them ends, however that happens.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lerotool.devices.arms.joints import Role
from lerotool.errors import DeviceBusyError, DeviceError, UsageError

CAMERAS = ("front", "wrist", "top")
CAMERA_PORT = 8481
_SERIALS = {Role.LEADER: "L1", Role.FOLLOWER: "F1"}
_ANOTHER = "end the other lerotool setup emulate, or name another --folder and --camera-port"
_STOP_TIMEOUT_S = 5.0
_APART: dict[str, Any] = {"stderr": subprocess.PIPE, "start_new_session": True}


@dataclass(frozen=True, slots=True)
class EmulatedRig:
    """What has been started."""

    ports: Mapping[Role, Path]  # by arm, where its serial port is
    cameras: Mapping[str, str]  # by name, the address
    _arms: Mapping[Role, Child] = field(repr=False, compare=False)

    @property
    def serial_ports(self) -> str:
        """The value of ``LEROTOOL_SERIAL_PORTS`` that lets lerotool find the ports."""
        return ",".join(f"{path}={_SERIALS[role]}" for role, path in self.ports.items())

    @property
    def serials(self) -> Mapping[Role, str]:
        """The serial numbers of the ports."""
        return _SERIALS

    def toggle(self, role: Role) -> bool:
        """Pull the USB cable of an arm, or plug it in again; return whether it is plugged in now."""
        is_in = os.path.lexists(self.ports[role])
        order = "unplug" if is_in else "replug"
        _require(self._arms[role].ask(order), self._arms[role], order)
        return not is_in


def default_folder() -> Path:
    """Return where the ports appear unless somebody says otherwise."""
    return Path(tempfile.gettempdir()) / "lerotool-emulated"


@contextmanager
def emulated_rig(folder: Path, cameras: int = 1, first_port: int = CAMERA_PORT) -> Iterator[EmulatedRig]:
    """Emulate a leader, a follower and network cameras for the time of a block.

    The serial ports ``leader`` and ``follower`` appear in the folder; cameras take TCP ports from ``first_port`` on.
    """
    if os.name != "posix":
        raise UsageError("emulated arms need pseudo-terminals, which this system does not have")
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        arms, ports, urls = {}, {}, {}
        for role in (Role.LEADER, Role.FOLLOWER):
            link = folder / role.value
            if link.exists():
                raise DeviceBusyError(f"{link} is there already", hint=_ANOTHER)
            link.unlink(missing_ok=True)  # of one that was killed
            child = Child("servo_bus", "--ids", "1-6", "--move", "--link", str(link), **_APART)
            stack.callback(child.end)
            ports[role], arms[role] = link, child
        children = {}
        for place, name in enumerate(CAMERAS[:cameras]):
            arguments = ("--size", "640x480", "--fps", "30", "--port", str(first_port + place))
            child = Child("mjpeg_camera", *arguments, **_APART)
            stack.callback(child.end)
            children[name] = child
        for role, child in arms.items():
            _require(child.read(), child, f"the port {ports[role]}")
        for name, child in children.items():
            urls[name] = str(_require(child.read(), child, f"the camera {name!r}")["url"])
        yield EmulatedRig(ports, urls, arms)


class Child:
    """A process of `lerotool.testing` that takes orders as lines of JSON and ends when its input ends."""

    def __init__(self, module: str, *arguments: str, **how: Any) -> None:
        command = [sys.executable, "-m", f"lerotool.testing.{module}", "--control", *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **how)

    def ask(self, order: str, **arguments: object) -> dict[str, Any] | None:
        """Let it do something; return its answer, None if it has ended."""
        assert self.process.stdin is not None
        with suppress(OSError):  # it has ended
            self.process.stdin.write(json.dumps({"do": order, **arguments}).encode() + b"\n")
            self.process.stdin.flush()
        return self.read()

    def read(self) -> dict[str, Any] | None:
        """Return its next answer, None if it has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        answer: dict[str, Any] | None = json.loads(line) if line else None
        return answer

    def end(self) -> None:
        """End the process, and with it its port; one that has ended may be ended again."""
        with self.process as process:
            assert process.stdin is not None
            with suppress(OSError):
                process.stdin.close()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _require(answer: dict[str, Any] | None, child: Child, what: str) -> dict[str, Any]:
    """Return an answer; raises what the process has said last if there is none."""
    if answer is not None:
        return answer
    assert child.process.stderr is not None
    said = child.process.stderr.read().decode(errors="replace").strip().splitlines()
    raise DeviceError(
        f"{what} could not be emulated: {said[-1] if said else 'the process has ended'}",
        hint=_ANOTHER,
    )
