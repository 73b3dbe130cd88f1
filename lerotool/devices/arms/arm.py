"""What an arm is: a leader that a person moves, a follower that is sent somewhere; two as one; both as a robot.

Two arms as one have the joints of the left arm, then those of the right, as LeRobot's ``bi_so_follower`` has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lerotool.devices.robot import Reading, RobotCamera, Values
from lerotool.devices.servos.answers import BusStatistics
from lerotool.errors import DeviceError, UsageError
from lerotool.features import ACTION, STATE, Feature, vector

LEFT = "left_"
RIGHT = "right_"


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
        return ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how the arm was opened, in words."""
        return ()

    @property
    def buses(self) -> Mapping[str, BusStatistics]:
        """What was counted since the arm was made on each of its servo buses, by name: ``leader``, ``left leader``."""
        return {}

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


def check_goal(goal: NDArray[np.float32], count: int, where: str = "") -> list[float]:
    """Return a goal, which must be one finite number per joint, as a list."""
    values: list[float] = np.asarray(goal).tolist()
    if np.shape(goal) != (count,) or not np.isfinite(goal).all():
        raise DeviceError(f"{where}goal {values!r}: expected {count} finite numbers")
    return values


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
        errors = []
        for arm in (self._left, self._right):
            try:
                arm.close()
            except DeviceError as error:
                errors.append(error)
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
        """Send both arms to their halves of a goal, neither if it is none; return what was really sent."""
        check_goal(goal, len(self.joint_names))
        left, right = self._followers
        middle = len(left.joint_names)
        return np.concatenate((left.send(goal[:middle]), right.send(goal[middle:])))


class ArmPair:
    """A robot made of a leader and a follower with the same joints. A context manager that opens and closes both.

    Nobody moves a leader in a replay: it is None then.
    """

    def __init__(self, robot_type: str, leader: Leader | None, follower: Follower) -> None:
        self.robot_type = robot_type
        self.leader = leader
        self.follower = follower
        self._opened: ExitStack | None = None
        if leader is not None and leader.joint_names != follower.joint_names:
            raise UsageError(
                f"leader and follower have different joints: {', '.join(leader.joint_names)} "
                f"and {', '.join(follower.joint_names)}"
            )

    @property
    def alarms(self) -> tuple[str, ...]:
        """What both arms complained of when they were last read: ``follower gripper: overload``."""
        return tuple(f"{role} {text}" for role, arm in self._arms() for text in arm.alarms)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how both arms were opened."""
        return tuple(f"{role} {text}" for role, arm in self._arms() for text in arm.notes)

    @property
    def buses(self) -> dict[str, BusStatistics]:
        """What was counted on each servo bus since the robot was built, by name, such as ``left follower``."""
        return {name: bus for _, arm in self._arms() for name, bus in arm.buses.items()}

    @property
    def is_aligned(self) -> bool:
        """Whether the follower goes straight to every goal; before, it approaches slowly where it is sent."""
        return self.follower.is_aligned

    @property
    def is_open(self) -> bool:
        """Whether both arms are connected."""
        return self._opened is not None

    def features(self) -> dict[str, Feature]:
        """Return the features that the arms give, under LeRobot's names, in its order."""
        names = [f"{name}.pos" for name in self.follower.joint_names]
        return {ACTION: vector(names), STATE: vector(names)}

    def cameras(self) -> Sequence[RobotCamera]:
        """Arms have none: cameras are named in the robot's file."""
        return ()

    def observe(self) -> Reading:
        """Return where the follower is now."""
        reading = self.follower.read()
        return Reading({STATE: reading.values}, reading.captured_ns, reading.stale)

    def command(self) -> Reading:
        """Return where the leader is now, as the action that is wanted."""
        if self.leader is None:
            raise DeviceError("the robot has no leader", hint="set it up: lerotool setup")
        reading = self.leader.read()
        return Reading({ACTION: reading.values}, reading.captured_ns, reading.stale)

    def send(self, action: Values) -> Values:
        """Send the follower where the action says, and return what was really sent."""
        return {ACTION: self.follower.send(action[ACTION])}

    def open(self) -> None:
        """Connect both arms; if one fails, none stays open. An open robot stays as it is."""
        if self._opened is not None:
            return
        with ExitStack() as stack:
            for _, arm in reversed(self._arms()):
                stack.callback(arm.close)
                arm.open()
            self._opened = stack.pop_all()

    def reopen(self) -> None:
        """Connect the arms again that do not answer any more; one that does goes on holding where it is."""
        for _, arm in reversed(self._arms()):
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

    def _arms(self) -> list[tuple[str, Leader]]:
        """Return the arms by their role, the leader first."""
        leader: list[tuple[str, Leader]] = [] if self.leader is None else [("leader", self.leader)]
        return [*leader, ("follower", self.follower)]

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
