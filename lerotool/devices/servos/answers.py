"""Answers of servos: status packets in a stream of bytes, and what is counted of them.

    FF FF id length error data… checksum        length = data + 2; checksum = ~(id + length + error + data…) & FF

Whole packets are taken out of the stream, and damage is told apart from silence. The SDK's own reader does not compare
the length with what was asked for (the checksum of a short packet becomes data), and loses the packets after a damaged
one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from types import MappingProxyType
from typing import NamedTuple

OVERHEAD = 6
"""Bytes of a status packet beside its data."""
_HEADER = b"\xff\xff"
_LAST_ID = 0xFD


class StatusPacket(NamedTuple):
    """One reply whose checksum is right; a tuple, because a control loop makes hundreds a second."""

    id: int
    error: int
    data: bytes


def take_packets(buffer: bytearray, size: int, *, is_final: bool) -> list[StatusPacket | bytes]:
    """Remove and return what is whole in the buffer: packets, and the bytes between them that belong to none.

    Packets with other than ``size`` bytes of data are returned as well. What may become whole yet stays, unless nothing
    more will come (``is_final``).
    """
    found: list[StatusPacket | bytes] = []
    taken = start = 0
    count = len(buffer)
    while (start := buffer.find(_HEADER, start)) >= 0 and start + OVERHEAD <= count:
        end = start + buffer[start + 3] + 4
        if end > count and not is_final and end == start + size + OVERHEAD:
            break
        if _is_packet(buffer, start, end):
            if start > taken:
                found.append(bytes(buffer[taken:start]))
            found.append(StatusPacket(buffer[start + 2], buffer[start + 4], bytes(buffer[start + 5 : end - 1])))
            taken = start = end
        else:
            start += 1
    if is_final:
        if taken < count:
            found.append(bytes(buffer[taken:]))
        taken = count
    del buffer[:taken]
    return found


def _is_packet(buffer: bytearray, start: int, end: int) -> bool:
    """Tell whether a whole status packet lies there."""
    return (
        start + OVERHEAD <= end <= len(buffer)
        and buffer[start + 2] <= _LAST_ID
        and buffer[start + 4] < 0x80
        and sum(buffer[start + 2 : end]) & 0xFF == 0xFF
        and (end == len(buffer) or _HEADER.startswith(buffer[end : end + 2]) or not _holds_header(buffer, start, end))
    )


def _holds_header(buffer: bytearray, start: int, end: int) -> bool:
    """Tell whether the next packet may begin inside: a cut one completed by it has the right sum now and then."""
    return buffer[end - 1] == 0xFF or _HEADER in buffer[start + 2 : end]


def find_damaged(asked: Sequence[int], found: Sequence[StatusPacket | bytes]) -> frozenset[int]:
    """Return the ids whose replies arrived damaged; the others that are missing were silent.

    Servos answer in the order they were asked, so what lies between two replies came from those asked in between: from
    those whose id can still be read in it, else from the first of them.
    """
    order = {servo: place for place, servo in enumerate(asked)}
    answered = {part.id for part in found if isinstance(part, StatusPacket)}
    damaged: set[int] = set()
    place = 0
    for index, part in enumerate(found):
        if isinstance(part, StatusPacket):
            place = max(place, order.get(part.id, -1) + 1)
            continue
        following = (order[p.id] for p in found[index:] if isinstance(p, StatusPacket) and p.id in order)
        between = [servo for servo in asked[place : next(following, len(asked))] if servo not in answered]
        named = [servo for servo in between if _HEADER + bytes((servo,)) in part]
        damaged.update(named or between[:1])
    return frozenset(damaged)


class Status(IntFlag):
    """Bits of the status byte, and of register 65.

    Bit 0x10 is not among them: some firmware sets it while the torque is on.
    """

    NONE = 0
    VOLTAGE = 0x01
    ANGLE = 0x02
    OVERHEAT = 0x04
    OVERCURRENT = 0x08
    OVERLOAD = 0x20

    @classmethod
    def of(cls, raw: int) -> Status:
        """Return the bits that mean something."""
        return _KNOWN[raw & 0x2F]

    def describe(self) -> tuple[str, ...]:
        """Return one text per bit that is set, for people."""
        return tuple(text for bit, text in _TEXTS.items() if bit in self)


_TEXTS = {
    Status.VOLTAGE: "supply voltage out of range",
    Status.ANGLE: "position sensor broken",
    Status.OVERHEAT: "too hot",
    Status.OVERCURRENT: "too much current",
    Status.OVERLOAD: "overloaded",
}
_KNOWN = tuple(Status(raw) for raw in range(0x30))


@dataclass(frozen=True, slots=True)
class ServoStatistics:
    """Of one servo. Every time it is asked it replies, or the reply is damaged, or it is silent."""

    replies: int  # answers in time and whole
    asked_again: int  # times it was asked once more because that answer did not come
    damaged: int  # answers with bytes wrong or missing
    silent: int  # no answer in time
    status: Status  # all bits seen in its answers


@dataclass(frozen=True, slots=True)
class BusStatistics:
    """Of a bus since it was made."""

    requests: int  # packets sent
    replies: int  # answers in time and whole, of all servos
    asked_again: int  # as above, of all servos
    damaged: int  # as above
    silent: int  # as above
    refused_late: int  # answers thrown away because they were to an earlier request
    servos: Mapping[int, ServoStatistics]  # by id


@dataclass(slots=True)
class ServoTally:
    """Counts of one servo while they grow."""

    replies: int = 0
    asked_again: int = 0
    damaged: int = 0
    silent: int = 0
    status: int = 0


class BusTally:
    """Counts of a bus while they grow."""

    def __init__(self) -> None:
        self.requests = 0
        self.refused_late = 0
        self.servos: defaultdict[int, ServoTally] = defaultdict(ServoTally)

    def count_replies(self, packets: Iterable[StatusPacket]) -> None:
        """Count answers in time and whole."""
        for servo, error, _ in packets:
            tally = self.servos[servo]
            tally.replies += 1
            tally.status |= error

    def snapshot(self) -> BusStatistics:
        """Return the counts."""
        servos = {
            servo: ServoStatistics(t.replies, t.asked_again, t.damaged, t.silent, Status.of(t.status))
            for servo, t in sorted(self.servos.items())
        }
        return BusStatistics(
            requests=self.requests,
            replies=sum(s.replies for s in servos.values()),
            asked_again=sum(s.asked_again for s in servos.values()),
            damaged=sum(s.damaged for s in servos.values()),
            silent=sum(s.silent for s in servos.values()),
            refused_late=self.refused_late,
            servos=MappingProxyType(servos),
        )
