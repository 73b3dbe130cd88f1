"""Robots: a leader that a person moves and a follower that repeats it, whatever they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lerotool.errors import DeviceError, UsageError
from lerotool.features import ACTION, STATE, Feature, vector

if TYPE_CHECKING:
    from lerotool.devices.servos.statistics import BusStatistics


@dataclass(frozen=True, slots=True, eq=False)
class JointReading:
    """Where all joints of an arm were at one moment.

    Attributes:
        values: float32, one per joint, in the arm's ``joint_names`` order; degrees or -100 to 100, a gripper 0 (closed)
            to 100.
        captured_ns: when they were read, monotonic clock.
        stale: bit i is set if joint i did not answer and its value is an earlier one.
    """

    values: NDArray[np.float32]
    captured_ns: int
    stale: int = 0


class Leader(Protocol):
    """An arm whose position is read."""

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the joints, in the order of all vectors."""
        ...

    @property
    def alarms(self) -> tuple[str, ...]:
        """What the arm complained of when it was last read, in words: ``gripper: overload``; empty if nothing."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how the arm was opened, in words."""
        ...

    @property
    def buses(self) -> Mapping[str, BusStatistics]:
        """What was counted since the arm was made on each of its servo buses, by name: ``leader``, ``left leader``."""
        ...

    def open(self) -> None:
        """Connect.

        Raises:
            DeviceError: the arm does not answer as it should.
        """
        ...

    def read(self) -> JointReading:
        """Return where the joints are now.

        Raises:
            DeviceError: the arm is not open, or lost.
        """
        ...

    def close(self) -> None:
        """Make the arm safe and disconnect; a closed arm may be closed again."""
        ...


class Follower(Leader, Protocol):
    """An arm that can be sent somewhere."""

    @property
    def is_aligned(self) -> bool:
        """Whether the arm goes straight to every goal; before, it approaches slowly where it is sent."""
        ...

    def send(self, goal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Send the joints to a goal, and return what was really sent: within the joints' ranges, in servo steps.

        Raises:
            DeviceError: the goal is not one finite number per joint, or the arm is not open, or lost.
        """
        ...


class Robot:
    """A leader and a follower with the same joints. A context manager that opens and closes both.

    Raises:
        UsageError: the joints are not the same.

    Attributes:
        robot_type: what ``info.json`` calls it.
        leader: gives the actions.
        follower: gives the states and carries the actions out.
    """

    def __init__(self, robot_type: str, leader: Leader, follower: Follower) -> None:
        self.robot_type = robot_type
        self.leader = leader
        self.follower = follower
        self._opened: ExitStack | None = None
        if leader.joint_names != follower.joint_names:
            raise UsageError(
                f"leader and follower have different joints: {', '.join(leader.joint_names)} "
                f"and {', '.join(follower.joint_names)}"
            )

    @property
    def alarms(self) -> tuple[str, ...]:
        """What both arms complained of when they were last read: ``follower gripper: overload``."""
        return self._told(self.leader.alarms, self.follower.alarms)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how both arms were opened."""
        return self._told(self.leader.notes, self.follower.notes)

    @property
    def buses(self) -> dict[str, BusStatistics]:
        """What was counted on each servo bus since the robot was built, by name, such as ``left follower``."""
        return {**self.leader.buses, **self.follower.buses}

    @staticmethod
    def _told(leader: tuple[str, ...], follower: tuple[str, ...]) -> tuple[str, ...]:
        return (*(f"leader {text}" for text in leader), *(f"follower {text}" for text in follower))

    @property
    def is_open(self) -> bool:
        """Whether both arms are connected."""
        return self._opened is not None

    def features(self) -> dict[str, Feature]:
        """Return the features that the arms give, under LeRobot's names, in its order."""
        return {
            ACTION: vector(f"{name}.pos" for name in self.leader.joint_names),
            STATE: vector(f"{name}.pos" for name in self.follower.joint_names),
        }

    def open(self) -> None:
        """Connect both arms; if one fails, none stays open. An open robot stays as it is.

        Raises:
            DeviceError: an arm does not answer as it should.
        """
        if self._opened is not None:
            return
        with ExitStack() as stack:
            for arm in (self.follower, self.leader):
                stack.callback(arm.close)
                arm.open()
            self._opened = stack.pop_all()

    def reopen(self) -> None:
        """Connect the arms again that do not answer any more; one that does goes on holding where it is.

        Raises:
            DeviceError: an arm still does not answer as it should.
        """
        for arm in (self.follower, self.leader):
            try:
                arm.read()
            except DeviceError:
                arm.close()
                arm.open()

    def close(self) -> None:
        """Disconnect both arms, the second also if the first fails."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
