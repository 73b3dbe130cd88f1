"""Two arms as one: the joints of the left arm, then those of the right, as LeRobot's ``bi_so_follower`` has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lerotool.devices.arms.arm import Follower, JointReading, Leader
from lerotool.errors import DeviceError

if TYPE_CHECKING:
    from lerotool.devices.servos.tallies import BusStatistics

LEFT = "left_"
RIGHT = "right_"


class PairedLeader:
    """A left and a right arm that are read as one."""

    def __init__(self, left: Leader, right: Leader) -> None:
        self._left = left
        self._right = right
        self.joint_names = (*self._prefixed(left.joint_names, LEFT), *self._prefixed(right.joint_names, RIGHT))

    @property
    def alarms(self) -> tuple[str, ...]:
        """What both arms complained of when they were last read."""
        return (*self._prefixed(self._left.alarms, LEFT), *self._prefixed(self._right.alarms, RIGHT))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how the arms were opened."""
        return (*self._prefixed(self._left.notes, "left "), *self._prefixed(self._right.notes, "right "))

    @property
    def buses(self) -> dict[str, BusStatistics]:
        """What was counted on both buses."""
        sides = (("left", self._left), ("right", self._right))
        return {f"{side} {name}": counts for side, arm in sides for name, counts in arm.buses.items()}

    def open(self) -> None:
        """Connect both; if one fails, none stays open."""
        with ExitStack() as stack:
            for arm in (self._left, self._right):
                stack.callback(arm.close)
                arm.open()
            stack.pop_all()

    def read(self) -> JointReading:
        """Return where all joints are; the time is that of the arm read first."""
        left, right = self._left.read(), self._right.read()
        return JointReading(
            np.concatenate((left.values, right.values)),
            min(left.captured_ns, right.captured_ns),
            left.stale | right.stale << len(left.values),
        )

    def close(self) -> None:
        """Make both arms safe and disconnect them, the second also if the first fails."""
        errors = list(_failures(self._left.close, self._right.close))
        if errors:
            raise type(errors[0])("; ".join(error.message for error in errors), hint=errors[0].hint) from errors[0]

    @staticmethod
    def _prefixed(texts: tuple[str, ...], prefix: str) -> tuple[str, ...]:
        return tuple(prefix + text for text in texts)


class PairedFollower(PairedLeader):
    """A left and a right arm that are sent somewhere as one."""

    def __init__(self, left: Follower, right: Follower) -> None:
        super().__init__(left, right)
        self._followers = (left, right)

    @property
    def is_aligned(self) -> bool:
        """Whether both arms go straight to every goal."""
        return all(arm.is_aligned for arm in self._followers)

    def send(self, goal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Send both arms to their halves of a goal, and return what was really sent.

        Of a goal that is not one finite number per joint nothing is sent.
        """
        if np.shape(goal) != (len(self.joint_names),) or not np.isfinite(goal).all():
            raise DeviceError(f"goal {np.asarray(goal).tolist()!r}: expected {len(self.joint_names)} finite numbers")
        left, right = self._followers
        middle = len(left.joint_names)
        return np.concatenate((left.send(goal[:middle]), right.send(goal[middle:])))


def _failures(*actions: Callable[[], None]) -> Iterator[DeviceError]:
    for action in actions:
        try:
            action()
        except DeviceError as error:
            yield error
