"""The SDK's port made fit for a control loop: exclusive, waiting without spinning, and empty before every request."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import scservo_sdk
import serial

from lerotool.devices.servos.packets import OVERHEAD, StatusPacket, take_packets

MARGIN_MS = 10.0
"""Time allowed for an answer beside what its bytes take."""
SLOW_MARGIN_MS = 35.0
"""The same for FTDI adapters, which hold bytes back for 16 ms."""
_WRITE_TIMEOUT_S = 0.5
_LATE_SIZE = -1
"""No packet waited for has this size."""


class SerialPort(scservo_sdk.PortHandler):  # type: ignore[misc]
    """A serial port as the SDK's packet handler uses it.

    Everything raises what pyserial and the operating system raise; ``ServoBus`` translates.

    Attributes:
        received: bytes of answers not yet taken; filled by ``wait``.
        dropped: whole packets that were thrown away because they came after their time.
        margin_ms: time allowed for an answer beside what its bytes take.
    """

    def __init__(self, name: str, baudrate: int) -> None:
        super().__init__(name)
        self.ser: Any = None
        self.baudrate = baudrate
        self.received = bytearray()
        self.dropped = 0
        self.margin_ms = MARGIN_MS
        self._deadline = 0.0

    def setupPort(self, cflag_baud: int) -> bool:  # noqa: N802
        """Open the port, or change the speed of the open one."""
        if self.ser is None:
            self.ser = serial.Serial(
                self.port_name, cflag_baud, timeout=0, write_timeout=_WRITE_TIMEOUT_S, exclusive=_EXCLUSIVE
            )
            self.is_open = True
        elif self.ser.baudrate != cflag_baud:
            self.ser.baudrate = cflag_baud
        self.tx_time_per_byte = 10_000 / cflag_baud
        return True

    def closePort(self) -> None:  # noqa: N802
        """Close the port; a closed one stays closed."""
        port, self.ser = self.ser, None
        self.is_open = self.is_using = False
        self.received.clear()
        if port is not None:
            port.close()

    def shorten_latency(self) -> bool:
        """Ask the driver to hand bytes on at once; False if it does not know how."""
        with suppress(OSError, ValueError, AttributeError, NotImplementedError):
            self.ser.set_low_latency_mode(True)
            return True
        return False

    def clearPort(self) -> None:  # noqa: N802
        """Drop what a failed exchange left behind; the SDK calls this before every request."""
        if waiting := self.ser.in_waiting:
            self.received += self.ser.read(waiting)
        if self.received:
            late = take_packets(self.received, _LATE_SIZE, is_final=True)
            self.dropped += sum(isinstance(part, StatusPacket) for part in late)

    def writePort(self, packet: Iterable[int]) -> int:  # noqa: N802
        """Send a request and return its size; pyserial's own call would also wait until more could be sent."""
        data = bytes(packet)
        sent = 0
        if os.name == "posix":
            with suppress(BlockingIOError):  # the driver's buffer is full
                sent = os.write(self.ser.fileno(), data)
        if sent < len(data):
            sent += self.ser.write(data[sent:])
        return sent

    def setPacketTimeout(self, packet_length: int) -> None:  # noqa: N802
        """Start the wait for an answer of so many bytes; the request may still be on the wire."""
        self.setPacketTimeoutMillis(self.tx_time_per_byte * (packet_length + _REQUEST_BYTES) + self.margin_ms)

    def setPacketTimeoutMillis(self, msec: float) -> None:  # noqa: N802
        """Start the wait for an answer."""
        self._deadline = time.monotonic() + msec / 1e3

    def isPacketTimeout(self) -> bool:  # noqa: N802
        """Tell whether the wait is over."""
        return time.monotonic() > self._deadline

    def getCurrentTime(self) -> float:  # noqa: N802
        """Return milliseconds of a clock that does not jump."""
        return time.monotonic() * 1e3

    def wait(self, least: int) -> bool:
        """Sleep until bytes arrive and append them to ``received``; False if none came in time.

        Args:
            least: bytes that are missing at least.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            return False
        return self._wait_posix(left) if os.name == "posix" else self._wait_elsewhere(left, least)

    def _wait_posix(self, left: float) -> bool:
        descriptor = self.ser.fileno()
        if not select.select((descriptor,), (), (), left)[0]:
            return False
        data = os.read(descriptor, 4096)
        if not data:
            raise serial.SerialException("the port is ready to read but has no data")
        self.received += data
        return True

    def _wait_elsewhere(self, left: float, least: int) -> bool:
        """Let pyserial wait: other systems cannot select() on a port."""
        self.ser.timeout = left
        data = self.ser.read(max(least, self.ser.in_waiting))
        self.received += data
        return bool(data)


_EXCLUSIVE = None if sys.platform == "win32" else True  # Windows opens ports exclusively by itself
_REQUEST_BYTES = OVERHEAD + 8
