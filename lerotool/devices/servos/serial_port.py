"""The SDK's port made fit for a control loop: exclusive, waiting without spinning, empty before every request."""

from __future__ import annotations

import errno
import os
import select
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import scservo_sdk
import serial

from lerotool.devices.holders import Holder, list_holders
from lerotool.devices.servos.adapters import AdapterKind, describe_plugged_in, find_adapter, find_port, list_adapters
from lerotool.devices.servos.answers import OVERHEAD, StatusPacket, take_packets
from lerotool.errors import (
    DeviceBusyError,
    DeviceError,
    DeviceNotFoundError,
    DevicePermissionError,
    LerotoolError,
    UsageError,
)

MARGIN_MS = 10.0
"""Time allowed for an answer beside what its bytes take."""
SLOW_MARGIN_MS = 35.0
"""The same for FTDI adapters, which hold bytes back for 16 ms."""
_WRITE_TIMEOUT_S = 0.5
_LATE_SIZE = -1
"""No packet waited for has this size."""
_EXCLUSIVE = None if sys.platform == "win32" else True  # Windows opens ports exclusively by itself
_REQUEST_BYTES = OVERHEAD + 8
LEAST_MARGIN = "LEROTOOL_SERVO_MARGIN_MS"
"""Environment: milliseconds allowed for an answer at least, beside what its bytes take."""
UDEV_RULE = 'SUBSYSTEM=="tty", ATTRS{idVendor}=="1a86", TAG+="uaccess"'
"""Lets the person at the machine use the usual adapters; belongs into /etc/udev/rules.d/70-servo-adapters.rules."""


class SerialPort(scservo_sdk.PortHandler):  # type: ignore[misc]
    """A serial port as the SDK's packet handler uses it.

    Everything raises what pyserial and the operating system raise; ``ServoBus`` translates. ``received`` are bytes of
    answers not yet taken; ``dropped`` counts whole packets that were thrown away because they came after their time.
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
        self.tx_time_per_byte = 10_000 / cflag_baud  # ms: 8 bits, a start and a stop bit
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
        wait_ms = self.tx_time_per_byte * (packet_length + _REQUEST_BYTES) + self.margin_ms
        self._deadline = time.monotonic() + wait_ms / 1e3

    def wait(self, least: int) -> bool:
        """Sleep until at least ``least`` bytes arrive and append them to ``received``; False if none came in time."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            return False
        return self._wait_posix(left) if os.name == "posix" else self._wait_elsewhere(left, least)

    def _wait_posix(self, left: float) -> bool:
        descriptor = self.ser.fileno()
        if not select.select((descriptor,), (), (), left)[0]:
            return False
        data = os.read(descriptor, 4096)
        if not data:  # how POSIX says that the adapter was pulled
            raise serial.SerialException("the port is ready to read but has no data")
        self.received += data
        return True

    def _wait_elsewhere(self, left: float, least: int) -> bool:
        """Let pyserial wait: other systems cannot select() on a port."""
        self.ser.timeout = left
        data = self.ser.read(max(least, self.ser.in_waiting))
        self.received += data
        return bool(data)


def open_port(where: str, baudrate: int) -> SerialPort:
    """Open a port exclusively."""
    path = find_port(where)
    port = SerialPort(path, baudrate)
    try:
        set_speed(port, baudrate)
    except PORT_ERRORS as error:
        if isinstance(error, LerotoolError):
            raise
        raise _explain(path, error) from error
    if holders := [holder for holder in list_holders(path) if not holder.is_self]:
        port.closePort()  # the lock is refused to those only who ask for it, as most programs do not
        raise _busy(path, holders)
    is_quick = port.shorten_latency()
    adapter = find_adapter(path)
    is_slow = adapter is not None and adapter.kind is AdapterKind.FTDI and not is_quick
    port.margin_ms = max(SLOW_MARGIN_MS if is_slow else MARGIN_MS, _least_margin_ms())
    return port


def _least_margin_ms() -> float:
    """Return what the user allows for an answer at least, in a virtual machine for example."""
    text = os.environ.get(LEAST_MARGIN, "0")
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{LEAST_MARGIN} is {text!r}, expected milliseconds") from None


def set_speed(port: SerialPort, baudrate: int) -> None:
    """Set the speed of a port; opens one that is not open."""
    try:
        is_known = port.setBaudRate(baudrate)
    except ValueError as error:  # pyserial says so
        raise DeviceError(f"{port.port_name} does not take {baudrate} bits per second: {error}") from error
    if not is_known:
        raise DeviceError(f"the servo SDK does not know the speed {baudrate}")


def _explain(path: str, error: Exception) -> LerotoolError:
    number = _errno(error)
    if isinstance(error, serial.SerialException) and sys.platform == "win32" and "PermissionError" in str(error):
        number = errno.EBUSY  # Windows says so when another program has the port
    if number in (errno.EAGAIN, errno.EBUSY):
        return _busy(path, list_holders(path))
    if number in (errno.EACCES, errno.EPERM):
        return _not_permitted(path)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return DeviceNotFoundError(f"no serial port {path}", hint=describe_plugged_in(list_adapters()))
    return DeviceError(f"{path} cannot be opened as a serial port: {error}")


def _errno(error: BaseException) -> int | None:
    """Return the number of an error; ``termios.error`` is not an OSError and has it as its first argument."""
    number = getattr(error, "errno", None) or next(iter(error.args), None)
    return number if isinstance(number, int) else None


def _busy(path: str, holders: Sequence[Holder]) -> DeviceBusyError:
    if any(holder.is_self for holder in holders):
        return DeviceBusyError(f"{path} is in use by this program already", hint="name another port for the other arm")
    by = ", ".join(map(str, holders)) or "another program"
    return DeviceBusyError(f"{path} is in use by {by}", hint="end the other program; two of them would garble the bus")


def _not_permitted(path: str) -> DevicePermissionError:
    hint = f"add the udev rule {UDEV_RULE}, then plug the adapter in again"
    if sys.platform != "win32":
        import grp

        with suppress(OSError, KeyError):
            group = grp.getgrgid(Path(path).stat().st_gid).gr_name
            if group != "root":
                hint = f'run "sudo usermod -aG {group} $USER" and log in again, or {hint}'
    return DevicePermissionError(f"this user may not open {path}", hint=hint)


PORT_ERRORS: tuple[type[Exception], ...] = (OSError, serial.SerialException)
if sys.platform != "win32":
    import termios

    PORT_ERRORS = (*PORT_ERRORS, termios.error)
