"""What a simulated person does with the leader: pick something up, put it down elsewhere, again and again.

One cycle goes through fixed kinds of poses; where things lie differs from cycle to cycle. From pose to pose every joint
follows the minimum-jerk polynomial 10u³ − 15u⁴ + 6u⁵ (Flash and Hogan 1985, how human hands reach), with the slight
tremor of a hand on top.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from random import Random

Pose = tuple[float, ...]

CYCLE_S = 9.0
HOME: Pose = (0.0, -60.0, 60.0, 60.0, 0.0, 8.0)
_LEGS_S = (0.3, 1.5, 0.9, 0.5, 0.8, 1.5, 0.8, 0.5, 0.8, 1.4)
# Strength (degrees) and frequency (Hz) per joint.
_TREMOR = ((0.10, 2.3), (0.12, 2.9), (0.12, 3.1), (0.15, 3.7), (0.15, 4.1), (0.05, 2.1))


def leader_pose(seed: int, time_s: float) -> Pose:
    """Return the six joints (degrees, gripper 0 to 100) at a time since the start; the same for the same arguments."""
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
