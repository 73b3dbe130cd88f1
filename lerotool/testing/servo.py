"""One emulated STS3215: its memory and a simple motor."""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

from lerotool.devices.servos import registers as table
from lerotool.devices.servos.registers import MODEL_STS3215, MULTI_TURN, RESOLUTION, Memory, Register

MEMORY_SIZE = 128
_EEPROM_END = 40
_TORQUE_ON = 1
_MAKE_MIDDLE = 128
_MIDDLE = 2048
_TOP_SPEED = 3400.0
_READ_ONLY = frozenset(
    byte
    for register in table.REGISTERS.values()
    if register.memory is Memory.READ_ONLY
    for byte in range(register.address, register.address + register.size)
)
_FACTORY = {
    table.FIRMWARE_MAJOR: 3,
    table.FIRMWARE_MINOR: 10,
    table.MODEL_NUMBER: MODEL_STS3215,
    table.RETURN_DELAY: 0,
    table.RESPONSE_LEVEL: 1,
    table.MAX_POSITION: RESOLUTION - 1,
    table.MAX_TEMPERATURE: 70,
    table.MAX_VOLTAGE: 140,
    table.MIN_VOLTAGE: 40,
    table.MAX_TORQUE: 1000,
    table.PHASE: 12,
    table.UNLOADING_CONDITION: 44,
    table.LED_CONDITION: 47,
    table.P_GAIN: 32,
    table.D_GAIN: 32,
    table.MIN_START_FORCE: 16,
    table.CW_DEAD_ZONE: 1,
    table.CCW_DEAD_ZONE: 1,
    table.PROTECTION_CURRENT: 500,
    table.ANGULAR_RESOLUTION: 1,
    table.PROTECTIVE_TORQUE: 20,
    table.PROTECTION_TIME: 200,
    table.OVERLOAD_TORQUE: 80,
    table.OVERCURRENT_TIME: 200,
}


class Motion(Protocol):
    """An encoder angle over time."""

    def at(self, now: float) -> float:
        """Return the angle in steps at a monotonic time in seconds."""


@dataclass(frozen=True, slots=True)
class Wave:
    """Back and forth around the middle."""

    phase: float
    amplitude: float = 600.0
    rate: float = 0.7

    def at(self, now: float) -> float:
        """Return the angle."""
        return 2048 + self.amplitude * math.sin(self.rate * now + self.phase)


@dataclass(frozen=True, slots=True)
class Ramp:
    """Ever onwards, turn after turn, so that a position tells when it was read."""

    origin: float
    rate: float

    def at(self, now: float) -> float:
        """Return the angle, 0 to 4096."""
        return ((now - self.origin) * self.rate) % 4096


@dataclass(frozen=True, slots=True)
class Path:
    """Straight from point to point; before the first and after the last it rests."""

    times: tuple[float, ...]  # monotonic seconds, rising
    angles: tuple[float, ...]  # steps

    def at(self, now: float) -> float:
        """Return the angle."""
        place = bisect_right(self.times, now)
        if place == 0:
            return self.angles[0]
        if place == len(self.times):
            return self.angles[-1]
        begin, end = self.times[place - 1], self.times[place]
        share = (now - begin) / (end - begin)
        return self.angles[place - 1] + share * (self.angles[place] - self.angles[place - 1])


