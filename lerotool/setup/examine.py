"""Find out what is on a bus: who answers and how reliably, and what each motor says of itself. Changes nothing."""

from __future__ import annotations

import sys
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
from lerotool.devices.servos.status import Status
from lerotool.setup.counting import count_replies
from lerotool.setup.facts import BusFacts, Replies, ServoFacts, Stranger, Trouble
from lerotool.setup.listening import BAUDRATE, PATIENCE, Listen, Progress, ignore, listen, listen_for_arm

READS = 200


def examine(
    port: str,
    *,
    reads: int = READS,
    calibration: Calibration | None = None,
    listen: Listen = listen,
    progress: Progress = ignore,
) -> BusFacts:
    """Return what is on a bus.

    Args:
        port: its path.
        reads: how often all motors are asked, to see how reliably they answer.
        calibration: of the arm that should be there.
        listen: how to look for motors that are not where they should be.
        progress: told how far it is.

    Raises:
        DeviceError: the port cannot be opened, or is lost.
    """
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
