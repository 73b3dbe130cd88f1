"""Packets that must be decoded together, as one text of bytes: ``<u32 size>`` and the bytes of each."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_SIZE = struct.Struct("<I")


def pack(packets: Sequence[bytes]) -> bytes:
    """Return the packets as one."""
    return b"".join(part for packet in packets for part in (_SIZE.pack(len(packet)), packet))


def unpack(data: bytes) -> tuple[bytes, ...]:
    """Return the packets that `pack` was given."""
    packets, place = [], 0
    while place < len(data):
        (size,) = _SIZE.unpack_from(data, place)
        place += _SIZE.size
        packets.append(data[place : place + size])
        place += size
    return tuple(packets)
