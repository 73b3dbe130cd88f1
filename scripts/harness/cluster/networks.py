"""Machines on a network, as far as one machine can be them: network namespaces of Linux, joined by a bridge."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Interface, IPv4Network

from harness.cluster.processes import Host

_RANGE = IPv4Network("198.18.0.0/15")
"""For tests of networks (RFC 2544); nobody's own."""
_PREFIX = 29


class NoNetworkError(Exception):
    """This machine does not allow network namespaces."""


@contextmanager
def run_network(hosts: int) -> Iterator[list[Host]]:
    """Make so many hosts, up to five, each in a namespace of its own; this process reaches them over a bridge.

    Raises:
        NoNetworkError: the machine does not allow it, with the reason.
    """
    if sys.platform != "linux" or shutil.which("ip") is None:
        raise NoNetworkError("network namespaces need Linux and the program 'ip'")
    if os.geteuid() != 0:
        raise NoNetworkError("network namespaces are made by root only")
    nets = 1 << (_PREFIX - _RANGE.prefixlen)
    first = int(_RANGE.network_address) + (os.getpid() % nets) * (1 << (32 - _PREFIX))
    addresses = list(IPv4Network((first, _PREFIX)).hosts())
    with ExitStack() as undo:
        try:
            bridge = _make_bridge(undo, IPv4Interface((addresses[0], _PREFIX)))
            made = [
                _make_host(undo, bridge, number, IPv4Interface((address, _PREFIX)))
                for number, address in enumerate(addresses[1 : hosts + 1])
            ]
        except subprocess.CalledProcessError as error:
            reason = f"no network namespaces here: {' '.join(error.cmd)}: {error.stderr.strip()}"
            raise NoNetworkError(reason) from error
        yield made


def _make_bridge(undo: ExitStack, address: IPv4Interface) -> str:
    name = f"lt{os.getpid()}"
    _ip("link", "add", name, "type", "bridge")
    undo.callback(_quietly, "link", "delete", name)
    _ip("address", "add", str(address), "dev", name)
    _ip("link", "set", name, "up")
    return name


def _make_host(undo: ExitStack, bridge: str, number: int, address: IPv4Interface) -> Host:
    space, near = f"lerotool-{os.getpid()}-{number}", f"{bridge}v{number}"
    _ip("netns", "add", space)
    undo.callback(_quietly, "netns", "delete", space)
    _ip("link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", space)
    undo.callback(_quietly, "link", "delete", near)
    _ip("link", "set", near, "master", bridge, "up")
    _ip("-netns", space, "address", "add", str(address), "dev", "eth0")
    for link in ("lo", "eth0"):
        _ip("-netns", space, "link", "set", link, "up")
    return Host(str(address.ip), ("ip", "netns", "exec", space))


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def _quietly(*arguments: str) -> None:
    # What stands behind may have gone already: a veth goes with its peer's namespace.
    with contextlib.suppress(subprocess.CalledProcessError):
        _ip(*arguments)
