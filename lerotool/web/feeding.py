"""The recorder's side of the monitor: a thread that shows the newest packets and the state, and takes key presses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Protocol

from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.recording.controls import Key
from lerotool.recording.status import Status
from lerotool.web.board import Board, pack

_WATCHED_S = 1 / 40
_ALONE_S = 0.2
_STATES = 8
"""One state for so many rounds while somebody looks, so that a phase is seen soon; alone one in each."""
_GROUPS = 4
"""The packets of an H.264 camera likewise: each time all since the keyframe."""


class Showing(Protocol):
    """A camera that can be looked at between and during takes: `lerotool.devices.cameras.camera.Camera`."""

    @property
    def format(self) -> StreamFormat:
        """What its packets are."""

    def latest_packet(self) -> bytes | None:
        """Return the newest whole picture."""

    def latest_group(self) -> tuple[bytes, ...]:
        """Return it, last, after the packets that must be decoded before it."""


class Feed(threading.Thread):
    """Copies to the board what there is; takes no lock of the recording and never waits for the monitor."""

    def __init__(
        self, board: Board, cameras: Sequence[Showing], status: Callable[[], Status], press: Callable[[Key], None]
    ) -> None:
        super().__init__(name="monitor", daemon=True)
        self._board = board
        self._cameras = cameras
        self._status = status
        self._press = press
        self._over = threading.Event()

    def run(self) -> None:
        """Feed until `stop`."""
        shown: list[bytes | None] = [None] * len(self._cameras)
        rounds = seen = 0
        while not self._over.wait(_WATCHED_S if self._board.is_watched else _ALONE_S):
            seen, key = self._board.pressed(seen)
            if key is not None:
                self._press(key)
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
        status = self._status()
        document = {**asdict(status), "left_s": status.left_s}
        self._board.put_state(json.dumps(document, default=str).encode())

    def _show_pictures(self, shown: list[bytes | None], *, has_groups: bool) -> None:
        for number, camera in enumerate(self._cameras):
            packet = camera.latest_packet()
            # The same object is the same picture; nothing is compared byte by byte.
            if packet is None or packet is shown[number]:
                continue
            if camera.format.codec is not StreamCodec.H264:
                shown[number] = packet
                self._board.put_packet(number, packet, 0)
            elif has_groups and (group := camera.latest_group()):
                shown[number] = group[-1]
                self._board.put_packet(number, pack(group), 0)
