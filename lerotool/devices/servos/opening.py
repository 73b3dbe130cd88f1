"""Opening a serial port, and in words why it cannot be opened."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import serial

from lerotool.devices.holders import Holder, list_holders
from lerotool.devices.servos.adapters import AdapterKind, describe_plugged_in, find_adapter, find_port, list_adapters
from lerotool.devices.servos.serial_port import MARGIN_MS, SLOW_MARGIN_MS, SerialPort
from lerotool.errors import (
    DeviceBusyError,
    DeviceError,
    DeviceNotFoundError,
    DevicePermissionError,
    LerotoolError,
    UsageError,
)

LEAST_MARGIN = "LEROTOOL_SERVO_MARGIN_MS"
"""Environment: milliseconds allowed for an answer at least, beside what its bytes take."""
UDEV_RULE = 'SUBSYSTEM=="tty", ATTRS{idVendor}=="1a86", TAG+="uaccess"'
"""Lets the person at the machine use the usual adapters; belongs into /etc/udev/rules.d/70-servo-adapters.rules."""


def open_port(where: str, baudrate: int) -> SerialPort:
    """Open a port exclusively.

    Args:
        where: a path or ``serial:NUMBER``.
        baudrate: bits per second, one that the SDK knows.

    Raises:
        DeviceNotFoundError: it is not there.
        DeviceBusyError: another process holds it.
        DevicePermissionError: the user may not.
        DeviceError: it is no serial port, or does not know the speed.
        UsageError: ``LEROTOOL_SERVO_MARGIN_MS`` is no number.
    """
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
    """Return what the user allows for an answer at least, in a virtual machine for example.

    Raises:
        UsageError: the environment says something else than a number.
    """
    text = os.environ.get(LEAST_MARGIN, "0")
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{LEAST_MARGIN} is {text!r}, expected milliseconds") from None


def set_speed(port: SerialPort, baudrate: int) -> None:
    """Set the speed of a port; opens one that is not open.

    Raises:
        DeviceError: the SDK or the port does not know the speed.
    """
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
        return DeviceNotFoundError(f"there is no serial port {path}", hint=describe_plugged_in(list_adapters()))
    return DeviceError(f"{path} cannot be opened as a serial port: {error}")


def _errno(error: BaseException) -> int | None:
    """Return the number of an error; ``termios.error`` is no OSError and has it as its first argument."""
    number = getattr(error, "errno", None) or next(iter(error.args), None)
    return number if isinstance(number, int) else None


def _busy(path: str, holders: Sequence[Holder]) -> DeviceBusyError:
    if any(holder.is_self for holder in holders):
        return DeviceBusyError(f"{path} is in use by this program already", hint="name another port for the other arm")
    by = ", ".join(map(str, holders)) or "another program"
    return DeviceBusyError(f"{path} is in use by {by}", hint="end the other program; two of them would garble the bus")


def _not_permitted(path: str) -> DevicePermissionError:
    hint = f"add the udev rule {UDEV_RULE}, then plug the adapter in again"
    with suppress(OSError, ImportError, KeyError):
        import grp

        group = grp.getgrgid(Path(path).stat().st_gid).gr_name
        if group != "root":
            hint = f'run "sudo usermod -aG {group} $USER" and log in again, or {hint}'
    return DevicePermissionError(f"this user may not open {path}", hint=hint)


try:
    import termios

    PORT_ERRORS: tuple[type[Exception], ...] = (OSError, serial.SerialException, termios.error)
except ImportError:  # Windows
    PORT_ERRORS = (OSError, serial.SerialException)
