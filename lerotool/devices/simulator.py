"""A simulated SO-101 pair: the leader moves by itself, the follower follows as its servos would.

Both measure like STS3215 servos: whole steps of 360/4095 degrees; the gripper's range of steps is 0 to 100.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lerotool.devices.motion import HOME, leader_pose
from lerotool.devices.robot import JointReading, Robot
from lerotool.errors import DeviceError

ROBOT_TYPE = "so101_sim"
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
_RANGE_MIN = np.array([792, 930, 920, 960, 0, 2030], dtype=np.float64)
_RANGE_MAX = np.array([3302, 3206, 3126, 3170, 4095, 3480], dtype=np.float64)
_DEGREES_PER_STEP = 360.0 / 4095.0
UNITS_PER_STEP = np.array([_DEGREES_PER_STEP] * 5 + [100.0 / (3480 - 2030)])
_ZERO_STEP = np.append((_RANGE_MIN[:5] + _RANGE_MAX[:5]) / 2, _RANGE_MIN[5])

# A loaded STS3215 at 7.4 V turns at some 30 rpm and closes most of a small gap in a tenth of a second.
MAX_SPEED = np.array([180.0, 180.0, 180.0, 220.0, 220.0, 250.0])
LAG_S = 0.07
_NOISE_STEPS = 0.35

Clock = Callable[[], int]


def to_units(steps: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return servo steps (6,) as degrees, the gripper as 0 to 100."""
    return ((steps - _ZERO_STEP) * UNITS_PER_STEP).astype(np.float32)


def to_steps(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return degrees (6,), the gripper 0 to 100, as whole servo steps within the joints' ranges."""
    steps = np.rint(np.asarray(values, dtype=np.float64) / UNITS_PER_STEP + _ZERO_STEP)
    return np.clip(steps, _RANGE_MIN, _RANGE_MAX)


LOWEST = to_units(_RANGE_MIN)
HIGHEST = to_units(_RANGE_MAX)


class SimulatedLeader:
    """A leader that a simulated person moves; the pose depends on the seed and the time since ``open`` only."""

    joint_names = JOINTS

    def __init__(self, seed: int = 0, clock: Clock = time.monotonic_ns) -> None:
        self._seed = seed
        self._clock = clock
        self._opened_ns: int | None = None

    def open(self) -> None:
        """Start the motion."""
        self._opened_ns = self._clock()

    def read(self) -> JointReading:
        """Return the pose now.

        Raises:
            DeviceError: the leader is not open.
        """
        if self._opened_ns is None:
            raise DeviceError("the simulated leader is not open")
        now = self._clock()
        pose = leader_pose(self._seed, (now - self._opened_ns) / 1e9)
        return JointReading(to_units(to_steps(pose)), now)

    def close(self) -> None:
        """Stop."""
        self._opened_ns = None


class SimulatedFollower:
    """A follower that approaches its goal with lag and limited speed, and measures with a little noise."""

    joint_names = JOINTS

    def __init__(self, seed: int = 0, clock: Clock = time.monotonic_ns) -> None:
        self._seed = seed
        self._clock = clock
        self._moved_ns: int | None = None
        self._noise = np.random.default_rng(seed)
        self._position = np.array(HOME)
        self._goal = self._position

    def open(self) -> None:
        """Stand at the home pose."""
        self._noise = np.random.default_rng(self._seed)
        self._position = np.array(HOME)
        self._goal = self._position
        self._moved_ns = self._clock()

    def read(self) -> JointReading:
        """Return where the joints are measured to be now.

        Raises:
            DeviceError: the follower is not open.
        """
        now = self._move()
        steps = to_steps(self._position) + np.rint(self._noise.normal(0.0, _NOISE_STEPS, len(JOINTS)))
        return JointReading(to_units(np.clip(steps, _RANGE_MIN, _RANGE_MAX)), now)

    def send(self, goal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Set the goal and return it as the servos take it: whole steps within the joints' ranges.

        Raises:
            DeviceError: the goal is not six finite numbers, or the follower is not open.
        """
        if np.shape(goal) != (len(JOINTS),) or not np.isfinite(goal).all():
            raise DeviceError(f"goal {np.asarray(goal).tolist()!r}: expected {len(JOINTS)} finite numbers")
        self._move()
        sent = to_units(to_steps(goal))
        self._goal = sent.astype(np.float64)
        return sent

    def close(self) -> None:
        """Stop."""
        self._moved_ns = None

    def _move(self) -> int:
        if self._moved_ns is None:
            raise DeviceError("the simulated follower is not open")
        now = self._clock()
        self._position = approach(self._position, self._goal, max(now - self._moved_ns, 0) / 1e9)
        self._moved_ns = now
        return now


def approach(position: NDArray[np.float64], goal: NDArray[np.float64], elapsed_s: float) -> NDArray[np.float64]:
    """Return the position after a time: x' = (goal − x) / LAG_S, never faster than MAX_SPEED.

    Solved exactly (full speed until the gap is MAX_SPEED · LAG_S, exponential after), so the path does not depend on how often it is
    looked at.
    """
    gap = goal - position
    distance = np.abs(gap)
    knee = MAX_SPEED * LAG_S
    fast_s = np.maximum(distance - knee, 0.0) / MAX_SPEED
    linear = np.minimum(fast_s, elapsed_s) * MAX_SPEED
    slow_s = np.maximum(elapsed_s - fast_s, 0.0)
    left = (distance - linear) * np.exp(-slow_s / LAG_S)
    return goal - np.copysign(left, gap)


def build_robot(seed: int = 0, clock: Clock = time.monotonic_ns) -> Robot:
    """Return a simulated pair, not yet open."""
    return Robot(ROBOT_TYPE, SimulatedLeader(seed, clock), SimulatedFollower(seed, clock))