class Servo:
    """A servo as the bus and its surroundings see it.

    ``angle`` is where the encoder stands, in steps; it leaves 0 to 4095 if it is turned further.
    """

    def __init__(self, servo_id: int, angle: float = _MIDDLE) -> None:
        self.memory = bytearray(MEMORY_SIZE)
        self.angle = angle
        self.motion: Motion | None = None
        self.status = 0
        self.is_alive = True
        self.pending: tuple[int, bytes] | None = None
        self._speed = 0.0
        self._load = 0.0
        self._moved_at = time.monotonic()
        for register, value in _FACTORY.items():
            self.put(register, value)
        self.put(table.ID, servo_id)
        self.put(table.PRESENT_VOLTAGE, 74)
        self.put(table.PRESENT_TEMPERATURE, 31)
        self._eeprom = self.memory[:_EEPROM_END]
        self.power_up()

    @property
    def id(self) -> int:
        """What it answers to."""
        return self.memory[table.ID.address]

    @property
    def is_torque_on(self) -> bool:
        """Whether the motor holds or moves."""
        return self.get(table.TORQUE_ENABLE) == _TORQUE_ON

    def get(self, register: Register) -> int:
        """Return a count as it lies in memory."""
        return register.decode(bytes(self.memory[register.address : register.address + register.size]))

    def put(self, register: Register, value: int) -> None:
        """Store a count, whether or not the bus could."""
        self.memory[register.address : register.address + register.size] = register.encode(value)

    def poke(self, address: int, data: bytes) -> None:
        """Store bytes as if the servo had always had them."""
        self.memory[address : address + len(data)] = data
        kept = data[: max(0, _EEPROM_END - address)]
        self._eeprom[address : address + len(kept)] = kept

    def power_up(self) -> None:
        """Start as after a power cycle: what was not kept in EEPROM is gone, the torque is off."""
        self.memory[:_EEPROM_END] = self._eeprom
        self.pending = None
        for register in (table.TORQUE_ENABLE, table.ACCELERATION, table.GOAL_SPEED):
            self.put(register, 0)
        self.put(table.LOCK, 1)
        self.put(table.TORQUE_LIMIT, self.get(table.MAX_TORQUE))
        self.put(table.GOAL_POSITION, self.position())

    def position(self) -> int:
        """Return what the servo reports: the encoder less the homing offset."""
        steps = round(self.angle) - self.get(table.HOMING_OFFSET)
        return steps if self.get(table.PHASE) & MULTI_TURN else steps % RESOLUTION

    def read(self, address: int, size: int) -> bytes:
        """Return memory as the bus reads it, with what is present brought up to date."""
        if address + size > table.PRESENT_POSITION.address:
            self._refresh()
        return bytes(self.memory[address : address + size]).ljust(size, b"\0")

    def write(self, address: int, data: bytes) -> None:
        """Store what the bus writes: not where it may only read, and kept only while LOCK is 0."""
        self._move()
        is_kept = not self.get(table.LOCK)
        for place, value in enumerate(data, address):
            if place >= MEMORY_SIZE or place in _READ_ONLY:
                continue
            if place == table.TORQUE_ENABLE.address and value == _MAKE_MIDDLE:
                self._make_middle(is_kept=is_kept)
                continue
            self.memory[place] = value
            if place < _EEPROM_END and is_kept:
                self._eeprom[place] = value
        if address <= table.MAX_TORQUE.address + 1 and address + len(data) > table.MAX_TORQUE.address:
            self.put(table.TORQUE_LIMIT, self.get(table.MAX_TORQUE))

    def _make_middle(self, *, is_kept: bool) -> None:
        offset = round(self.angle) % RESOLUTION - _MIDDLE
        self.put(table.HOMING_OFFSET, max(-2047, min(2047, offset)))
        self.put(table.TORQUE_ENABLE, 0)
        if is_kept:
            place = table.HOMING_OFFSET.address
            self._eeprom[place : place + 2] = self.memory[place : place + 2]

    def _refresh(self) -> None:
        self._move()
        self.put(table.PRESENT_POSITION, self.position())
        self.put(table.PRESENT_SPEED, max(-32767, min(32767, round(self._speed))))
        self.put(table.PRESENT_LOAD, round(self._load))
        self.put(table.PRESENT_CURRENT, round(abs(self._load) / 8))
        self.put(table.STATUS, self.status)
        self.put(table.MOVING, abs(self._speed) > 1)

    def _move(self) -> None:
        now = time.monotonic()
        passed, self._moved_at = now - self._moved_at, now
        if self.is_torque_on and self.get(table.OPERATING_MODE) == 0:
            self._drive(passed)
        elif self.motion is not None:
            angle = self.motion.at(now)
            self._speed = (angle - self.angle) / passed if passed > 0 else 0.0
            self.angle, self._load = angle, 0.0
        else:
            self._speed = self._load = 0.0

    def _drive(self, passed: float) -> None:
        goal = self.get(table.GOAL_POSITION)
        low, high = self.get(table.MIN_POSITION), self.get(table.MAX_POSITION)
        if low or high:
            goal = min(max(goal, low), high)
        top = abs(self.get(table.GOAL_SPEED)) or _TOP_SPEED
        error = goal - (self.position() + self.angle - round(self.angle))
        step = max(-top * passed, min(top * passed, error))
        self.angle += step
        self._speed = step / passed if passed > 0 and abs(error) >= 1 else 0.0
        self._load = max(-1000.0, min(1000.0, error * 4))
