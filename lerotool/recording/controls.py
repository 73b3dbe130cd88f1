r"""What the person at the robot wants: keys of any terminal, SSH too, as commands that the loop reads at every tick.

LeRobot's keys: → or n (here also space) is NEXT, ← or r is AGAIN, Esc or q is STOP. s, f and ! (or x, as in the
viewer) say how the take before went. Everything else is ignored.
Arrows arrive as ``ESC [ C`` or ``ESC O C``, with modifiers as ``ESC [ 1 ; 5 C``, and over SSH their bytes may come
apart: a lone ESC counts only after 60 ms, and an unfinished sequence is never taken for an Esc. On Windows arrows are
``\xe0`` or ``\x00`` followed by ``M`` or ``K``. Where stdin is not a terminal there are no keys.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from enum import IntEnum, StrEnum
from typing import Self

ESCAPE_WAIT_S = 0.060
SEQUENCE_WAIT_S = 0.5
REPEAT_WITHIN_S = 0.150
REPEAT_BEGINS_S = 0.7
_ESC = 0x1B


class Key(StrEnum):
    """A key that means something."""

    NEXT = "next"
    AGAIN = "again"
    STOP = "stop"
    SUCCESS = "success"
    FAILURE = "failure"
    FLAG = "flag"


_LETTERS = {
    b"n": Key.NEXT,
    b" ": Key.NEXT,
    b"r": Key.AGAIN,
    b"q": Key.STOP,
    b"s": Key.SUCCESS,
    b"f": Key.FAILURE,
    b"!": Key.FLAG,
    b"x": Key.FLAG,
}
_ARROWS = {b"C": Key.NEXT, b"D": Key.AGAIN}


class KeyParser:
    """Turns the bytes of a terminal into keys, however they are cut; keeps an unfinished sequence."""

    def __init__(self) -> None:
        self._buffer = b""
        self._since_s = 0.0

    def feed(self, data: bytes, now_s: float) -> list[Key]:
        """Return the keys that are complete."""
        if data:
            self._buffer += data
            self._since_s = now_s
        keys: list[Key] = []
        while self._buffer:
            used, key = self._parse(now_s - self._since_s)
            if used == 0:
                break
            self._buffer = self._buffer[used:]
            if key is not None:
                keys.append(key)
        return keys

    def _parse(self, waited_s: float) -> tuple[int, Key | None]:
        """Return how many bytes the first key takes (0: wait for more) and what it is."""
        buffer = self._buffer
        if buffer[0] != _ESC:
            return 1, _LETTERS.get(buffer[:1].lower())
        if len(buffer) == 1:
            return (1, Key.STOP) if waited_s >= ESCAPE_WAIT_S else (0, None)
        if buffer[1] == _ESC:
            # Two Esc presses, or what some terminals send for Alt + arrow.
            if len(buffer) == 2 and waited_s < ESCAPE_WAIT_S:
                return 0, None
            return 1, None if buffer[2:3] in (b"[", b"O") else Key.STOP
        if buffer[1:2] not in (b"[", b"O"):
            return 2, None  # Alt + character
        end = next((i for i, byte in enumerate(buffer[2:], 2) if 0x40 <= byte <= 0x7E), None)
        if end is None:
            return (len(buffer), None) if waited_s >= SEQUENCE_WAIT_S else (0, None)
        return end + 1, _ARROWS.get(buffer[end : end + 1])


class HeldKeys:
    """Lets a key that is held down count once, so that it does not run through take, reset and the next take.

    Terminals send a held key again after up to 0.7 s and then at least every 0.15 s, and never tell that it was let go.
    """

    def __init__(self) -> None:
        self._seen: dict[Key, float] = {}
        self._counted: dict[Key, float] = {}

    def presses(self, keys: list[Key], now_s: float) -> list[Key]:
        """Return the keys without the repetitions of one that is held."""
        pressed = []
        for key in keys:
            is_repeat = now_s - self._seen.get(key, -1e9) < REPEAT_WITHIN_S
            if not is_repeat and now_s - self._counted.get(key, -1e9) > REPEAT_BEGINS_S:
                pressed.append(key)
                self._counted[key] = now_s
            self._seen[key] = now_s
        return pressed


if sys.platform == "win32":
    import msvcrt

    class Keyboard:
        """The console's keys while the context is entered."""

        def __init__(self) -> None:
            self._held = HeldKeys()
            self.is_active = False

        def __enter__(self) -> Self:
            self.is_active = sys.stdin is not None and sys.stdin.isatty()
            return self

        def __exit__(self, *_: object) -> None:
            self.is_active = False

        def poll(self) -> list[Key]:
            """Return the keys pressed since the last call; never waits."""
            keys = []
            while self.is_active and msvcrt.kbhit():
                character = msvcrt.getwch()
                if character in ("\x00", "\xe0"):
                    key = {"M": Key.NEXT, "K": Key.AGAIN}.get(msvcrt.getwch())
                elif character == "\x1b":
                    key = Key.STOP
                else:
                    key = _LETTERS.get(character.lower().encode("ascii", "ignore"))
                if key is not None:
                    keys.append(key)
            return self._held.presses(keys, time.monotonic())

