"""What a recorder shows to the monitor, in shared memory: nobody ever waits for anybody.

    watched        i64   when the monitor was last asked for something, monotonic clock
    commands       u64   counts what was pressed, and the newest of it: count * 256 + key
    state          slot  JSON, 64 KiB
    one camera     slot  the newest packet, one slot per camera; of H.264 all since the keyframe (`pack`)

A slot is ``<u64 sequence><u32 size>`` and the bytes. The sequence is odd while the writer writes; a
reader takes what it read only if the sequence was even and is still the same.
"""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.recording.controls import Key
from lerotool.recording.status import Status

if TYPE_CHECKING:
    from lerotool.devices.cameras.camera import Camera

_WATCHED = struct.Struct("<q")
_COMMANDS = struct.Struct("<Q")
_SLOT = struct.Struct("<QI")
_SIZE = struct.Struct("<I")
_STATE_ROOM = 64 << 10
_PACKET_ROOM = 768 << 10
_GROUP_ROOM = 8 << 20
_WATCHED_FOR_NS = 3_000_000_000
_KEYS = tuple(Key)
_WATCHED_EVERY_S = 1 / 40
_ALONE_EVERY_S = 0.2
_STATES = 8
"""One state for so many rounds while somebody looks, so that a phase is seen soon; alone one in each."""
_GROUPS = 4
"""The packets of an H.264 camera likewise: each time all since the keyframe."""


@dataclass(frozen=True, slots=True)
class ShownCamera:
    """A camera on the board: its name and what its packets are."""

    name: str
    format: StreamFormat

    @property
    def room(self) -> int:
        """Bytes that its largest packet, or group of packets, may have; what is larger is not shown."""
        if self.format.codec is StreamCodec.H264:
            return _GROUP_ROOM
        pixels = self.format.width * self.format.height
        return max(_PACKET_ROOM, 4 * pixels if self.format.codec is StreamCodec.RAW else pixels)


def _starts(cameras: Sequence[ShownCamera]) -> list[int]:
    """Return where the slots begin, that of the state first, and where the last one ends."""
    rooms = [_STATE_ROOM, *(camera.room for camera in cameras)]
    return [*accumulate((_SLOT.size + room for room in rooms), initial=_WATCHED.size + _COMMANDS.size)]


