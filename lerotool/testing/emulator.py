"""The emulated bus: takes instruction packets off the line, lets servos answer, and does what a test asks of it."""

from __future__ import annotations

import heapq
import json
import select
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from typing import IO, Any

from lerotool.devices.servos import registers as table
from lerotool.devices.servos.registers import BAUD_CODES, TORQUE_ENABLE
from lerotool.errors import LerotoolError, UsageError
from lerotool.testing.line import Fault, Faults, Line
from lerotool.testing.servo import Path, Ramp, Servo, Wave

_PING, _READ, _WRITE, _REG_WRITE, _ACTION = 0x01, 0x02, 0x03, 0x04, 0x05
_SYNC_READ, _SYNC_WRITE = 0x82, 0x83
_BROADCAST = 0xFE
_OVERHEAD = 6
_SPEEDS = {code: speed for speed, code in BAUD_CODES.items()}
_DELAY_UNIT_S = 2e-6
_ALWAYS_ANSWERED = (_PING, _READ)

Reply = tuple[Servo, bytes]


def status_packet(servo: Servo, data: bytes = b"") -> bytes:
    """Return a servo's reply."""
    body = bytes((servo.id, len(data) + 2, servo.status)) + data
    return b"\xff\xff" + body + bytes((~sum(body) & 0xFF,))


class Emulator:
    """Servos on a line. ``replies`` counts those sent, whole or not, per id; ``writes`` has single writes in order."""

    def __init__(self, servos: list[Servo], line: Line, faults: Faults) -> None:
        self.servos = servos
        self.line = line
        self.faults = faults
        self.requests = 0
        self.garbled = 0
        self.replies: Counter[int] = Counter()
        self.writes: list[tuple[int, int, bytes]] = []
        self._received = bytearray()
        self._outbox: list[tuple[float, int, bytes]] = []
        self._order = count()
        self._busy_until = 0.0

    def wait(self, control: IO[bytes] | None) -> bool:
        """Wait for what comes next, do what the line wants, and tell whether there is control input."""
        now = time.monotonic()
        sources: list[Line | IO[bytes]] = [control] if control is not None else []
        if self.line.is_plugged_in and now >= self._busy_until:
            sources.append(self.line)
        ready = select.select(sources, (), (), self._next_due(now))[0]
        if self.line.is_plugged_in:
            if self.line in ready:
                self._hear(self.line.read())
            elif self._received and time.monotonic() >= self._busy_until:
                self._hear(b"")
            self._send_due()
        return control in ready

    def unplug(self) -> None:
        """Take the port away, with all that was on its way."""
        self.line.unplug()
        self._outbox.clear()
        self._received.clear()
        self._busy_until = 0.0

    def _next_due(self, now: float) -> float | None:
        dues = [self._outbox[0][0]] if self._outbox else []
        if self._busy_until > now:
            dues.append(self._busy_until)
        return max(0.0, min(dues) - now) if dues else None

    def _hear(self, data: bytes) -> None:
        if data and self.faults.settings.echo:
            self.line.write(data)
        self._received += data
        for servo_id, instruction, parameters in self._take_packets():
            self.requests += 1
            replies = self._carry_out(servo_id, instruction, parameters)
            if replies:
                self._answer(replies, len(parameters) + _OVERHEAD)
            if self._busy_until > time.monotonic():
                return  # the host's next requests wait as well

    def _take_packets(self) -> Iterator[tuple[int, int, bytes]]:
        data = self._received
        while (start := data.find(b"\xff\xff")) >= 0:
            while data[start + 2 : start + 3] == b"\xff":
                start += 1
            del data[:start]
            if len(data) < _OVERHEAD or len(data) < data[3] + 4:
                return
            end = data[3] + 4
            if end < _OVERHEAD or sum(data[2:end]) & 0xFF != 0xFF:
                self.garbled += 1
                del data[:2]
                continue
            packet = bytes(data[2:end])
            del data[:end]
            yield packet[0], packet[2], packet[3:-1]

    def _carry_out(self, servo_id: int, instruction: int, parameters: bytes) -> list[Reply]:
        servos = self._listening()
        if instruction == _SYNC_READ:
            address, size = parameters[0], parameters[1]
            by_id = [s for wanted in parameters[2:] for s in servos if s.id == wanted]
            return [(s, status_packet(s, s.read(address, size))) for s in by_id]
        if instruction == _SYNC_WRITE:
            address, size = parameters[0], parameters[1]
            for place in range(2, len(parameters) - size, size + 1):
                for servo in servos:
                    if servo.id == parameters[place]:
                        servo.write(address, parameters[place + 1 : place + 1 + size])
            return []
        replies = []
        for servo in servos:
            if servo_id in (servo.id, _BROADCAST):
                reply = self._obey(servo, instruction, parameters)
                if servo_id != _BROADCAST or instruction == _PING:
                    replies += [(servo, reply)] if reply is not None else []
        return replies

    def _obey(self, servo: Servo, instruction: int, parameters: bytes) -> bytes | None:
        """Carry out an instruction for one servo; its acknowledgement still has the id it was spoken to by."""
        acknowledgement = status_packet(servo)
        answers = servo.get(table.RESPONSE_LEVEL) or instruction in _ALWAYS_ANSWERED
        if instruction == _READ:
            return status_packet(servo, servo.read(parameters[0], parameters[1]))
        if instruction == _WRITE:
            self.writes.append((servo.id, parameters[0], parameters[1:]))
            servo.write(parameters[0], parameters[1:])
        elif instruction == _REG_WRITE:
            servo.pending = parameters[0], parameters[1:]
        elif instruction == _ACTION and servo.pending is not None:
            servo.write(*servo.pending)
            servo.pending = None
        elif instruction not in (_PING, _ACTION):
            return None
        return acknowledgement if answers else None

    def _listening(self) -> list[Servo]:
        alive = [servo for servo in self.servos if servo.is_alive]
        if not self.faults.settings.check_baud:
            return alive
        baudrate = self.line.baudrate()
        return [s for s in alive if _SPEEDS.get(s.get(table.BAUD_RATE)) == baudrate]

    def _answer(self, replies: list[Reply], request_size: int) -> None:
        settings = self.faults.settings
        due = time.monotonic() + self.faults.choose_delay()
        if settings.wire:
            byte_s = 10 / self.line.baudrate()
            due += request_size * byte_s
            due += sum(len(raw) * byte_s + s.get(table.RETURN_DELAY) * _DELAY_UNIT_S for s, raw in replies)
        burst = bytearray()
        for servo_id, raw in _collide(replies):
            self.replies[servo_id] += 1
            match self.faults.choose(servo_id):
                case Fault.LOST:
                    continue
                case Fault.LATE:
                    heapq.heappush(self._outbox, (due + settings.late_s, next(self._order), raw))
                    continue
                case Fault.CUT:
                    burst += self.faults.cut(raw)
                case Fault.CORRUPT:
                    burst += self.faults.corrupt(raw)
                case None:
                    burst += raw
        heapq.heappush(self._outbox, (due, next(self._order), bytes(burst)))
        self._busy_until = due

    def _send_due(self) -> None:
        now = time.monotonic()
        while self._outbox and self._outbox[0][0] <= now:
            self.line.write(heapq.heappop(self._outbox)[2])


