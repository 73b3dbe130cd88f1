"""Find out what is on a bus: who answers and how reliably, and what each motor says of itself.

Nothing is changed, and nothing judged: `diagnosis` does that.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path

from lerotool.devices.arms.calibration import Calibration, JointCalibration
from lerotool.devices.arms.joints import JOINT_IDS
from lerotool.devices.servos.adapters import Adapter, AdapterKind, find_adapter
from lerotool.devices.servos.answers import Status
from lerotool.devices.servos.bus import Pong, ServoBus, SyncReading
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
from lerotool.setup.listening import BAUDRATE, PATIENCE, Listen, Progress, ignore, listen, listen_for_arm

READS = 200
CHUNK = 10
LATEST_S = 0.15
"""No answer is waited for longer than this."""


@dataclass(frozen=True, slots=True)
class Replies:
    """How a servo answered to a number of requests."""

    asked: int = 0  # how often it was asked
    answered: int = 0  # whole answers that came in time
    damaged: int = 0  # answers of a wrong length or check sum
    silent: int = 0  # requests without any answer
    late: int = 0  # requests whose answer came after its time, as happens when the computer or the USB hub is busy

    @property
    def failed(self) -> int:
        """Requests that were not answered as they should be, late ones not among them."""
        return self.damaged + self.silent

    @property
    def failed_share(self) -> float:
        """From 0 to 1."""
        return self.failed / self.asked if self.asked else 0.0


@dataclass(frozen=True, slots=True)
class ServoFacts:
    """What a servo says of itself."""

    id: int
    model: int  # 777 is an STS3215
    firmware: str  # such as ``3.10``
    status: Status
    voltage_v: float
    min_voltage_v: float  # below, it reports an error
    max_voltage_v: float  # above, it reports an error
    temperature_c: int
    max_temperature_c: int  # above, it lets go
    load_percent: float
    current_ma: float
    mode: int  # 0 is position
    phase: int  # factory bits; bit 4 lets positions leave 0..4095
    torque: bool
    return_delay_us: int
    position: int  # 0..4095
    homing_offset: int
    range_min: int
    range_max: int
    replies: Replies = field(default_factory=Replies)


class Trouble(Enum):
    """How a servo was heard that cannot be examined."""

    OTHER_SPEED = "other speed"
    CROWDED = "crowded"
    """Several servos answer at once."""
    LOST = "lost"
    """It answered once and then no more."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A servo that was heard but could not be examined."""

    id: int
    baudrate: int
    trouble: Trouble  # why it could not be examined


@dataclass(frozen=True, slots=True)
class BusFacts:
    """What was found on a bus."""

    port: str
    adapter: Adapter | None  # the adapter that is plugged in there, if the system knows
    latency_ms: int | None  # the latency timer of an FTDI adapter, if it can be read
    servos: tuple[ServoFacts, ...]  # what could be examined, by id
    strangers: tuple[Stranger, ...]  # what was heard but could not be examined
    # Of the arm that should be there, by joint, if one is known.
    calibration: Mapping[str, JointCalibration] | None = None


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
    strangers = [
        Stranger(found.id, found.baudrate, Trouble.CROWDED if found.is_crowded else Trouble.OTHER_SPEED)
        for found in heard
        if found.id not in good or found.baudrate != BAUDRATE
    ]
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
    memory, now = partial(kept.value, servo), partial(present.value, servo)
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
    answered: Counter[int] = Counter()
    late: Counter[int] = Counter()
    silent: deque[int] = deque()  # whose questions met with silence, the oldest first
    late_seen = bus.statistics.refused_late

    def ask(motor: int) -> Pong | None:
        nonlocal late_seen
        pong = bus.ping(motor)
        late_now = bus.statistics.refused_late
        for _ in range(min(late_now - late_seen, len(silent))):
            late[silent.popleft()] += 1
        late_seen = late_now
        return pong

    for done in range(reads):
        if done % CHUNK == 0:
            progress("counting answers", done / reads)
        # One by one: a common request leaves out those that have been silent for a while.
        for motor in motors:
            damaged = bus.damaged(motor)
            if ask(motor) is not None:
                answered[motor] += 1
            elif bus.damaged(motor) == damaged:
                silent.append(motor)
    if silent:
        time.sleep(LATEST_S)
        ask(silent[-1])
    return {
        motor: Replies(
            reads,
            answered[motor],
            reads - answered[motor] - silent.count(motor) - late[motor],
            silent.count(motor),
            late[motor],
        )
        for motor in motors
    }
