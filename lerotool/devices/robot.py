"""What a robot is to a recording: features, what it measures, what a person wants of it, and what it is sent.

Nothing here knows of joints: an arm's joints, a gripper's flag, a base's velocities and a force are features alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from numpy.typing import NDArray

from lerotool.features import Feature

if TYPE_CHECKING:
    from lerotool.devices.cameras.sources import PacketSource
    from lerotool.devices.cameras.spec import CameraSpec
    from lerotool.devices.servos.answers import BusStatistics

Values = Mapping[str, NDArray[Any]]
"""By feature, each in the feature's dtype and shape."""
PAUSE_NS = 1_000_000_000
_LONGEST_NS = 100_000_000
"""One step never makes up for more than this, however long it took to come."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a device said at one moment."""

    values: Values  # by feature, each in the feature's dtype and shape
    captured_ns: int  # when they were read, monotonic clock
    stale: int = 0  # bit i is set if value i was not fresh, counted through the state (or the action) in order


@dataclass(frozen=True, slots=True)
class RobotCamera:
    """A camera that comes with a robot."""

    spec: CameraSpec  # what it is called, and where its pictures come from
    # Opens it where the robot itself delivers the pictures; None where lerotool opens what ``spec`` names.
    open: Callable[[CameraSpec, Event], PacketSource] | None = None


class Robot(Protocol):
    """A robot together with what a person steers it by. A context manager that opens and closes both.

    Closing makes the robot safe, whatever fails; a closed robot may be closed again. What does not answer, is not open
    or is lost raises DeviceError.
    """

    @property
    def robot_type(self) -> str:
        """What ``info.json`` calls it."""

    @property
    def alarms(self) -> tuple[str, ...]:
        """What it complained of when it was last read, in words: ``follower gripper: overload``; empty if nothing."""
        return ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how it was opened, in words."""
        return ()

    @property
    def buses(self) -> Mapping[str, BusStatistics]:
        """What was counted on each of its servo buses since it was built, by name; empty where it has none."""
        return {}

    @property
    def is_open(self) -> bool:
        """Whether it is connected."""

    @property
    def is_aligned(self) -> bool:
        """Whether it goes straight to where it is sent; before, it approaches slowly."""

    def features(self) -> dict[str, Feature]:
        """Return all features that `observe` and `send` give, under LeRobot's names, in its order; open or not."""

    def cameras(self) -> Sequence[RobotCamera]:
        """Return the cameras that come with it; they are recorded unless others are asked for."""
        return ()

    def open(self) -> None:
        """Connect. An open robot stays as it is; one that cannot be opened whole is closed again."""

    def reopen(self) -> None:
        """Connect again what does not answer any more; what does goes on holding where it is."""

    def observe(self) -> Reading:
        """Return what the robot measures now."""

    def command(self) -> Reading:
        """Return what the person wants now, as `send` takes it."""

    def send(self, action: Values) -> Values:
        """Send an action and return what was really sent, by feature."""

    def close(self) -> None:
        """Make the robot safe and disconnect."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SoftStart:
    """Limits the goals that are sent until the limited goal has caught up with the wanted one.

    From where a follower stands (``pose``) it goes slowly, at ``speed`` units per second, to where its leader has it,
    then follows at once. Joints move on their own, each at the same speed. The same holds after a pause in which nobody
    sent anything: by then the leader may be anywhere.
    """

    def __init__(self, speed: float, pose: Sequence[float]) -> None:
        self._speed = speed
        self._pose = list(pose)
        self._sent_ns: int | None = None
        self._is_aligned = False

    @property
    def is_aligned(self) -> bool:
        """Whether goals are let through as they are."""
        return self._is_aligned

    def limit(self, goal: Sequence[float], now_ns: int) -> list[float]:
        """Return what to send in place of a goal at a time (monotonic clock)."""
        elapsed_ns = 0 if self._sent_ns is None else now_ns - self._sent_ns
        if elapsed_ns > PAUSE_NS:
            self._is_aligned, elapsed_ns = False, 0
        self._sent_ns = now_ns
        if not self._is_aligned:
            most = self._speed * min(elapsed_ns, _LONGEST_NS) / 1e9
            limited = [_approach(here, there, most) for here, there in zip(self._pose, goal, strict=True)]
            self._is_aligned = limited == list(goal)
            goal = limited
        self._pose = list(goal)
        return self._pose


def _approach(here: float, there: float, most: float) -> float:
    return there if abs(there - here) <= most else here + min(most, max(-most, there - here))