def _collide(replies: list[Reply]) -> list[tuple[int, bytes]]:
    """Return what is on the wire: servos with one id answer at the same time, and a 0 beats a 1."""
    heard: list[tuple[int, bytes]] = []
    for _, raw in replies:
        servo_id = raw[2]
        if heard and heard[-1][0] == servo_id:
            heard[-1] = servo_id, bytes(a & b for a, b in zip(heard[-1][1], raw, strict=True))
        else:
            heard.append((servo_id, raw))
    return heard


class Commands:
    """Carries commands out: ``do`` names one of the methods below, the other keys are its arguments.

    The answer is one JSON object with ``result`` or ``error``.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def carry_out(self, line: bytes) -> bytes:
        """Return the answer to a command."""
        try:
            arguments = json.loads(line)
            result = getattr(self, f"_do_{arguments.pop('do')}")(**arguments)
            return json.dumps({"result": result}).encode() + b"\n"
        except (LerotoolError, AttributeError, KeyError, ValueError, TypeError) as error:
            return json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n"

    def _servo(self, servo: int, place: int = 0) -> Servo:
        """Return the servo with an id; ``place`` chooses among several with the same."""
        found = [each for each in self._emulator.servos if each.id == servo]
        if place >= len(found):
            raise UsageError(f"no servo has the id {servo}")
        return found[place]

    def _do_faults(self, settings: dict[str, Any]) -> object:
        self._emulator.faults.settings.change(settings)
        return asdict(self._emulator.faults.settings)

    def _do_order(self, fault: str, servo: int | None = None, count: int = 1) -> None:
        self._emulator.faults.order(Fault(fault), servo, count)

    def _do_stall(self, seconds: float, count: int = 1) -> None:
        self._emulator.faults.order_stall(seconds, count)

    def _do_counts(self) -> object:
        emulator = self._emulator
        return {
            "faults": emulator.faults.counts,
            "stalls": emulator.faults.stalls,
            "requests": emulator.requests,
            "garbled": emulator.garbled,
            "replies": emulator.replies,
        }

    def _do_writes(self, *, forget: bool = False) -> object:
        writes = [(servo, address, list(data)) for servo, address, data in self._emulator.writes]
        if forget:
            self._emulator.writes.clear()
        return writes

    def _do_read(self, address: int, size: int, **which: int) -> object:
        return list(self._servo(**which).read(address, size))

    def _do_poke(self, address: int, data: list[int], **which: int) -> None:
        self._servo(**which).poke(address, bytes(data))

    def _do_state(self, **which: int) -> object:
        servo = self._servo(**which)
        servo.read(TORQUE_ENABLE.address, 40)
        return {"angle": servo.angle, "position": servo.position(), "is_torque_on": servo.is_torque_on}

    def _do_change(self, servo: int, place: int, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self._servo(servo, place), name, value)

    def _do_move(self, kind: str, servo: int, place: int, **arguments: Any) -> None:
        kinds = {"wave": Wave, "ramp": Ramp, "path": Path}
        self._servo(servo, place).motion = None if kind == "rest" else kinds[kind](**arguments)

    def _do_add(self, servo: int, angle: float) -> None:
        self._emulator.servos.append(Servo(servo, angle))

    def _do_power_cycle(self, **which: int) -> None:
        for servo in [self._servo(**which)] if which else self._emulator.servos:
            servo.power_up()

    def _do_unplug(self) -> None:
        self._emulator.unplug()

    def _do_replug(self) -> str:
        if self._emulator.line.is_plugged_in:
            raise UsageError("the port is plugged in already")
        self._emulator.line.plug_in()
        return self._emulator.line.path
