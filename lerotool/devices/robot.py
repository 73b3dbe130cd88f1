"""Robots: a leader that a person moves and a follower that repeats it, whatever they are made of.

``ROBOTS`` is the table of robot types; a type's module is imported when a robot of it is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lerotool.errors import UsageError
from lerotool.features import ACTION, STATE, Feature, vector


@dataclass(frozen=True, slots=True, eq=False)
class JointReading:
    """Where all joints of an arm were at one moment.

    Attributes:
        values: float32, one per joint, in the arm's ``joint_names`` order; degrees, a gripper 0 (closed) to 100.
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

    def send(self, goal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Send the joints to a goal, and return what was really sent: within the joints' ranges, in servo steps.

        Raises:
            DeviceError: the goal is not one finite number per joint, or the arm is not open, or lost.
        """
        ...


class Robot:
    """A leader and a follower with the same joints. A context manager that opens and closes both.

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


def _build_simulated() -> Robot:
    from lerotool.devices.arms.simulator import build_robot

    return build_robot()


ROBOTS: Mapping[str, Callable[[], Robot]] = MappingProxyType({"sim": _build_simulated})


def build_robot(name: str) -> Robot:
    """Return the robot of a type named in ``ROBOTS``, not yet open.

    Raises:
        UsageError: the name is unknown; lists the known ones.
    """
    build = ROBOTS.get(name)
    if build is None:
        raise UsageError(f"unknown robot {name!r}", hint=f"known robots: {', '.join(sorted(ROBOTS))}")
    return build()


def open_robot(name: str) -> Robot:
    """Open the robot of a type named in ``ROBOTS``; the caller closes it.

    Raises:
        UsageError: the name is unknown; lists the known ones.
        DeviceError: the robot does not answer as it should.
    """
    robot = build_robot(name)
    robot.open()
    return robot
