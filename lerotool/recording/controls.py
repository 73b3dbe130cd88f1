"""What the person at the robot wants: set from any thread, read by the recording's thread at every tick."""

from __future__ import annotations

from enum import IntEnum

from lerotool.recording.keys import Key


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


class Controls:
    """The command that waits to be obeyed.

    Attributes:
        command: the strongest command given since the last ``begin_phase``.
        wishes_to_leave: how often leaving was asked for, in whatever way.
    """

    def __init__(self) -> None:
        self.command = Command.NONE
        self.wishes_to_leave = 0

    def press(self, key: Key) -> None:
        """Take a key press."""
        self.give(_OF_KEY[key])

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
        if self.command < Command.STOP:
            self.command = Command.NONE

    @property
    def is_leaving(self) -> bool:
        """Whether no further episode is wanted."""
        return self.command >= Command.STOP

    @property
    def is_interrupted(self) -> bool:
        """Whether a signal asked to leave."""
        return self.command >= Command.INTERRUPT
