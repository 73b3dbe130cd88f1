"""An emulated Dynamixel bus (protocol 2.0) in a process of its own: XL330 and XL430 servos behind a pseudo-terminal.

    python -m tests.devices.lerobot.dynamixel_bus LINK MODELS [--move]

Registers and packets as in ROBOTIS' e-Manual. Lines of JSON on the standard input change registers and ask for them; at
its end the bus ends.
"""

from __future__ import annotations

import argparse
import json
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from lerotool.testing.emulator import Line
from lerotool.testing.servo import Wave

DRIVE_MODE, HOMING_OFFSET, MAX_POSITION, MIN_POSITION = (10, 1), (20, 4), (48, 4), (52, 4)
TORQUE, GOAL, POSITION = (64, 1), (116, 4), (132, 4)
_EEPROM_END = 64
_TOP_SPEED = 3000.0
_HEADER = b"\xff\xff\xfd\x00"
_PING, _READ, _WRITE, _SYNC_READ, _SYNC_WRITE, _STATUS = 0x01, 0x02, 0x03, 0x82, 0x83, 0x55
_NO_ACCESS = 0x07
_BROADCAST = 0xFE

Register = tuple[int, int]


class Servo:
    """Its memory, and a motor that turns at a constant speed to its goal."""

    def __init__(self, model: int, motion: Wave | None) -> None:
        self.memory = bytearray(200)
        self._angle = 2048.0
        self._motion = motion
        self._moved_at = time.monotonic()
        self.put((0, 2), model)

    def get(self, register: Register) -> int:
        """Return a register's value."""
        address, size = register
        return int.from_bytes(self.memory[address : address + size], "little", signed=size == 4)

    def put(self, register: Register, value: int) -> None:
        """Set a register, whether or not the bus could."""
        address, size = register
        self.memory[address : address + size] = value.to_bytes(size, "little", signed=size == 4)

    def read(self, address: int, size: int) -> bytes:
        """Return memory as it is now."""
        self._move()
        self.put(POSITION, round(self._angle) + self.get(HOMING_OFFSET))
        return bytes(self.memory[address : address + size])

    def write(self, address: int, data: bytes) -> int:
        """Store what the bus writes; returns the error, 0 for none: EEPROM is locked while the torque is on."""
        self._move()
        if address < _EEPROM_END and self.get(TORQUE):
            return _NO_ACCESS
        self.memory[address : address + len(data)] = data
        if address == TORQUE[0]:
            self.put(GOAL, round(self._angle) + self.get(HOMING_OFFSET))
        return 0

    def _move(self) -> None:
        now = time.monotonic()
        step, self._moved_at = _TOP_SPEED * (now - self._moved_at), now
        if self.get(TORQUE):
            error = self.get(GOAL) - self.get(HOMING_OFFSET) - self._angle
            self._angle += max(-step, min(step, error))
        elif self._motion is not None:
            self._angle = self._motion.at(now)


def crc(data: bytes) -> int:
    """Return the CRC-16 of a packet (polynomial 0x8005)."""
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ (0x8005 if value & 0x8000 else 0)) & 0xFFFF
    return value


def packet(servo: int, body: bytes) -> bytes:
    """Return a packet with its length, stuffing and CRC; ``body`` is what follows the length."""
    stuffed = body.replace(b"\xff\xff\xfd", b"\xff\xff\xfd\xfd")
    raw = _HEADER + bytes((servo,)) + (len(stuffed) + 2).to_bytes(2, "little") + stuffed
    return raw + crc(raw).to_bytes(2, "little")


