"""What a simulated person does with the leader: pick something up, put it down elsewhere, again and again.

One cycle goes through fixed kinds of poses; where things lie differs from cycle to cycle. From pose to pose every joint follows the
minimum-jerk polynomial 10u³ − 15u⁴ + 6u⁵ (Flash and Hogan 1985, how human hands reach), with the slight tremor of a hand on top.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Pose = NDArray[np.float64]

CYCLE_S = 9.0
HOME: tuple[float, ...] = (0.0, -60.0, 60.0, 60.0, 0.0, 8.0)
_PAUSE_AND_MOVE_S = (0.3, 1.5, 0.9, 0.5, 0.8, 1.5, 0.8, 0.5, 0.8, 1.4)
_TREMOR = np.array([0.10, 0.12, 0.12, 0.15, 0.15, 0.05])
_TREMOR_HZ = np.array([2.3, 2.9, 3.1, 3.7, 4.1, 2.1])


def leader_pose(seed: int, time_s: float) -> Pose:
    """Return the six joints (degrees, gripper 0 to 100) at a time since the start; the same for the same arguments."""
    cycle, within = divmod(max(time_s, 0.0), CYCLE_S)
    times, poses = _plan_cycle(seed, int(cycle))
    leg = min(int(np.searchsorted(times, within, side="right")) - 1, len(poses) - 2)
    u = (within - times[leg]) / (times[leg + 1] - times[leg])
    reach = u**3 * (10.0 - 15.0 * u + 6.0 * u**2)
    smooth: Pose = poses[leg] + reach * (poses[leg + 1] - poses[leg])
    # The tremor grows from zero so that the motion starts at HOME exactly.
    phase = 2 * np.pi * _TREMOR_HZ * time_s
    return smooth + _TREMOR * np.sin(phase) * np.sin(0.37 * phase + seed)


@lru_cache(maxsize=4)
def _plan_cycle(seed: int, cycle: int) -> tuple[Pose, Pose]:
    """Return the times (n,) and poses (n, 6) of one cycle; it starts and ends at HOME."""
    rng = np.random.default_rng((seed, cycle))
    pick, place = _draw_places(rng)
    turn, opening, held = rng.uniform(-35, 35), rng.uniform(50, 80), rng.uniform(18, 30)
    poses = [
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
    ]
    spans = np.array(_PAUSE_AND_MOVE_S) * rng.uniform(0.85, 1.15, len(_PAUSE_AND_MOVE_S))
    times = np.concatenate([[0.0], np.cumsum(spans)]) * (CYCLE_S / spans.sum())
    return times, np.array(poses, dtype=np.float64)


def _draw_places(rng: np.random.Generator) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return (pan, reach) of where the thing lies and where it goes: on different sides."""
    side = rng.choice((-1.0, 1.0))
    return (side * rng.uniform(10, 45), rng.uniform(0, 1)), (-side * rng.uniform(10, 45), rng.uniform(0, 1))


def _above(pan: float, reach: float, roll: float, gripper: float) -> tuple[float, ...]:
    return (pan, -15 + 25 * reach, 30 - 30 * reach, 70 - 10 * reach, roll, gripper)


def _down(pan: float, reach: float, roll: float, gripper: float) -> tuple[float, ...]:
    return (pan, 10 + 30 * reach, 25 - 30 * reach, 55 - 5 * reach, roll, gripper)