else:
    import select
    import signal
    import termios

    class Keyboard:
        """The terminal's keys while the context is entered; enter it in the main thread.

        Turns off line editing and echo and puts them back on leaving. Ctrl-C stays a signal. Does nothing when the
        descriptor is not a terminal or the process is in the background; takes part again after Ctrl-Z and ``fg``.
        """

        def __init__(self, descriptor: int | None = None) -> None:
            self._descriptor = descriptor
            self._parser = KeyParser()
            self._held = HeldKeys()
            self._saved: list[object] | None = None
            self._previous: object = None

        @property
        def is_active(self) -> bool:
            """Whether key presses are read."""
            return self._saved is not None

        def __enter__(self) -> Self:
            if self._descriptor is None:
                try:
                    self._descriptor = sys.stdin.fileno()
                except (AttributeError, ValueError, OSError):
                    return self  # stdin is closed or no file
            if os.isatty(self._descriptor):
                self._previous = signal.signal(signal.SIGCONT, lambda *_: self._claim())
                self._claim()
            return self

        def __exit__(self, *_: object) -> None:
            if self._previous is not None:
                signal.signal(signal.SIGCONT, self._previous)  # type: ignore[arg-type]
                self._previous = None
            if self._saved is not None and self._is_foreground():
                self._set(self._saved)
            self._saved = None

        def poll(self) -> list[Key]:
            """Return the keys pressed since the last call; never waits."""
            if self._saved is None or self._descriptor is None:
                return []
            data = b""
            while select.select([self._descriptor], [], [], 0)[0]:
                try:
                    more = os.read(self._descriptor, 1024)
                except OSError:
                    more = b""
                if not more:
                    break
                data += more
            now_s = time.monotonic()
            return self._held.presses(self._parser.feed(data, now_s), now_s)

        def _claim(self) -> None:
            """Set the terminal for single keys, if it is ours to set."""
            if self._descriptor is None or not self._is_foreground():
                # Touching the terminal from the background would stop the process (SIGTTOU).
                return
            if self._saved is None:
                self._saved = termios.tcgetattr(self._descriptor)
            mode = [list(part) if isinstance(part, list) else part for part in self._saved]
            mode[3] &= ~(termios.ICANON | termios.ECHO)  # type: ignore[operator]
            characters = mode[6]
            assert isinstance(characters, list)
            characters[termios.VMIN], characters[termios.VTIME] = 0, 0
            self._set(mode)

        def _set(self, mode: list[object]) -> None:
            assert self._descriptor is not None
            try:
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, mode)  # type: ignore[arg-type]
            except termios.error:
                self._saved = None  # the terminal has gone

        def _is_foreground(self) -> bool:
            assert self._descriptor is not None
            try:
                return os.tcgetpgrp(self._descriptor) == os.getpgrp()
            except OSError:
                return False


class Command(IntEnum):
    """What to do, in rising strength; a stronger command replaces a weaker one."""

    NONE = 0
    NEXT = 1
    """End this phase."""
    AGAIN = 2
    """Discard the episode and record it again."""
    STOP = 3
    """Save what there is and leave."""
    INTERRUPT = 4
    """The same, asked for by a signal: the exit code tells."""
    ABORT = 5
    """Leave at once, saving nothing more; all that is on disk stays recoverable."""


_OF_KEY = {Key.NEXT: Command.NEXT, Key.AGAIN: Command.AGAIN, Key.STOP: Command.STOP}


class Ending(StrEnum):
    """Why a phase ended: its time was over, by a `Command`, or by a device or disk that failed."""

    TIME = "time"
    NEXT = "next"
    AGAIN = "again"
    STOP = "stop"
    INTERRUPT = "interrupt"
    ABORT = "abort"
    FAILURE = "failure"


class Controls:
    """The command that waits to be obeyed, and what was said about the take before.

    Attributes:
        command: the strongest command given since the last ``begin_phase``.
    """

    def __init__(self) -> None:
        self.command = Command.NONE
        self.wishes_to_leave = 0
        self._labels: deque[Key] = deque()

    def press(self, key: Key) -> None:
        """Take a key press, from any thread."""
        if (command := _OF_KEY.get(key)) is not None:
            self.give(command)
        else:
            self._labels.append(key)

    def take_labels(self) -> list[Key]:
        """Return the keys that say how the take before went, pressed since the last call."""
        return [self._labels.popleft() for _ in range(len(self._labels))]

    def interrupt(self) -> Command:
        """Take a Ctrl-C or a signal of that kind and return what it means: the second one aborts."""
        self.give(Command.ABORT if self.is_interrupted else Command.INTERRUPT)
        return self.command

    def give(self, command: Command) -> None:
        """Take a command, unless a stronger one waits already."""
        self.command = max(self.command, command)
        self.wishes_to_leave += command >= Command.STOP

    def begin_phase(self) -> None:
        """Forget what was meant for the phase before; wishes to leave stay."""
        self._labels.clear()
        if self.command < Command.STOP:
            self.command = Command.NONE

    @property
    def ending(self) -> Ending:
        """How the command that waits ends a phase."""
        return Ending(self.command.name.lower())

    @property
    def is_leaving(self) -> bool:
        """Whether no further episode is wanted."""
        return self.command >= Command.STOP

    @property
    def is_interrupted(self) -> bool:
        """Whether a signal asked to leave."""
        return self.command >= Command.INTERRUPT
