"""Whether Enter has been pressed, while a table is shown that changes."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Self

from lerotool.cli.setup.ask import Left

if sys.platform == "win32":
    import msvcrt

    class EnterKey:
        """The Enter key while the context is entered."""

        def __enter__(self) -> Self:
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            pass

        def is_pressed(self) -> bool:
            """Whether Enter was pressed since the last call; never waits.

            Raises:
                Left: ``q`` or Ctrl-Z was pressed.
            """
            pressed = False
            while msvcrt.kbhit():
                character = msvcrt.getwch()
                if character in ("q", "Q", "\x1a"):
                    raise Left
                pressed = pressed or character in "\r\n"
            return pressed

else:
    import select
    import termios

    class EnterKey:
        """The Enter key while the context is entered.

        What is typed is not shown, as it would tear the table; it is still read by lines, so Ctrl-C and Ctrl-D are what
        they always are.
        """

        def __init__(self) -> None:
            self._descriptor = sys.stdin.fileno()
            self._saved: list[object] | None = None

        def __enter__(self) -> Self:
            self._saved = termios.tcgetattr(self._descriptor)
            mode = list(self._saved)
            mode[3] &= ~termios.ECHO  # type: ignore[operator]
            # What was typed before does not count: it was meant for something else.
            termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, mode)  # type: ignore[arg-type]
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            if self._saved is not None:
                try:
                    termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._saved)  # type: ignore[arg-type]
                except termios.error:
                    return  # the terminal has gone
                finally:
                    self._saved = None

        def is_pressed(self) -> bool:
            """Whether Enter was pressed since the last call; never waits.

            Raises:
                Left: ``q`` and Enter, or Ctrl-D, were pressed, or the terminal has gone.
            """
            if not select.select([self._descriptor], [], [], 0)[0]:
                return False
            try:
                data = os.read(self._descriptor, 1024)
            except OSError:
                data = b""
            if not data or data.strip().lower() == b"q":
                raise Left
            return data.endswith(b"\n")
