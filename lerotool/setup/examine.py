"""Find out what is on a bus: who answers and how reliably, and what each motor says of itself. Changes nothing."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from lerotool.devices.arms.calibration import Calibration
from lerotool.devices.arms.joints import JOINT_IDS
from lerotool.devices.servos.adapters import AdapterKind, find_adapter
from lerotool.devices.servos.bus import ServoBus, SyncReading
from lerotool.devices.servos.registers import (
    FIRMWARE_MAJOR,
    FIRMWARE_MINOR,
    HOMING_OFFSET,
    MAX_POSITION,
    MAX_TEMPERATURE,
    MAX_VOLTAGE,
    MIN_POSITION,
    MIN_VOLTAGE,
    MODEL_NUMBER,
    OPERATING_MODE,
    PHASE,
    PRESENT_CURRENT,
    PRESENT_LOAD,
    PRESENT_POSITION,
    PRESENT_TEMPERATURE,
    PRESENT_VOLTAGE,
    RETURN_DELAY,
    TORQUE_ENABLE,
    Register,
)
from lerotool.devices.servos.scan import Found
from lerotool.devices.servos.status_packets import Status
from lerotool.setup.facts import BusFacts, Replies, ServoFacts, Stranger, Trouble
from lerotool.setup.listening import BAUDRATE, PATIENCE, Listen, Progress, ignore, listen, listen_for_arm

READS = 200
CHUNK = 10
LATEST_S = 0.15
"""No answer is waited for longer than this."""


def examine(
    port: str,
    *,
    reads: int = READS,
    calibration: Calibration | None = None,
    listen: Listen = listen,
    progress: Progress = ignore,
) -> BusFacts:
    """Return what is on a bus; all motors are asked ``reads`` times, to see how reliably they answer."""
    heard = listen_for_arm(port)
    if {found.id for found in heard if not found.is_crowded} != set(JOINT_IDS):
        heard = listen(port, progress)
    good = [found.id for found in heard if found.baudrate == BAUDRATE and not found.is_crowded]
    servos, lost = _read_all(port, good, reads, progress) if good else ((), ())
    strangers = [_stranger(found) for found in heard if found.id not in good or found.baudrate != BAUDRATE]
    strangers += [Stranger(servo, BAUDRATE, Trouble.LOST) for servo in lost]
    adapter = find_adapter(port)
    return BusFacts(
        port=port,
        adapter=adapter,
        latency_ms=_read_latency_ms(port) if adapter and adapter.kind is AdapterKind.FTDI else None,
        servos=servos,
        strangers=tuple(strangers),
        calibration=calibration,
    )


def _stranger(found: Found) -> Stranger:
    trouble = Trouble.CROWDED if found.is_crowded else Trouble.OTHER_SPEED
    return Stranger(found.id, found.baudrate, trouble)


def _read_all(
    port: str, ids: Iterable[int], reads: int, progress: Progress
) -> tuple[tuple[ServoFacts, ...], tuple[int, ...]]:
    """Return the facts of motors, and the ids of those that do not answer any more."""
    ids = sorted(ids)
    with ServoBus(port) as bus:
        counted = count_replies(bus, ids, reads, progress)
        seen = bus.statistics.servos
        kept = _read_block(bus, ids, FIRMWARE_MAJOR, OPERATING_MODE)
        present = _read_block(bus, ids, TORQUE_ENABLE, PRESENT_CURRENT)
    lost = tuple(servo for servo in ids if servo in kept.silent | present.silent)
    facts = [_facts(servo, kept, present, seen[servo].status, counted[servo]) for servo in ids if servo not in lost]
    return tuple(facts), lost


def _read_block(bus: ServoBus, ids: Sequence[int], first: Register, last: Register) -> SyncReading:
    """Return registers of motors, of all of them if that can be had."""
    best = bus.sync_read(first, ids, block=last)
    for _ in range(PATIENCE):
        if not best.silent:
            break
        best = min(best, bus.sync_read(first, ids, block=last), key=lambda reading: len(reading.silent))
    return best


def _facts(servo: int, kept: SyncReading, present: SyncReading, seen: Status, replies: Replies) -> ServoFacts:
    def memory(register: Register) -> int:
        return kept.value(servo, register)

    def now(register: Register) -> int:
        return present.value(servo, register)

    return ServoFacts(
        id=servo,
        model=memory(MODEL_NUMBER),
        firmware=f"{memory(FIRMWARE_MAJOR)}.{memory(FIRMWARE_MINOR)}",
        status=seen | present.statuses[servo] | kept.statuses[servo],
        voltage_v=round(now(PRESENT_VOLTAGE) * PRESENT_VOLTAGE.scale, 1),
        min_voltage_v=round(memory(MIN_VOLTAGE) * MIN_VOLTAGE.scale, 1),
        max_voltage_v=round(memory(MAX_VOLTAGE) * MAX_VOLTAGE.scale, 1),
        temperature_c=now(PRESENT_TEMPERATURE),
        max_temperature_c=memory(MAX_TEMPERATURE),
        load_percent=round(now(PRESENT_LOAD) * PRESENT_LOAD.scale, 1),
        current_ma=round(now(PRESENT_CURRENT) * PRESENT_CURRENT.scale * 1e3, 1),
        mode=memory(OPERATING_MODE),
        phase=memory(PHASE),
        torque=now(TORQUE_ENABLE) == 1,
        return_delay_us=round(memory(RETURN_DELAY) * RETURN_DELAY.scale),
        position=now(PRESENT_POSITION),
        homing_offset=memory(HOMING_OFFSET),
        range_min=memory(MIN_POSITION),
        range_max=memory(MAX_POSITION),
        replies=replies,
    )


def _read_latency_ms(port: str) -> int | None:
    """Return the latency timer of an FTDI adapter; None where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return None
    timer = Path("/sys/bus/usb-serial/devices") / Path(port).resolve().name / "latency_timer"
    with suppress(OSError, ValueError):
        return int(timer.read_text())
    return None


