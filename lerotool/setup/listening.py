"""Who is on a bus, without waiting a quarter of a minute for ids that nobody has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lerotool.devices.arms.joints import JOINT_IDS
from lerotool.devices.servos.registers import BAUD_CODES
from lerotool.devices.servos.scan import ALL_IDS, Found, scan

BAUDRATE = 1_000_000
"""At which the motors of an arm talk."""
LIKELY_IDS = range(13)
"""New motors have id 1, arms 1 to 6, two arms on one cable and mobile bases up to 12."""

PATIENCE = 10
"""How often a motor is asked: nothing here is in a hurry, and a busy computer may be away for a tenth of a second."""
ROUNDS = 4

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
        silent = [motor for motor in JOINT_IDS if motor not in heard]
        if silent:
            heard |= {found.id: found for found in scan(port, ids=silent, baudrates=[BAUDRATE])}
    return tuple(heard[motor] for motor in sorted(heard))


def listen(port: str, progress: Progress = ignore) -> tuple[Found, ...]:
    """Return who is heard at any speed among the ids that motors usually have.

    All are asked once more: at the speed of an arm's motors, or if nobody was heard, at every speed.
    """
    first = _scan(port, LIKELY_IDS, list(BAUD_CODES), progress)
    again = _scan(port, LIKELY_IDS, [BAUDRATE] if first else list(BAUD_CODES), progress)
    return tuple({(found.baudrate, found.id): found for found in (*again, *first)}.values())


def listen_everywhere(port: str, progress: Progress = ignore) -> tuple[Found, ...]:
    """Return who is heard at any speed and any id; takes about 15 seconds."""
    return _scan(port, ALL_IDS, list(BAUD_CODES), progress)


def _scan(port: str, ids: Sequence[int], speeds: Sequence[int], progress: Progress) -> tuple[Found, ...]:
    def tell(baudrate: int, servo: int) -> None:
        done = speeds.index(baudrate) * len(ids) + ids.index(servo)
        progress(f"listening at {baudrate} baud", done / (len(speeds) * len(ids)))

    return scan(port, ids=ids, baudrates=speeds, progress=tell)
