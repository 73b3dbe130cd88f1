"""What a test can do to an emulated bus while it runs: JSON commands, one per line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from lerotool.devices.servos.registers import ID, TORQUE_ENABLE
from lerotool.errors import LerotoolError, UsageError
from lerotool.testing.servos.emulator import Emulator
from lerotool.testing.servos.faults import Fault
from lerotool.testing.servos.servo import Motion, Path, Ramp, Servo, Wave

Arguments = dict[str, Any]


class Commands:
    """Carries commands out; the answer is one JSON object with ``result`` or ``error``."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._table: dict[str, Callable[[Arguments], object]] = {
            "faults": self._set_faults,
            "order": self._order,
            "stall": self._stall,
            "counts": self._counts,
            "writes": self._writes,
            "read": self._read,
            "poke": self._poke,
            "state": self._state,
            "change": self._change,
            "move": self._move,
            "add": self._add,
            "power_cycle": self._power_cycle,
            "unplug": lambda _: self._emulator.unplug(),
            "replug": self._replug,
        }

    def carry_out(self, line: bytes) -> bytes:
        """Return the answer to a command."""
        try:
            arguments = json.loads(line)
            result = self._table[arguments.pop("do")](arguments)
            return json.dumps({"result": result}).encode() + b"\n"
        except (LerotoolError, KeyError, ValueError, TypeError) as error:
            return json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n"

    def _servo(self, arguments: Arguments) -> Servo:
        """Return the servo with an id; ``place`` chooses among several with the same."""
        found = [servo for servo in self._emulator.servos if servo.id == arguments["servo"]]
        place = arguments.get("place", 0)
        if place >= len(found):
            raise UsageError(f"no servo has the id {arguments['servo']}")
        return found[place]

    def _set_faults(self, arguments: Arguments) -> object:
        self._emulator.faults.settings.change(arguments["settings"])
        return asdict(self._emulator.faults.settings)

    def _order(self, arguments: Arguments) -> None:
        self._emulator.faults.order(Fault(arguments["fault"]), arguments.get("servo"), arguments.get("count", 1))

    def _stall(self, arguments: Arguments) -> None:
        self._emulator.faults.order_stall(arguments["seconds"], arguments.get("count", 1))

    def _counts(self, _: Arguments) -> object:
        emulator = self._emulator
        return {
            "faults": {str(fault): dict(counts) for fault, counts in emulator.faults.counts.items()},
            "stalls": emulator.faults.stalls,
            "requests": emulator.requests,
            "garbled": emulator.garbled,
            "replies": dict(emulator.replies),
        }

    def _writes(self, arguments: Arguments) -> object:
        writes = [(servo, address, list(data)) for servo, address, data in self._emulator.writes]
        if arguments.get("forget"):
            self._emulator.writes.clear()
        return writes

    def _read(self, arguments: Arguments) -> object:
        return list(self._servo(arguments).read(arguments["address"], arguments["size"]))

    def _poke(self, arguments: Arguments) -> None:
        self._servo(arguments).poke(arguments["address"], bytes(arguments["data"]))

    def _state(self, arguments: Arguments) -> object:
        servo = self._servo(arguments)
        servo.read(TORQUE_ENABLE.address, 40)
        return {
            "id": servo.get(ID),
            "angle": servo.angle,
            "position": servo.position(),
            "is_torque_on": servo.is_torque_on,
            "is_alive": servo.is_alive,
            "status": servo.status,
        }

    def _change(self, arguments: Arguments) -> None:
        servo = self._servo(arguments)
        for name in ("angle", "status", "is_alive"):
            if name in arguments:
                setattr(servo, name, arguments[name])

    def _move(self, arguments: Arguments) -> None:
        self._servo(arguments).motion = _motion(arguments)

    def _add(self, arguments: Arguments) -> None:
        self._emulator.servos.append(Servo(arguments["servo"], arguments.get("angle", 2048)))

    def _power_cycle(self, arguments: Arguments) -> None:
        servos = [self._servo(arguments)] if "servo" in arguments else self._emulator.servos
        for servo in servos:
            servo.power_up()

    def _replug(self, _: Arguments) -> str:
        if self._emulator.line.is_plugged_in:
            raise UsageError("the port is plugged in already")
        self._emulator.line.plug_in()
        return self._emulator.line.path


def _motion(arguments: Arguments) -> Motion | None:
    match arguments["kind"]:
        case "rest":
            return None
        case "wave":
            return Wave(arguments["phase"], arguments["amplitude"], arguments["rate"])
        case "ramp":
            return Ramp(arguments["origin"], arguments["rate"])
        case "path":
            return Path(tuple(arguments["times"]), tuple(arguments["angles"]))
        case kind:
            raise UsageError(f"unknown motion {kind!r}")
