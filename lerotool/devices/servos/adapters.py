"""Serial adapters: which are plugged in, which of them drive servos, which was pulled, and how to name one for good.

Adapters have serial numbers; ``/dev/ttyACM0`` is whichever was plugged in first. So ports are best named
``serial:NUMBER``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from serial.tools.list_ports import comports

from lerotool.errors import DeviceNotFoundError, UsageError

EXTRA_PORTS = "LEROTOOL_SERIAL_PORTS"
"""Environment: ``PATH[=SERIAL],…`` are listed beside what the operating system lists."""
SERIAL_PREFIX = "serial:"


class AdapterKind(StrEnum):
    """What translates between USB and the servos' wire."""

    CH343 = "CH343"
    CH340 = "CH340"
    FTDI = "FTDI"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Adapter:
    """A serial port."""

    path: str
    serial_number: str | None  # burnt into the adapter; cheap ones have none
    vid: int | None  # USB vendor, if it is a USB device
    pid: int | None
    description: str
    kind: AdapterKind

    @property
    def name(self) -> str:
        """How to name it so that it stays the same: ``serial:NUMBER``, or the path if it has no number."""
        return f"{SERIAL_PREFIX}{self.serial_number}" if self.serial_number else self.path

    def describe(self) -> str:
        """Return one line for people."""
        number = f", {SERIAL_PREFIX}{self.serial_number}" if self.serial_number else ""
        return f"{self.path} ({self.kind if self.kind is not AdapterKind.OTHER else self.description}{number})"


def list_adapters() -> tuple[Adapter, ...]:
    """Return what is plugged in: the usual servo adapters first, then other ports, each sorted by path."""
    found = {
        port.device: Adapter(
            port.device,
            port.serial_number or None,
            port.vid,
            port.pid,
            port.description or "",
            classify(port.vid, port.pid),
        )
        for port in comports()
    }
    for path, number in _extra_ports():
        found[path] = Adapter(path, number, None, None, "named by " + EXTRA_PORTS, AdapterKind.OTHER)
    return tuple(sorted(found.values(), key=lambda adapter: (adapter.kind is AdapterKind.OTHER, adapter.path)))


def find_port(where: str) -> str:
    """Return the path of a port named by its path or by ``serial:NUMBER``."""
    adapters = list_adapters()
    if not where.startswith(SERIAL_PREFIX):
        if any(adapter.path == where for adapter in adapters) or Path(where).exists():
            return where
        raise DeviceNotFoundError(f"no serial port {where}", hint=describe_plugged_in(adapters))
    number = where.removeprefix(SERIAL_PREFIX)
    paths = [adapter.path for adapter in adapters if adapter.serial_number == number]
    if not paths:
        raise DeviceNotFoundError(f"no serial adapter has the number {number!r}", hint=describe_plugged_in(adapters))
    if len(paths) > 1:
        raise UsageError(
            f"{len(paths)} serial adapters have the number {number!r}: {', '.join(paths)}",
            hint="name the port by its path, on Linux the one in /dev/serial/by-path",
        )
    return paths[0]


def find_adapter(path: str) -> Adapter | None:
    """Return the adapter behind a path, which may be a symbolic link."""
    target = os.path.realpath(path)
    adapters = list_adapters()
    exact = (adapter for adapter in adapters if adapter.path == path)
    return next(exact, None) or next((a for a in adapters if os.path.realpath(a.path) == target), None)


def describe_plugged_in(adapters: tuple[Adapter, ...]) -> str:
    """Return a hint: what is plugged in."""
    if not adapters:
        return "no serial adapter is plugged in; check the USB cable (some only charge) and the hub"
    return "plugged in: " + "; ".join(adapter.describe() for adapter in adapters)


def classify(vid: int | None, pid: int | None) -> AdapterKind:
    """Return the kind of adapter with a USB vendor and product."""
    if vid == 0x1A86:
        return AdapterKind.CH343 if pid in _CH343_PRODUCTS else AdapterKind.CH340
    return AdapterKind.FTDI if vid == 0x0403 else AdapterKind.OTHER


_CH343_PRODUCTS = (0x55D2, 0x55D3, 0x55D4)


def _extra_ports() -> list[tuple[str, str | None]]:
    ports = []
    for entry in os.environ.get(EXTRA_PORTS, "").split(","):
        path, _, number = entry.strip().partition("=")
        if path and os.path.lexists(path):
            ports.append((path, number or None))
    return ports


def find_pulled(before: Sequence[Adapter], after: Sequence[Adapter]) -> tuple[Adapter, ...]:
    """Return what was unplugged between two looks."""
    left = {identity(adapter) for adapter in after}
    return tuple(adapter for adapter in before if identity(adapter) not in left)


def find_again(adapter: Adapter, adapters: Sequence[Adapter]) -> Adapter | None:
    """Return an adapter that was unplugged and is plugged in again, maybe under another path; None if it is not."""
    return next((each for each in adapters if identity(each) == identity(adapter)), None)


def identity(adapter: Adapter) -> tuple[str, str]:
    """Return what stays the same when an adapter is plugged in again: its serial number, else its path."""
    return ("serial", adapter.serial_number) if adapter.serial_number else ("path", adapter.path)


def port_of(adapter: Adapter, adapters: Sequence[Adapter]) -> str:
    """Return how a robot's file names an adapter: by serial number if no other has it, else by path."""
    is_unique = sum(each.serial_number == adapter.serial_number for each in adapters) == 1
    return adapter.name if is_unique else adapter.path


def find_candidates(adapters: Sequence[Adapter]) -> tuple[Adapter, ...]:
    """Return the adapters that may drive servos: those on USB, and those that the environment names."""
    return tuple(
        a for a in adapters if a.kind is not AdapterKind.OTHER or a.vid is not None or EXTRA_PORTS in a.description
    )


def find_path_risk(port: str) -> str | None:
    """Return in words why a port named by its path may turn out to be another one, or None."""
    if port.startswith(SERIAL_PREFIX) or "/by-path/" in port or "/by-id/" in port:
        return None
    return (
        f"the adapter at {port} has no serial number of its own, so it is named by its path, which may be another's "
        "after the next start: plug the arms in in the same order"
    )
