"""A simulated SO-101 pair: the leader moves by itself, the follower follows as its servos would.

Both measure like STS3215 servos: in whole steps of 360/4095 degrees; the gripper's range of steps is 0 to 100.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from random import Random

import numpy as np
from numpy.typing import NDArray

from lerotool.devices.arms.arm import ArmPair, Follower, JointReading, Leader, check_goal
from lerotool.errors import DeviceError

Pose = tuple[float, ...]

CYCLE_S = 9.0
HOME: Pose = (0.0, -60.0, 60.0, 60.0, 0.0, 8.0)
_LEGS_S = (0.3, 1.5, 0.9, 0.5, 0.8, 1.5, 0.8, 0.5, 0.8, 1.4)
# Strength (degrees) and frequency (Hz) per joint.
_TREMOR = ((0.10, 2.3), (0.12, 2.9), (0.12, 3.1), (0.15, 3.7), (0.15, 4.1), (0.05, 2.1))
ROBOT_TYPE = "so101_sim"
DEGREES_PER_STEP = 360 / 4095
LAG_S = 0.07
"""A servo closes two thirds of a small gap in this time."""
_NOISE_STEPS = 0.35
Clock = Callable[[], int]


def leader_pose(seed: int, time_s: float) -> Pose:
    """Return the six joints (degrees, gripper 0 to 100) at a time since the start; the same for the same arguments.

    A person picks something up and puts it down elsewhere, again and again. A cycle goes through fixed kinds of poses;
    where things lie differs from cycle to cycle. From pose to pose every joint follows the minimum-jerk polynomial
    10u³ − 15u⁴ + 6u⁵ (Flash and Hogan 1985, how human hands reach), with the slight tremor of a hand on top.
    """
    cycle, within = divmod(max(time_s, 0.0), CYCLE_S)
    times, poses = _plan_cycle(seed, int(cycle))
    leg = min(bisect_right(times, within), len(times) - 1) - 1
    u = min((within - times[leg]) / (times[leg + 1] - times[leg]), 1.0)
    reach = u**3 * (10.0 - 15.0 * u + 6.0 * u**2)
    return tuple(
        start + reach * (goal - start) + _tremble(strength, hertz, time_s)
        for start, goal, (strength, hertz) in zip(poses[leg], poses[leg + 1], _TREMOR, strict=True)
    )


def _tremble(strength: float, hertz: float, time_s: float) -> float:
    phase = math.tau * hertz * time_s
    return strength * math.sin(phase) * math.sin(0.37 * phase)


@lru_cache(maxsize=4)
def _plan_cycle(seed: int, cycle: int) -> tuple[tuple[float, ...], tuple[Pose, ...]]:
    """Return the times and poses of one cycle; it starts and ends at HOME."""
    rng = Random(f"{seed}/{cycle}")
    side = rng.choice((-1.0, 1.0))
    pick = (side * rng.uniform(10, 45), rng.random())
    place = (-side * rng.uniform(10, 45), rng.random())
    turn, opening, held = rng.uniform(-35, 35), rng.uniform(50, 80), rng.uniform(18, 30)
    poses = (
        HOME,
        HOME,
        _above(*pick, turn, opening),
        _down(*pick, turn, opening),
        _down(*pick, turn, held),
        _above(*pick, turn, held),
        _above(*place, 0.0, held),
        _down(*place, 0.0, held),
        _down(*place, 0.0, opening),
        _above(*place, 0.0, opening),
        HOME,
    )
    spans = [span * rng.uniform(0.85, 1.15) for span in _LEGS_S]
    scale = CYCLE_S / sum(spans)
    return tuple(accumulate((span * scale for span in spans), initial=0.0)), poses


def _above(pan: float, reach: float, roll: float, gripper: float) -> Pose:
    return (pan, -15 + 25 * reach, 30 - 30 * reach, 70 - 10 * reach, roll, gripper)


def _down(pan: float, reach: float, roll: float, gripper: float) -> Pose:
    return (pan, 10 + 30 * reach, 25 - 30 * reach, 55 - 5 * reach, roll, gripper)


@dataclass(frozen=True, slots=True)
class Joint:
    """One servo."""

    name: str
    range_min: int
    range_max: int  # highest step
    unit: float  # degrees, or hundredths of the range, per step
    zero: float  # the step (or half step) that is 0
    speed: float  # most units per second; a loaded STS3215 at 7.4 V turns at some 30 rpm

    def to_step(self, value: float) -> int:
        """Return a position as the nearest step within the range."""
        return min(max(round(value / self.unit + self.zero), self.range_min), self.range_max)

    def to_value(self, step: int) -> float:
        """Return a step as degrees, or 0 to 100."""
        return (step - self.zero) * self.unit


def _body(name: str, range_min: int, range_max: int, speed: float = 180.0) -> Joint:
    return Joint(name, range_min, range_max, DEGREES_PER_STEP, (range_min + range_max) / 2, speed)


JOINTS = (
    _body("shoulder_pan", 792, 3302),
    _body("shoulder_lift", 930, 3206),
    _body("elbow_flex", 920, 3126),
    _body("wrist_flex", 960, 3170, 220.0),
    _body("wrist_roll", 0, 4095, 220.0),
    Joint("gripper", 2030, 3480, 100 / (3480 - 2030), 2030, 250.0),
)
JOINT_NAMES = tuple(joint.name for joint in JOINTS)


class SimulatedLeader(Leader):
    """A leader that a simulated person moves; the pose depends on the seed and the time since ``open`` only."""

    joint_names = JOINT_NAMES

    def __init__(self, seed: int = 0, clock: Clock = time.monotonic_ns) -> None:
        self._seed = seed
        self._clock = clock
        self._opened_ns: int | None = None

    def open(self) -> None:
        """Start the motion."""
        self._opened_ns = self._clock()

    def read(self) -> JointReading:
        """Return the pose now."""
        if self._opened_ns is None:
            raise DeviceError("the simulated leader is not open")
        now = self._clock()
        pose = leader_pose(self._seed, (now - self._opened_ns) / 1e9)
        return JointReading(_vector(j.to_value(j.to_step(x)) for j, x in zip(JOINTS, pose, strict=True)), now)

    def close(self) -> None:
        """Stop."""
        self._opened_ns = None


class SimulatedFollower(Follower):
    """A follower that approaches its goal with lag and limited speed, and measures with a little noise."""

    joint_names = JOINT_NAMES
    is_aligned = True
    """It starts where the leader does."""

    def __init__(self, seed: int = 0, clock: Clock = time.monotonic_ns) -> None:
        self._seed = seed
        self._clock = clock
        self._moved_ns: int | None = None
        self._noise = Random(seed)
        self._position = list(HOME)
        self._goal = list(HOME)

    def open(self) -> None:
        """Stand at the home pose."""
        self._noise = Random(self._seed)
        self._position = list(HOME)
        self._goal = list(HOME)
        self._moved_ns = self._clock()

    def read(self) -> JointReading:
        """Return where the joints are measured to be now."""
        now = self._move()
        return JointReading(_vector(map(self._measure, JOINTS, self._position)), now)

    def send(self, goal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Set the goal and return it as the servos take it: whole steps within the joints' ranges."""
        values = check_goal(goal, len(JOINTS))
        self._move()
        self._goal = [j.to_value(j.to_step(x)) for j, x in zip(JOINTS, values, strict=True)]
        return _vector(self._goal)

    def close(self) -> None:
        """Stop."""
        self._moved_ns = None

    def _measure(self, joint: Joint, position: float) -> float:
        return joint.to_value(joint.to_step(position + self._noise.gauss(0.0, _NOISE_STEPS) * joint.unit))

    def _move(self) -> int:
        if self._moved_ns is None:
            raise DeviceError("the simulated follower is not open")
        now = self._clock()
        elapsed_s = max(now - self._moved_ns, 0) / 1e9
        self._position = [
            approach(position, goal, elapsed_s, joint.speed)
            for joint, position, goal in zip(JOINTS, self._position, self._goal, strict=True)
        ]
        self._moved_ns = now
        return now


def approach(position: float, goal: float, elapsed_s: float, speed: float) -> float:
    """Return a position after a time: x' = (goal − x) / LAG_S, never faster than ``speed``.

    Solved exactly (full speed until the gap is speed · LAG_S, exponential after), so that the path does not depend on
    how often it is looked at.
    """
    gap = goal - position
    distance = abs(gap)
    fast_s = max(distance - speed * LAG_S, 0.0) / speed
    if elapsed_s <= fast_s:
        return position + math.copysign(speed * elapsed_s, gap)
    left = (distance - speed * fast_s) * math.exp((fast_s - elapsed_s) / LAG_S)
    return goal - math.copysign(left, gap)


def build_robot(seed: int = 0, clock: Clock = time.monotonic_ns) -> ArmPair:
    """Return a simulated pair, not yet open."""
    return ArmPair(ROBOT_TYPE, SimulatedLeader(seed, clock), SimulatedFollower(seed, clock))


def _vector(values: Iterable[float]) -> NDArray[np.float32]:
    return np.array(list(values), dtype=np.float32)
