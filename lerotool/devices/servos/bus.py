"""The servo bus: requests to the servos of one arm, and what came back - fresh, or said to be missing.

    with ServoBus("serial:5A68012345") as bus:
        reading = bus.sync_read(PRESENT_POSITION, range(1, 7))
        bus.sync_write(GOAL_POSITION, reading.values)

Built on the Feetech SDK's packet handler. Each call holds a lock, so threads take turns; a control loop should be the
only one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import RLock
from typing import Self

from lerotool.devices.servos.answers import BusStatistics, Status
from lerotool.devices.servos.exchange import Exchanges, check_id
from lerotool.devices.servos.registers import ID, MODEL_NUMBER, Register
from lerotool.devices.servos.serial_port import PORT_ERRORS, open_port, set_speed
from lerotool.errors import DeviceError, DeviceLostError, DeviceTimeoutError, LerotoolError

DEFAULT_BAUDRATE = 1_000_000
_TRIES = 10
"""Of single requests, which no control loop makes: a hub or a busy computer may hold answers back for a while."""
_READING_TRIES = 2
_ABSENT_AFTER = 3
"""Readings in a row that a servo misses while others answer, before it is asked apart from them."""
_ABSENT_INTERVAL_NS = 100_000_000


class ServoSilentError(DeviceTimeoutError):
    """A servo gave no whole answer, however often it was asked."""


@dataclass(frozen=True, slots=True)
class Pong:
    """A servo that answers."""

    model: int
    status: Status


@dataclass(frozen=True, slots=True)
class SyncReading:
    """One register of several servos."""

    values: dict[int, int]  # counts by id, of the servos that answered
    statuses: dict[int, Status]  # what they said is wrong with them
    silent: frozenset[int]  # the servos that were asked for and gave no whole answer in time
    captured_ns: int  # monotonic time before the request was sent: no value is older
    data: dict[int, bytes]  # by id, the bytes from the register to the end of the block asked for
    start: int  # address of the first of these bytes

    def value(self, servo: int, register: Register) -> int:
        """Return another register of the block that was read."""
        place = register.address - self.start
        return register.decode(self.data[servo][place : place + register.size])


class ServoBus:
    """Servos on one serial port, named by its path or ``serial:NUMBER``.

    ``margin_ms`` is the time allowed for an answer beside what its bytes take; by default what the adapter needs.
    """

    def __init__(self, port: str, *, baudrate: int = DEFAULT_BAUDRATE, margin_ms: float | None = None) -> None:
        self.port = port
        self.baudrate = baudrate
        self._margin_ms = margin_ms
        self._exchanges = Exchanges()
        self._is_lost = False
        # Reentrant: an interrupted call that still holds it must not keep its thread from closing the port.
        self._lock = RLock()
        self._misses: dict[int, int] = {}
        self._absent_due_ns = 0

    @property
    def is_open(self) -> bool:
        """Whether the port is open and has not been lost."""
        return self._exchanges.port is not None

    @property
    def statistics(self) -> BusStatistics:
        """What was counted so far."""
        return self._exchanges.tally.snapshot()

    def damaged(self, servo: int) -> int:
        """Return how many of a servo's answers came damaged so far."""
        return self._exchanges.tally.servos[servo].damaged

    def open(self) -> None:
        """Open the port; after a loss, open it again."""
        if self.is_open:
            raise DeviceError(f"{self.port} is open already")
        port = open_port(self.port, self.baudrate)
        if self._margin_ms is not None:
            port.margin_ms = self._margin_ms
        self._exchanges.port = port
        self._is_lost = False
        self._misses.clear()
        try:
            with self._in_use():
                is_echo = self._exchanges.hears_itself()
        except BaseException:
            self.close()
            raise
        if is_echo:
            self.close()
            raise DeviceError(
                f"the adapter at {self.port} sends back what is sent to it",
                hint="turn its echo off (a jumper, or a wire between TX and RX), or use a servo adapter",
            )

    def close(self) -> None:
        """Close the port; a closed one may be closed again. Servos keep their settings."""
        with self._lock:
            port, self._exchanges.port = self._exchanges.port, None
            self._is_lost = False
            if port is not None:
                with suppress(*PORT_ERRORS):
                    port.closePort()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_baudrate(self, baudrate: int) -> None:
        """Change the speed of the port, not of the servos."""
        with self._in_use():
            set_speed(self._exchanges.open_port, baudrate)
            self.baudrate = baudrate

    def ping(self, servo: int, tries: int = 1) -> Pong | None:
        """Return a servo's model and status, or None if it gives no whole answer."""
        with self._in_use():
            answer = self._ask_one(servo, MODEL_NUMBER, tries)
        return None if answer is None else Pong(MODEL_NUMBER.decode(answer[0]), Status.of(answer[1]))

    def read(self, servo: int, register: Register, tries: int = _TRIES) -> int:
        """Return a count; raises ServoSilentError if the servo gave no whole answer."""
        with self._in_use():
            damaged = self.damaged(servo)
            answer = self._ask_one(servo, register, tries)
            if answer is None:
                raise self._silent(servo, f"reading {register.name}", self.damaged(servo) - damaged)
        return register.decode(answer[0])

    def write(self, servo: int, register: Register, value: int, tries: int = _TRIES) -> Status:
        """Write a count and make sure of it: by the servo's acknowledgement, else by reading it back.

        Return what the servo says is wrong with it; the value has been written all the same.
        """
        data = register.encode(value)
        kept: bytes | None = None
        with self._in_use():
            damaged = self.damaged(servo)
            for attempt in range(tries):
                if attempt:
                    self._exchanges.tally.servos[servo].asked_again += 1
                status = self._exchanges.write(servo, register.address, data)
                if status is not None:
                    return Status.of(status)
                # A servo that was given another id answers to that.
                answer = self._ask_one(value if register is ID else servo, register, 1)
                if answer is not None:
                    kept, raw_status = answer
                    if kept == data:
                        return Status.of(raw_status)
            if kept is None:
                raise self._silent(servo, f"writing {register.name}", self.damaged(servo) - damaged)
        raise DeviceError(
            f"{self.port}: servo {servo} keeps {register.decode(kept)} in {register.name}, {value} was written"
        )

    def sync_read(
        self, register: Register, servos: Iterable[int], *, block: Register | None = None, tries: int = _READING_TRIES
    ) -> SyncReading:
        """Read one register of several servos, or the block up to another one, in one request.

        Only those whose answer is missing are asked again, ``tries`` times at most, and nobody after total silence, so
        that a stalled host costs a control loop one wait and no more. A servo that stays away while others answer is
        asked apart from them, ten times a second.
        """
        last = block or register
        size = last.address + last.size - register.address
        everyone = list(dict.fromkeys(servos))
        with self._in_use():
            now = time.monotonic_ns()
            present = [s for s in everyone if self._misses.get(s, 0) < _ABSENT_AFTER] if self._misses else everyone
            asked = present or everyone
            answers = self._ask_all(asked, register.address, size, tries)
            if len(asked) < len(everyone) and now >= self._absent_due_ns:
                self._absent_due_ns = now + _ABSENT_INTERVAL_NS
                asked, absent = everyone, [s for s in everyone if s not in present]
                answers |= self._exchanges.ask(absent, register.address, size)[0]
            if len(answers) < len(everyone) or self._misses:
                self._note_misses(asked, answers)
        if list(answers) != everyone:
            answers = {servo: answers[servo] for servo in everyone if servo in answers}
        decode, width = register.decode, register.size
        return SyncReading(
            values={servo: decode(data[:width]) for servo, (data, _) in answers.items()},
            statuses={servo: Status.of(status) for servo, (_, status) in answers.items()},
            silent=frozenset(everyone).difference(answers),
            captured_ns=now,
            data={servo: data for servo, (data, _) in answers.items()},
            start=register.address,
        )

    def sync_write(self, register: Register, values: Mapping[int, int]) -> None:
        """Write one register of several servos in one request; nobody acknowledges it."""
        parameters = bytearray()
        for servo, value in values.items():
            check_id(servo)
            parameters.append(servo)
            parameters += register.encode(value)
        with self._in_use():
            self._exchanges.sync_write(register.address, register.size, parameters)

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        """Hold the bus for one call, and say what a failing port means: it is gone."""
        with self._lock:
            port = self._exchanges.port
            if port is None:
                raise self._lost() if self._is_lost else DeviceError(f"{self.port} is not open")
            port.is_using = False  # an interrupted call of the SDK leaves it set, and all later ones fail
            try:
                yield
            except LerotoolError:
                raise
            except PORT_ERRORS as error:
                self.close()  # an open handle would keep the device's name from it when it comes back
                self._is_lost = True
                raise self._lost() from error

    def _ask_one(self, servo: int, register: Register, tries: int) -> tuple[bytes, int] | None:
        for attempt in range(tries):
            if attempt:
                self._exchanges.tally.servos[servo].asked_again += 1
            answers, _ = self._exchanges.ask((servo,), register.address, register.size, is_sync=False)
            if answers:
                self._misses.pop(servo, None)
                return answers[servo]
        return None

    def _ask_all(self, servos: Sequence[int], address: int, size: int, tries: int) -> dict[int, tuple[bytes, int]]:
        found, damaged = self._exchanges.ask(servos, address, size)
        answers = found
        for _ in range(tries - 1):
            missing = [s for s in servos if s not in answers and (s in damaged or s not in self._misses)]
            if not missing or not (found or damaged):
                break
            for servo in missing:
                self._exchanges.tally.servos[servo].asked_again += 1
            found, damaged = self._exchanges.ask(missing, address, size)
            answers |= found
        return answers

    def _note_misses(self, asked: Sequence[int], answers: Mapping[int, object]) -> None:
        """Tell a servo that stays away from a bus that is silent as a whole."""
        for servo in asked:
            if servo in answers:
                self._misses.pop(servo, None)
            elif answers:
                self._misses[servo] = self._misses.get(servo, 0) + 1

    def _lost(self) -> DeviceLostError:
        return DeviceLostError(f"{self.port} has gone", hint="plug the adapter in again and check its cable")

    def _silent(self, servo: int, doing: str, damaged: int) -> ServoSilentError:
        where = f"{self.port}: servo {servo}"
        if damaged:
            return ServoSilentError(
                f"{where} gives damaged answers only ({doing})",
                hint="two servos may have this id; else check the cable to it and the supply",
            )
        return ServoSilentError(
            f"{where} does not answer ({doing})", hint="check the supply of the servos, the cable to it and its id"
        )