class Board:
    """The shared memory of one recording."""

    def __init__(self, memory: SharedMemory, cameras: Sequence[ShownCamera]) -> None:
        self._memory = memory
        assert memory.buf is not None
        self._buffer = memory.buf
        self._starts = _starts(cameras)

    @classmethod
    def create(cls, cameras: Sequence[ShownCamera]) -> Self:
        """Make the board; the recorder does this, and `remove`s it."""
        return cls(SharedMemory(create=True, size=_starts(cameras)[-1]), cameras)

    @classmethod
    def attach(cls, name: str, cameras: Sequence[ShownCamera]) -> Self:
        """Open a board by its name; the monitor does this."""
        return cls(SharedMemory(name=name), cameras)

    @property
    def name(self) -> str:
        """What another process attaches to."""
        return self._memory.name

    # The recorder.

    @property
    def is_watched(self) -> bool:
        """Whether somebody has looked during the last seconds."""
        (asked_ns,) = _WATCHED.unpack_from(self._buffer, 0)
        return bool(asked_ns and time.monotonic_ns() - asked_ns < _WATCHED_FOR_NS)

    def pressed(self, seen: int) -> tuple[int, Key | None]:
        """Return the count of presses, and the newest key if there is one after those that were seen."""
        (value,) = _COMMANDS.unpack_from(self._buffer, _WATCHED.size)
        count, key = value >> 8, value & 0xFF
        return count, _KEYS[key] if count != seen else None

    def put_state(self, document: bytes) -> None:
        """Show a new state."""
        self._put(0, document)

    def put_packet(self, camera: int, packet: bytes) -> None:
        """Show a camera's newest packet, or the newest of H.264 with those that it needs."""
        self._put(1 + camera, packet)

    def _put(self, slot: int, data: bytes) -> None:
        start, end = self._starts[slot : slot + 2]
        if start + _SLOT.size + len(data) > end:
            return
        (sequence, _) = _SLOT.unpack_from(self._buffer, start)
        _SLOT.pack_into(self._buffer, start, sequence + 1, len(data))
        self._buffer[start + _SLOT.size : start + _SLOT.size + len(data)] = data
        _SLOT.pack_into(self._buffer, start, sequence + 2, len(data))

    def remove(self) -> None:
        """Close the board for good."""
        self._memory.close()
        self._memory.unlink()

    # The monitor.

    def watch(self) -> None:
        """Let the recorder know that somebody looks."""
        _WATCHED.pack_into(self._buffer, 0, time.monotonic_ns())

    def press(self, key: Key) -> None:
        """Press a key."""
        (value,) = _COMMANDS.unpack_from(self._buffer, _WATCHED.size)
        _COMMANDS.pack_into(self._buffer, _WATCHED.size, ((value >> 8) + 1) << 8 | _KEYS.index(key))

    def state(self) -> bytes:
        """Return the state; empty before there is one."""
        found = self._get(0, 0)
        return found[1] if found else b""

    def packet(self, camera: int, seen: int) -> tuple[int, bytes] | None:
        """Return a camera's newest packet with its sequence, None where that was seen or is being written."""
        return self._get(1 + camera, seen)

    def _get(self, slot: int, seen: int) -> tuple[int, bytes] | None:
        start = self._starts[slot]
        sequence, size = _SLOT.unpack_from(self._buffer, start)
        if sequence in (0, seen) or sequence % 2:
            return None
        data = bytes(self._buffer[start + _SLOT.size : start + _SLOT.size + size])
        (after, _) = _SLOT.unpack_from(self._buffer, start)
        return (sequence, data) if after == sequence else None


def pack(packets: Sequence[bytes]) -> bytes:
    """Return packets that must be decoded together as one text of bytes: ``<u32 size>`` and the bytes of each."""
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


@dataclass(frozen=True, slots=True)
class Watched:
    """What the recorder lends to the monitor."""

    root: Path  # the dataset, which need not be there yet
    cameras: Sequence[Camera]  # running
    status: Callable[[], Status]  # of the session; from any thread
    press: Callable[[Key], None]  # takes a key that was pressed on the page


class Feed(threading.Thread):
    """Copies to the board what there is; takes no lock of the recording and never waits for the monitor."""

    def __init__(self, board: Board, watched: Watched) -> None:
        super().__init__(name="monitor", daemon=True)
        self._board = board
        self._watched = watched
        self._over = threading.Event()

    def run(self) -> None:
        """Feed until `stop`."""
        shown: list[bytes | None] = [None] * len(self._watched.cameras)
        rounds = seen = 0
        while not self._over.wait(_WATCHED_EVERY_S if self._board.is_watched else _ALONE_EVERY_S):
            seen, key = self._board.pressed(seen)
            if key is not None:
                self._watched.press(key)
            is_watched = self._board.is_watched
            if rounds % _STATES == 0 or not is_watched:
                self._show_state()
            rounds += 1
            if is_watched:
                self._show_pictures(shown, has_groups=rounds % _GROUPS == 0)

    def stop(self) -> None:
        """Show the last state and end."""
        self._over.set()
        self.join()
        self._show_state()

    def _show_state(self) -> None:
        status = self._watched.status()
        document = {**asdict(status), "left_s": status.left_s}
        self._board.put_state(json.dumps(document, default=str).encode())

    def _show_pictures(self, shown: list[bytes | None], *, has_groups: bool) -> None:
        for number, camera in enumerate(self._watched.cameras):
            packet = camera.latest_packet()
            # The same object is the same picture; nothing is compared byte by byte.
            if packet is None or packet is shown[number]:
                continue
            if camera.format.codec is not StreamCodec.H264:
                shown[number] = packet
                self._board.put_packet(number, packet)
            elif has_groups and (group := camera.latest_group()):
                shown[number] = group[-1]
                self._board.put_packet(number, pack(group))
