"""Finding servos: which ids answer at which speeds, and whether two servos share one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lerotool.devices.servos.bus import ServoBus
from lerotool.devices.servos.exchange import LAST_ID
from lerotool.devices.servos.registers import BAUD_CODES, PRESENT_CURRENT, PRESENT_POSITION

ALL_IDS = range(LAST_ID + 1)
_LISTENINGS = 8


@dataclass(frozen=True, slots=True)
class Found:
    """What answers to an id."""

    id: int
    baudrate: int
    model: int | None  # None if no answer was whole
    is_crowded: bool  # whether its answers are damaged as two servos with one id damage each other's


Progress = Callable[[int, int], None]
"""Called with the baud rate and the id before each question."""


def scan(
    port: str,
    ids: Iterable[int] = ALL_IDS,
    baudrates: Iterable[int] = tuple(BAUD_CODES),
    progress: Progress | None = None,
) -> tuple[Found, ...]:
    """Ask every id at every speed. One that nobody has costs about 11 ms."""
    speeds, wanted = list(baudrates), list(ids)
    found: list[Found] = []
    with ServoBus(port, baudrate=speeds[0]) as bus:
        for baudrate in speeds:
            bus.set_baudrate(baudrate)
            found += scan_bus(bus, wanted, progress)
    return tuple(found)


def scan_bus(bus: ServoBus, ids: Iterable[int], progress: Progress | None = None) -> tuple[Found, ...]:
    """Ask every id at the speed of an open bus."""
    found = []
    for servo in ids:
        if progress is not None:
            progress(bus.baudrate, servo)
        if (answer := examine(bus, servo)) is not None:
            found.append(answer)
    return tuple(found)


def examine(bus: ServoBus, servo: int) -> Found | None:
    """Look at one id, and return None if nobody answers to it, not even a damaged answer."""
    damaged_before = _damaged(bus, servo)
    pong = bus.ping(servo)
    if pong is None and _damaged(bus, servo) == damaged_before:
        return None
    return Found(
        id=servo,
        baudrate=bus.baudrate,
        model=None if pong is None else pong.model,
        is_crowded=_is_crowded(bus, servo),
    )


def _is_crowded(bus: ServoBus, servo: int) -> bool:
    """Tell whether two servos answer at once.

    They are read where they differ: equal answers lie upon each other unnoticed.
    """
    before = _damaged(bus, servo)
    for _ in range(_LISTENINGS):
        bus.sync_read(PRESENT_POSITION, [servo], block=PRESENT_CURRENT, tries=1)
    return _damaged(bus, servo) - before >= _LISTENINGS // 2


def _damaged(bus: ServoBus, servo: int) -> int:
    counts = bus.statistics.servos.get(servo)
    return counts.damaged if counts is not None else 0
