"""A robot made of two arms: a leader that a person moves and a follower that repeats it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from lerotool.devices.arms.arm import Follower, Leader
from lerotool.devices.robot import Reading, RobotCamera, Values
from lerotool.errors import DeviceError, UsageError
from lerotool.features import ACTION, STATE, Feature, vector

if TYPE_CHECKING:
    from lerotool.devices.servos.tallies import BusStatistics


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
