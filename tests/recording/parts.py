"""A clock that moves only when told, and devices on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lerotool.devices.arms.arm import ArmPair, JointReading
from lerotool.devices.cameras.camera import Picture
from lerotool.devices.servos.answers import BusStatistics

JOINTS = ("a", "b")


class ManualClock:
    """Time passes by sleeping and by what devices say they take. ``overshoot_ns`` delays chosen wake-ups."""

    def __init__(self, start_ns: int = 1_000) -> None:
        self.now_ns = start_ns
        self.overshoot_ns: dict[int, int] = {}
        self.on_sleep: Callable[[int], None] = lambda _: None
        self.sleeps = 0

    def monotonic_ns(self) -> int:
        return self.now_ns

    def sleep_until(self, deadline_ns: int) -> int:
        self.now_ns = max(self.now_ns, deadline_ns) + self.overshoot_ns.get(self.sleeps, 0)
        self.on_sleep(self.sleeps)
        self.sleeps += 1
        return self.now_ns


class CountingLeader:
    """Counts its reads and gives their number for every joint."""

    joint_names = JOINTS
    alarms: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    buses: Mapping[str, BusStatistics] = {}

    def __init__(self, clock: ManualClock, takes_ns: int = 0) -> None:
        self._clock = clock
        self.takes_ns = takes_ns
        self.reads = 0
        self.stale = 0
        self.error: Exception | None = None
        self.is_open = False

    def open(self) -> None:
        self.is_open = True

    def read(self) -> JointReading:
        if self.error is not None:
            raise self.error
        self._clock.now_ns += self.takes_ns
        self.reads += 1
        return JointReading(np.full(2, self.reads, np.float32), self._clock.now_ns, self.stale)

    def close(self) -> None:
        self.is_open = False


class ClippingFollower(CountingLeader):
    """Sends at most 3, and says so."""

    def __init__(self, clock: ManualClock, takes_ns: int = 0) -> None:
        super().__init__(clock, takes_ns)
        self.sent: list[float] = []

    @property
    def is_aligned(self) -> bool:
        return True

    def send(self, goal: NDArray[np.float32]) -> NDArray[np.float32]:
        sent = np.minimum(goal, np.float32(3))
        self.sent.append(float(sent[0]))
        return sent


def build_robot(clock: ManualClock, takes_ns: int = 0) -> ArmPair:
    return ArmPair("test", CountingLeader(clock, takes_ns), ClippingFollower(clock, takes_ns))


class ClockedCamera:
    """A camera whose picture k is captured at ``k * period_ns`` after its start, until it is lost or stalls."""

    def __init__(self, clock: ManualClock, period_ns: int, key: str = "observation.images.front") -> None:
        self.key = key
        self._clock = clock
        self._start_ns = clock.now_ns
        self._period_ns = period_ns
        self.lost_reason: str | None = None
        self.is_frozen = False
        self.stalled_at: int | None = None
        self.failure: Exception | None = None

    @property
    def newest(self) -> Picture:
        number = (self._clock.now_ns - self._start_ns) // self._period_ns
        if self.stalled_at is not None:
            number = min(number, self.stalled_at)
        return Picture(number, self._start_ns + number * self._period_ns)

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure


@dataclass
class Rows:
    """Keeps the rows it is given."""

    rows: list[Mapping[str, object]] = field(default_factory=list)
    error: Exception | None = None

    def camera(self, key: str) -> None:
        """Take no packets."""

    def append_row(self, values: Mapping[str, object], **times: object) -> int:
        if self.error is not None:
            raise self.error
        self.rows.append({**values, **times})
        return len(self.rows) - 1