class Emulator:
    """Servos by id on a line."""

    def __init__(self, servos: Mapping[int, Servo], line: Line) -> None:
        self.servos = servos
        self.line = line
        self._received = bytearray()

    def hear(self) -> None:
        """Take what was sent to the servos, and let them answer."""
        self._received += self.line.read()
        for servo, body in self._packets():
            self.line.write(b"".join(self._answers(servo, body[0], body[1:])))

    def _packets(self) -> Iterator[tuple[int, bytes]]:
        data = self._received
        while (start := data.find(_HEADER)) >= 0:
            del data[:start]
            end = int.from_bytes(data[5:7], "little") + 7
            if len(data) < 7 or len(data) < end:
                return
            raw = bytes(data[:end])
            del data[:end]
            if crc(raw[:-2]) == int.from_bytes(raw[-2:], "little"):
                yield raw[4], raw[7:-2].replace(b"\xff\xff\xfd\xfd", b"\xff\xff\xfd")

    def _answers(self, servo: int, instruction: int, given: bytes) -> Iterator[bytes]:
        if instruction in (_SYNC_READ, _SYNC_WRITE):
            address, size = int.from_bytes(given[:2], "little"), int.from_bytes(given[2:4], "little")
            yield from self._sync(instruction, address, size, given[4:])
            return
        for number, one in self.servos.items():
            if servo not in (number, _BROADCAST):
                continue
            error, data = 0, b""
            if instruction == _PING:
                data = one.read(0, 2) + one.read(6, 1)
            elif instruction == _READ:
                data = one.read(int.from_bytes(given[:2], "little"), int.from_bytes(given[2:4], "little"))
            elif instruction == _WRITE:
                error = one.write(int.from_bytes(given[:2], "little"), given[2:])
            yield packet(number, bytes((_STATUS, error)) + data)

    def _sync(self, instruction: int, address: int, size: int, given: bytes) -> Iterator[bytes]:
        if instruction == _SYNC_READ:
            for number in given:
                if number in self.servos:
                    yield packet(number, bytes((_STATUS, 0)) + self.servos[number].read(address, size))
            return
        for place in range(0, len(given), size + 1):
            if given[place] in self.servos:
                self.servos[given[place]].write(address, given[place + 1 : place + 1 + size])


class DynamixelBus:
    """A bus whose servos have ids from 1 on; a context manager.

    Args:
        models: model numbers of the servos.
        is_moving: whether hands move those whose torque is off.
    """

    def __init__(self, models: Sequence[int], *, is_moving: bool = False) -> None:
        self._models = models
        self._is_moving = is_moving

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="lerotool-bus-")
        self.port = str(Path(self._folder.name) / "ttyACM0")
        command = [sys.executable, "-m", __name__, self.port, ",".join(map(str, self._models))]
        command += ["--move"] if self._is_moving else []
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._ask()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def put(self, servo: int, register: Register, value: int) -> None:
        """Set a register as if the servo had always had it."""
        self._ask(servo=servo, register=register, value=value)

    def get(self, servo: int, register: Register) -> int:
        """Return a register's value."""
        return int(self._ask(servo=servo, register=register))

    @property
    def torques(self) -> list[bool]:
        """Of each servo, whether its torque is on."""
        return [bool(self.get(servo, TORQUE)) for servo in range(1, len(self._models) + 1)]

    def _ask(self, **request: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if request:
            print(json.dumps(request), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _serve(emulator: Emulator) -> None:
    _say("ready")
    while True:
        ready, _, _ = select.select((sys.stdin, emulator.line), (), ())
        if emulator.line in ready:
            emulator.hear()
        if sys.stdin in ready:
            text = sys.stdin.readline()
            if not text:
                return
            request = json.loads(text)
            servo, register = emulator.servos[request["servo"]], tuple(request["register"])
            if "value" in request:
                servo.put(register, request["value"])
            _say(servo.get(register))


def main() -> None:
    """Emulate until the standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("link", type=Path)
    parser.add_argument("models")
    parser.add_argument("--move", action="store_true")
    options = parser.parse_args()
    models = [int(model) for model in options.models.split(",")]
    servos = {
        servo: Servo(model, Wave(phase=servo, rate=0.7 + 0.13 * servo) if options.move else None)
        for servo, model in enumerate(models, 1)
    }
    line = Line(options.link)
    try:
        _serve(Emulator(servos, line))
    finally:
        line.unplug()


if __name__ == "__main__":
    main()
