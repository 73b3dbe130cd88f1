"""Single exchanges with servos: one request, and the answers that belong to it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import scservo_sdk

from lerotool.devices.servos.answers import OVERHEAD, BusTally, StatusPacket, find_damaged, take_packets
from lerotool.devices.servos.registers import TABLE_SIZE
from lerotool.devices.servos.serial_port import SerialPort
from lerotool.errors import UsageError

MEMORY_NS = 1_000_000_000
"""An answer is not expected to come later than this."""
LENGTHS = 32
LAST_ID = 253
_UNUSED_ID = LAST_ID
_NOTHING: frozenset[int] = frozenset()


@dataclass(slots=True)
class _OpenRequest:
    asked_ns: int
    extra: int
    servos: set[int]


class AnswerLengths:
    """How many bytes more than needed to ask for, so that no two answers that may come look alike.

    Status packets carry no number, and a host, hub or driver that stalls delivers an answer after its time. To the next
    request for the same register it would look like the answer, and every later reading would be one request old. So
    nobody is asked for a number of bytes that a request of the last second asked of the same servo in vain: what comes
    late has the wrong length. While all is well nothing more than needed is asked for.
    """

    def __init__(self) -> None:
        self._open: list[_OpenRequest] = []
        self._heard_ns = 0

    def choose(self, servos: Collection[int], now: int) -> int | None:
        """Return the number of extra bytes to ask for, and remember the request; ``now`` is monotonic ns.

        None if an answer of any length could be a late one: then nothing may be asked.
        """
        if not self._open:
            extra: int | None = 0
        else:
            self._open = [request for request in self._open if now - request.asked_ns <= MEMORY_NS]
            extra = self._find_free(servos)
            if extra is None:
                # Bytes come in order: what was asked before an answered request has come or never will.
                self._open = [request for request in self._open if request.asked_ns >= self._heard_ns]
                extra = self._find_free(servos)
        if extra is not None:
            self._open.append(_OpenRequest(now, extra, set(servos)))
        return extra

    def hear(self, servos: Iterable[int]) -> None:
        """Note who has answered to the last request."""
        request = self._open[-1]
        self._heard_ns = request.asked_ns
        request.servos.difference_update(servos)
        if not request.servos:
            self._open.pop()

    def _find_free(self, servos: Collection[int]) -> int | None:
        taken = {request.extra for request in self._open if not request.servos.isdisjoint(servos)}
        return next((extra for extra in range(LENGTHS) if extra not in taken), None)


Answers = dict[int, tuple[bytes, int]]
"""Data and raw status by id."""


class Exchanges:
    """Requests over a port, one after the other; not for several threads."""

    def __init__(self) -> None:
        self.port: SerialPort | None = None
        self.tally = BusTally()
        self._packets = scservo_sdk.PacketHandler(0)
        self._lengths = AnswerLengths()
        self._unacknowledged_ns = -MEMORY_NS

    @property
    def open_port(self) -> SerialPort:
        """The port, which is open."""
        assert self.port is not None
        return self.port

    def ask(
        self, servos: Sequence[int], address: int, size: int, *, is_sync: bool = True
    ) -> tuple[Answers, frozenset[int]]:
        """Read from several servos in one request, or from one; return what came, and whose answer was not whole."""
        for servo in servos:
            check_id(servo)
        extra = self._lengths.choose(servos, time.monotonic_ns()) if servos else None
        if extra is None:
            self._count_missing(servos, _NOTHING)
            return {}, _NOTHING
        length = size + extra
        # No request reaches past the end of the table: a longer one begins earlier, and its answer is cut below.
        start = max(0, min(address, TABLE_SIZE - length))
        port = self.open_port
        if is_sync:
            result = self._packets.syncReadTx(port, start, length, servos, len(servos))
        else:
            result = self._packets.readTx(port, servos[0], start, length)
        self._note_sent(result)
        found, damaged = self._collect(servos, length)
        if found:
            self._lengths.hear(found)
        skip = address - start
        return {s: (p.data[skip : skip + size], p.error) for s, p in found.items()}, damaged

    def write(self, servo: int, address: int, data: bytes) -> int | None:
        """Write to one servo and return the raw status of its acknowledgement; None if there is none to be trusted.

        An acknowledgement has no content, so a late one looks like any other: none is trusted while one is missing.
        """
        check_id(servo)
        now, before = time.monotonic_ns(), self._unacknowledged_ns
        self._unacknowledged_ns = now
        port = self.open_port
        self._note_sent(self._packets.writeTxOnly(port, servo, address, len(data), data))
        port.setPacketTimeout(OVERHEAD + len(data))
        found, _ = self._collect((servo,), 0)
        if not found:
            return None
        self._unacknowledged_ns = before
        return found[servo].error if now - before > MEMORY_NS else None

    def sync_write(self, address: int, size: int, parameters: Sequence[int]) -> None:
        """Write to several servos; ``parameters``: id and data of each."""
        if not parameters:
            return
        self._note_sent(self._packets.syncWriteTxOnly(self.open_port, address, size, parameters, len(parameters)))

    def hears_itself(self) -> bool:
        """Tell whether the adapter sends back what is sent to it: the echo of a request is a valid status packet."""
        port = self.open_port
        self._note_sent(self._packets.readTx(port, _UNUSED_ID, 3, 2))
        while port.wait(1):
            pass
        request = bytes((_UNUSED_ID, 4, scservo_sdk.INST_READ, 3, 2))
        is_echo = b"\xff\xff" + request + bytes((~sum(request) & 0xFF,)) in port.received
        port.received.clear()
        return is_echo

    def _note_sent(self, result: int) -> None:
        port = self.open_port
        port.is_using = False  # the SDK's own reader of answers, which does this, is not used
        self.tally.requests += 1
        self.tally.refused_late += port.dropped
        port.dropped = 0
        if result == scservo_sdk.COMM_TX_ERROR:
            raise UsageError("these are too many servos for one request")
        if result != scservo_sdk.COMM_SUCCESS:
            raise OSError(f"the request could not be sent: {self._packets.getTxRxResult(result)}")

    def _collect(self, servos: Sequence[int], length: int) -> tuple[dict[int, StatusPacket], frozenset[int]]:
        """Wait for the answers; return them by id, and the ids whose answers came damaged."""
        port, tally = self.open_port, self.tally
        found: dict[int, StatusPacket] = {}
        parts: list[StatusPacket | bytes] = []
        due = (length + OVERHEAD) * len(servos)
        is_final = False
        while not is_final:
            # Servos answer in the order they were asked; after the last one nothing is to come.
            is_final = servos[-1] in found or due <= len(port.received) or not port.wait(due - len(port.received))
            for part in take_packets(port.received, length, is_final=is_final):
                if isinstance(part, bytes):
                    due -= len(part)
                elif len(part.data) == length and part.id in servos and part.id not in found:
                    found[part.id] = part
                    due -= length + OVERHEAD
                else:
                    tally.refused_late += 1
                    continue
                parts.append(part)
            if len(found) == len(servos):
                break
        tally.count_replies(found.values())
        if len(found) == len(servos):
            return found, _NOTHING
        damaged = find_damaged(servos, parts)
        self._count_missing([s for s in servos if s not in found], damaged)
        return found, damaged

    def _count_missing(self, servos: Sequence[int], damaged: frozenset[int]) -> None:
        for servo in servos:
            if servo in damaged:
                self.tally.servos[servo].damaged += 1
            else:
                self.tally.servos[servo].silent += 1


def check_id(servo: int) -> None:
    """Refuse an id that no servo can have."""
    if not 0 <= servo <= LAST_ID:
        raise UsageError(f"no servo can have the id {servo}, expected 0 to {LAST_ID}")
