"""What is counted on a servo bus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lerotool.devices.servos.status_packets import Status, StatusPacket


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


class ServoTally:
    """Counts of one servo while they grow."""

    __slots__ = ("asked_again", "damaged", "replies", "silent", "status")

    def __init__(self) -> None:
        self.replies = self.asked_again = self.damaged = self.silent = self.status = 0

    def snapshot(self) -> ServoStatistics:
        """Return the counts."""
        return ServoStatistics(self.replies, self.asked_again, self.damaged, self.silent, Status.of(self.status))


class BusTally:
    """Counts of a bus while they grow."""

    def __init__(self) -> None:
        self.requests = 0
        self.refused_late = 0
        self._servos: dict[int, ServoTally] = {}

    def __getitem__(self, servo: int) -> ServoTally:
        """Return the counts of a servo, for counting on."""
        tally = self._servos.get(servo)
        if tally is None:
            tally = self._servos[servo] = ServoTally()
        return tally

    def count_replies(self, packets: Iterable[StatusPacket]) -> None:
        """Count answers in time and whole."""
        for servo, error, _ in packets:
            tally = self[servo]
            tally.replies += 1
            tally.status |= error

    def snapshot(self) -> BusStatistics:
        """Return the counts."""
        servos = {servo: tally.snapshot() for servo, tally in sorted(self._servos.items())}
        return BusStatistics(
            requests=self.requests,
            replies=sum(s.replies for s in servos.values()),
            asked_again=sum(s.asked_again for s in servos.values()),
            damaged=sum(s.damaged for s in servos.values()),
            silent=sum(s.silent for s in servos.values()),
            refused_late=self.refused_late,
            servos=MappingProxyType(servos),
        )
