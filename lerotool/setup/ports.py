"""Which adapter is which: by what goes away when its cable is pulled, and by its serial number from then on."""

from __future__ import annotations

from collections.abc import Sequence

from lerotool.devices.servos.adapters import EXTRA_PORTS, SERIAL_PREFIX, Adapter, AdapterKind


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
