"""Who is on a bus: which ids answer at which speeds, and whether two servos share one.

An id that nobody has costs about 11 ms, so those that motors usually have are asked first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from lerotool.devices.arms.joints import JOINT_IDS
from lerotool.devices.servos.bus import ServoBus
from lerotool.devices.servos.exchange import LAST_ID
from lerotool.devices.servos.registers import BAUD_CODES, PRESENT_CURRENT, PRESENT_POSITION

BAUDRATE = 1_000_000
"""At which the motors of an arm talk."""
LIKELY_IDS = range(13)
"""New motors have id 1, arms 1 to 6, two arms on one cable and mobile bases up to 12."""
PATIENCE = 10
"""How often a motor is asked: nothing here is in a hurry, and a busy computer may be away for a tenth of a second."""
ROUNDS = 4
_LISTENINGS = 8


@dataclass(frozen=True, slots=True)
class Found:
    """What answers to an id."""

    id: int
    baudrate: int
    model: int | None  # None if no answer was whole
    is_crowded: bool  # whether its answers are damaged as two servos with one id damage each other's


Progress = Callable[[str, float], None]
"""Called with what is done and how far it is, 0 to 1."""
Listen = Callable[[str, Progress], tuple[Found, ...]]
"""Finds motors on a port."""


def ignore(text: str, fraction: float) -> None:
    """Progress that nobody looks at."""


def listen_for_arm(port: str) -> tuple[Found, ...]:
    """Return which motors of an arm are heard at the arm's speed; who is not heard at first is asked again."""
    heard: dict[int, Found] = {}
    for _ in range(ROUNDS):
        if silent := [motor for motor in JOINT_IDS if motor not in heard]:
            heard |= {found.id: found for found in scan(port, silent, [BAUDRATE])}
    return tuple(heard[motor] for motor in sorted(heard))


def listen(port: str, progress: Progress = ignore) -> tuple[Found, ...]:
    """Return who is heard at any speed among the ids that motors usually have.

    All are asked once more: at the speed of an arm's motors, or if nobody was heard, at every speed.
    """
    first = scan(port, LIKELY_IDS, BAUD_CODES, progress)
    again = scan(port, LIKELY_IDS, [BAUDRATE] if first else BAUD_CODES, progress)
    return tuple({(found.baudrate, found.id): found for found in (*again, *first)}.values())


def listen_everywhere(port: str, progress: Progress = ignore) -> tuple[Found, ...]:
    """Return who is heard at any speed and any id; takes about 15 seconds."""
    return scan(port, range(LAST_ID + 1), BAUD_CODES, progress)


def scan(port: str, ids: Collection[int], speeds: Collection[int], progress: Progress = ignore) -> tuple[Found, ...]:
    """Ask every id at every speed."""
    found: list[Found] = []
    with ServoBus(port) as bus:
        for turn, speed in enumerate(speeds):
            bus.set_baudrate(speed)
            for place, servo in enumerate(ids):
                progress(f"listening at {speed} baud", (turn * len(ids) + place) / (len(speeds) * len(ids)))
                found += hear(bus, servo)
    return tuple(found)


def hear(bus: ServoBus, servo: int) -> Iterable[Found]:
    """Yield what answers to one id at the speed of an open bus, with damaged answers even; nothing if nobody does."""
    damaged = bus.damaged(servo)
    pong = bus.ping(servo)
    if pong is not None or bus.damaged(servo) > damaged:
        yield Found(servo, bus.baudrate, None if pong is None else pong.model, is_crowded=_is_crowded(bus, servo))


def _is_crowded(bus: ServoBus, servo: int) -> bool:
    """Tell whether two servos answer at once.

    They are read where they differ: equal answers lie upon each other unnoticed.
    """
    before = bus.damaged(servo)
    for _ in range(_LISTENINGS):
        bus.sync_read(PRESENT_POSITION, [servo], block=PRESENT_CURRENT, tries=1)
    return bus.damaged(servo) - before >= _LISTENINGS // 2