def count_replies(bus: ServoBus, motors: Sequence[int], reads: int, progress: Progress) -> dict[int, Replies]:
    """Ask each motor so many times and return how it answered, by id.

    An answer that comes too late counts apart from one that never comes. The bus counts late ones as it drops them, at
    the next request, but not whose they are: they are taken for answers to the oldest questions that met with
    silence. So the sums are right; where single answers are lost and others late at once, whose they are may be wrong.
    """
    count = _Count(bus)
    for done in range(reads):
        if done % CHUNK == 0:
            progress("counting answers", done / reads)
        # One by one: a common request leaves out those that have been silent for a while.
        for motor in motors:
            count.ask(motor)
    count.wait_for_late()
    return {motor: count.replies(motor, reads) for motor in motors}


class _Count:
    """What has become of all questions so far."""

    def __init__(self, bus: ServoBus) -> None:
        self._bus = bus
        self._late_seen = bus.statistics.refused_late
        self._answered: Counter[int] = Counter()
        self._damaged: Counter[int] = Counter()
        self._late: Counter[int] = Counter()
        self._silent: deque[int] = deque()

    def ask(self, motor: int) -> None:
        damaged = self._damaged_so_far(motor)
        pong = self._bus.ping(motor)
        self._notice_late()
        if pong is not None:
            self._answered[motor] += 1
        elif self._damaged_so_far(motor) > damaged:
            self._damaged[motor] += 1
        else:
            self._silent.append(motor)

    def wait_for_late(self) -> None:
        if self._silent:
            time.sleep(LATEST_S)
            self._bus.ping(self._silent[-1])
            self._notice_late()

    def replies(self, motor: int, asked: int) -> Replies:
        return Replies(asked, self._answered[motor], self._damaged[motor], self._silent.count(motor), self._late[motor])

    def _notice_late(self) -> None:
        late = self._bus.statistics.refused_late
        for _ in range(min(late - self._late_seen, len(self._silent))):
            self._late[self._silent.popleft()] += 1
        self._late_seen = late

    def _damaged_so_far(self, motor: int) -> int:
        counts = self._bus.statistics.servos.get(motor)
        return 0 if counts is None else counts.damaged
