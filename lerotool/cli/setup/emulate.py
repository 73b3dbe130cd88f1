"""`lerotool setup emulate`: arms and cameras for people without hardware, and the lines to type."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.cli.help import Examples
from lerotool.cli.output import Output
from lerotool.cli.running import INTERRUPTED

if TYPE_CHECKING:
    from lerotool.setup.emulating import EmulatedRig

EXAMPLES: Examples = {
    "Two arms and a camera, until Ctrl-C; it prints what to type in another terminal": "lerotool setup emulate",
    "Two cameras, their addresses from port 9000 on": "lerotool setup emulate --cameras 2 --camera-port 9000",
}
_KEYS = "l and Enter pulls the leader's USB cable or plugs it in again, f the follower's; Ctrl-C ends them all"


def emulate(
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the arms' ports appear.", show_default="below the temporary folder"),
    ] = None,
    cameras: Annotated[int, typer.Option(metavar="N", min=0, max=3, help="How many cameras.")] = 1,
    camera_port: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, max=65533, help="TCP port of the first; the next ones follow.")
    ] = 8481,
    *,
    output: Output,
) -> int:
    """Emulate two arms and cameras, and say what to type to set them up, record and replay.

    The servo SDK and the serial ports are the real ones; behind them are emulated motors. A hand moves every motor
    whose torque is off: the leader's while you record, the follower's while it is calibrated. Not on Windows.
    """
    from lerotool.setup.emulating import default_folder, emulated_rig

    # Whoever ends this process ends what it has started, and the ports go.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with emulated_rig(folder or default_folder(), cameras, camera_port) as rig:
            _tell(rig, output)
            _wait(rig, output)
    except KeyboardInterrupt:
        output.note("\nthe emulated arms and cameras are gone")
        return INTERRUPTED
    return 0


def lines_to_type(rig: EmulatedRig) -> list[str]:
    """Return what sets up, records and replays the rig as the robot ``bench``."""
    from lerotool.devices.arms.joints import Role
    from lerotool.wording import as_argument

    cameras = "".join(f" --camera {name}={url}" for name, url in rig.cameras.items())
    leader, follower = (rig.serials[role] for role in (Role.LEADER, Role.FOLLOWER))
    return [
        f"export LEROTOOL_SERIAL_PORTS={as_argument(rig.serial_ports)}",
        f"lerotool setup ports bench --leader serial:{leader} --follower serial:{follower}",
        "lerotool setup calibrate bench --seconds 5",
        *([f"lerotool setup cameras bench{cameras}"] if cameras else []),
        "lerotool setup bus bench",
        'lerotool record --robot bench --task "Pick up the cube" --episodes 2 --episode-time 5 --reset-time 2',
        "lerotool replay local/bench-pick-up-the-cube 0 --robot bench",
    ]


def _tell(rig: EmulatedRig, output: Output) -> None:
    lines = lines_to_type(rig)
    ports = {role.value: str(path) for role, path in rig.ports.items()}
    output.record("emulating", {"ports": ports, "cameras": dict(rig.cameras), "lines": lines})
    output.note("two arms and cameras are emulated; type in another terminal:")
    output.result("\n".join(f"    {line}" for line in lines))
    output.note(_KEYS if _has_keys() else "they end with this process")


def _has_keys() -> bool:
    """Whether a person types to this process; one in the background must not read from the terminal."""
    if sys.platform == "win32":
        return False
    return sys.stdin is not None and sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()


def _wait(rig: EmulatedRig, output: Output) -> None:
    """Wait for ever, and do what is typed."""
    from lerotool.devices.arms.joints import Role

    keys = {"l": Role.LEADER, "f": Role.FOLLOWER}
    while _has_keys() and (line := sys.stdin.readline()):
        if (role := keys.get(line.strip().lower())) is not None:
            output.note(f"the {role.value} is {'plugged in' if rig.toggle(role) else 'unplugged'}")
    threading.Event().wait()
