"""An emulated servo bus in a process of its own: a serial port with STS3215 servos behind it. POSIX only.

By hand:

    python -m lerotool.testing.servo_bus --ids 1-6 --move --usb-ms 1 --wire --link ~/leader

In tests:

    with EmulatedBus(range(1, 7)) as bus:
        bus.order("lost", servo=3)
        ...  ServoBus(bus.port)
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Self

from lerotool.devices.servos.registers import Register
from lerotool.errors import DeviceError, UsageError
from lerotool.setup.emulating import Child


class EmulatedBus:
    """A bus with servos, controlled from here; a context manager.

    The same id may come twice. ``port`` is what to open: a symbolic link that keeps its name when the bus is unplugged
    and plugged in again. With ``is_moving`` hands move all servos whose torque is off; ``seed`` is of what happens by
    chance.
    """

    def __init__(
        self,
        ids: Iterable[int] = range(1, 7),
        *,
        link: Path | None = None,
        is_moving: bool = False,
        seed: int = 0,
        **settings: float | bool,
    ) -> None:
        self.port = ""
        self._ids = list(ids)
        self._link = link
        self._is_moving = is_moving
        self._seed = seed
        self._settings = settings
        self._stack = ExitStack()
        self._child: Child | None = None

    def __enter__(self) -> Self:
        link = self._link
        if link is None:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="lerotool-bus-"))
            link = Path(folder) / "ttyACM0"
        arguments = ["--link", str(link), "--ids", ",".join(map(str, self._ids)), "--seed", str(self._seed)]
        self._child = Child("servo_bus", *arguments, *(["--move"] if self._is_moving else []))
        try:
            self.port = self._checked(self._child.read())["port"]
            if self._settings:
                self.faults(**self._settings)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process that emulates."""
        return self._running().process.pid

    def close(self) -> None:
        """End the process; the port goes with it."""
        child, self._child = self._child, None
        if child is not None:
            child.end()
        self._stack.close()

    def faults(self, **settings: float | bool) -> dict[str, Any]:
        """Change settings of ``FaultSettings`` and return all of them."""
        settings_now: dict[str, Any] = self._do("faults", settings=settings)
        return settings_now

    def order(self, fault: str, *, servo: int | None = None, count: int = 1) -> None:
        """Let the next replies of a servo, or of any, be lost, late, cut or corrupt."""
        self._do("order", fault=fault, servo=servo, count=count)

    def stall(self, seconds: float, count: int = 1) -> None:
        """Hold the next answers back, and all that follows."""
        self._do("stall", seconds=seconds, count=count)

    def counts(self) -> dict[str, Any]:
        """Return what was injected: ``faults`` per fault and id, ``stalls``; and ``requests``, ``replies`` per id."""
        counts: dict[str, Any] = self._do("counts")
        counts["replies"] = _by_id(counts["replies"])
        counts["faults"] = {fault: _by_id(of) for fault, of in counts["faults"].items()}
        return counts

    def writes(self, *, forget: bool = False) -> list[tuple[int, int, bytes]]:
        """Return id, address and bytes of every single write so far (sync writes are not among them)."""
        return [(servo, address, bytes(data)) for servo, address, data in self._do("writes", forget=forget)]

    def servo(self, servo: int, place: int = 0) -> EmulatedServo:
        """Return a servo by its present id; ``place`` chooses among several with the same."""
        return EmulatedServo(self, servo, place)

    def add(self, servo: int, *, angle: float = 2048.0) -> None:
        """Connect one more servo."""
        self._do("add", servo=servo, angle=angle)

    def kill(self, servo: int) -> None:
        """Take a servo's cable away."""
        self.servo(servo).change(is_alive=False)

    def revive(self, servo: int) -> None:
        """Give a servo its cable back."""
        self.servo(servo).change(is_alive=True)

    def power_cycle(self) -> None:
        """Switch the supply of all servos off and on."""
        self._do("power_cycle")

    def unplug(self) -> None:
        """Pull the adapter out."""
        self._do("unplug")

    def replug(self) -> None:
        """Plug the adapter in again."""
        self._do("replug")

    def _do(self, command: str, **arguments: object) -> Any:
        answer = self._checked(self._running().ask(command, **arguments))
        if "error" in answer:
            raise UsageError(f"the emulated bus refuses {command}: {answer['error']}")
        return answer["result"]

    def _checked(self, answer: dict[str, Any] | None) -> dict[str, Any]:
        if answer is None:
            raise DeviceError(f"the emulated bus has ended with {self._running().process.wait()}")
        return answer

    def _running(self) -> Child:
        if self._child is None:
            raise UsageError("the emulated bus is not running")
        return self._child


