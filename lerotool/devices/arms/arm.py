"""What an arm is: a leader that a person moves, a follower that is sent somewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lerotool.devices.servos.tallies import BusStatistics


@dataclass(frozen=True, slots=True, eq=False)
class JointReading:
    """Where all joints of an arm were at one moment."""

    # Float32, one per joint, in the arm's ``joint_names`` order; degrees or -100 to 100, a gripper 0 (closed) to 100.
    values: NDArray[np.float32]
    captured_ns: int  # when they were read, monotonic clock
    stale: int = 0  # bit i is set if joint i did not answer and its value is an earlier one


class Leader(Protocol):
    """An arm whose position is read."""

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the joints, in the order of all vectors."""

    @property
    def alarms(self) -> tuple[str, ...]:
        """What the arm complained of when it was last read, in words: ``gripper: overload``; empty if nothing."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how the arm was opened, in words."""

    @property
    def buses(self) -> Mapping[str, BusStatistics]:
        """What was counted since the arm was made on each of its servo buses, by name: ``leader``, ``left leader``."""

    def open(self) -> None:
        """Connect."""

    def read(self) -> JointReading:
        """Return where the joints are now."""

    def close(self) -> None:
        """Make the arm safe and disconnect; a closed arm may be closed again."""


class Follower(Leader, Protocol):
    """An arm that can be sent somewhere."""

    @property
    def is_aligned(self) -> bool:
        """Whether the arm goes straight to every goal; before, it approaches slowly where it is sent."""

    def send(self, goal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Send the joints to a goal, and return what was really sent: within the joints' ranges, in servo steps."""