class EmulatedServo:
    """A servo of an emulated bus, as its surroundings see it."""

    def __init__(self, bus: EmulatedBus, servo: int, place: int) -> None:
        self._bus = bus
        self._name = {"servo": servo, "place": place}

    @property
    def position(self) -> int:
        """What it reports."""
        return int(self._state()["position"])

    @property
    def angle(self) -> float:
        """Where its encoder stands, in steps."""
        return float(self._state()["angle"])

    @property
    def is_torque_on(self) -> bool:
        """Whether its motor holds or moves."""
        return bool(self._state()["is_torque_on"])

    def read(self, register: Register) -> int:
        """Return a count as the bus would read it."""
        return register.decode(bytes(self._do("read", address=register.address, size=register.size)))

    def set(self, register: Register, value: int) -> None:
        """Store a count as if the servo had always had it."""
        self._do("poke", address=register.address, data=list(register.encode(value)))

    def change(self, *, angle: float | None = None, status: int | None = None, is_alive: bool | None = None) -> None:
        """Turn it by hand, give it status bits, take its cable away."""
        changes = {"angle": angle, "status": status, "is_alive": is_alive}
        self._do("change", **{name: value for name, value in changes.items() if value is not None})

    def rest(self) -> None:
        """Let no hand move it."""
        self._do("move", kind="rest")

    def wave(self, *, phase: float = 0.0, amplitude: float = 600.0, rate: float = 0.7) -> None:
        """Let a hand move it back and forth around 2048; ``rate`` in radians per second."""
        self._do("move", kind="wave", phase=phase, amplitude=amplitude, rate=rate)

    def ramp(self, *, origin: float, rate: float) -> None:
        """Let it turn on and on: (monotonic time - ``origin``) times ``rate`` steps, modulo 4096."""
        self._do("move", kind="ramp", origin=origin, rate=rate)

    def path(self, times: Iterable[float], angles: Iterable[float]) -> None:
        """Let a hand move it from angle to angle at monotonic times."""
        self._do("move", kind="path", times=list(times), angles=list(angles))

    def power_cycle(self) -> None:
        """Switch its supply off and on."""
        self._do("power_cycle")

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._do("state")
        return state

    def _do(self, command: str, **arguments: object) -> Any:
        return self._bus._do(command, **self._name, **arguments)


def _by_id(counts: dict[str, int]) -> dict[int, int]:
    return {int(servo): count for servo, count in counts.items()}


def parse_ids(text: str) -> list[int]:
    """Return the ids of ``1-6`` or ``1,1,4-5``."""
    ids: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        ids += range(int(first), int(last or first) + 1)
    return ids


def serve(options: argparse.Namespace, control: IO[bytes] | None, out: IO[bytes]) -> None:
    """Emulate until the control input ends, or for ever if there is none."""
    from lerotool.testing.emulator import Commands, Emulator
    from lerotool.testing.line import Faults, Line
    from lerotool.testing.servo import Servo, Wave

    servos = [Servo(servo) for servo in options.ids]
    for place, servo in enumerate(servos):
        # Within 5 s, for which docs/setup.md calibrates them, all have been everywhere.
        servo.motion = Wave(phase=place, rate=1.3 + 0.03 * place) if options.move else None
    faults = Faults(options.seed)
    faults.settings.change({"usb_s": options.usb_ms / 1e3, "wire": options.wire})
    line = Line(options.link)
    emulator = Emulator(servos, line, faults)
    commands = Commands(emulator)
    try:
        out.write(json.dumps({"port": line.path}).encode() + b"\n")
        out.flush()
        while True:
            if emulator.wait(control) and control is not None:
                command = control.readline()
                if not command:
                    return
                out.write(commands.carry_out(command))
                out.flush()
    finally:
        line.unplug()


def main() -> int:
    """Run the emulator from a command line."""
    parser = argparse.ArgumentParser(prog="python -m lerotool.testing.servo_bus", description=__doc__.splitlines()[0])
    parser.add_argument("--ids", type=parse_ids, default=parse_ids("1-6"), help="1-6, or 1,1,4 for two with one id")
    parser.add_argument("--move", action="store_true", help="hands move the servos whose torque is off")
    parser.add_argument("--usb-ms", type=float, default=0.0, help="time before the first byte of an answer")
    parser.add_argument("--wire", action="store_true", help="bytes take the time they take at the port's baud rate")
    parser.add_argument("--link", type=Path, help="where the port appears as a symbolic link")
    parser.add_argument("--seed", type=int, default=0, help="of what happens by chance")
    parser.add_argument("--control", action="store_true", help="take JSON commands from the standard input")
    options = parser.parse_args()
    if os.name != "posix":
        parser.error("pseudo-terminals are needed, which this system does not have")
    # Whoever controls it ends it, also when Ctrl-C reaches both.
    signal.signal(signal.SIGINT, signal.SIG_IGN if options.control else signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    control = open(0, "rb", buffering=0, closefd=False) if options.control else None  # noqa: SIM115
    try:
        serve(options, control, sys.stdout.buffer)
    except KeyboardInterrupt:
        return 130
    except FileExistsError as error:
        parser.error(f"{error.filename2} is there already")
    return 0


if __name__ == "__main__":
    sys.exit(main())
