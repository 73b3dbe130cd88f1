"""How the follower follows: how long after its commands, and how far beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lerotool.checking.quality.case import Case
from lerotool.checking.quality.motion import Floats, Joints, Motion, Usual
from lerotool.features import ACTION, STATE
from lerotool.findings import Code

LAG_S = 0.4
"""SO and Koch arms follow within 0.1 to 0.2 s, a humanoid's within 0.3 s; later is a bus or a loop that does not
keep up."""
AHEAD_ROWS = 2
"""Some datasets have the state of the row before as the action; two rows are columns that were shifted."""
LONGEST_LAG_S = 1.0
EXPLAINED = 0.9
"""Share of the variance of a joint that its shifted commands explain, to say that it follows them."""
LEAST_MOTION = 0.05
"""Standard deviation of the commands as a share of the joint's width: a joint that hardly moves tells no lag."""
OFFSET = 0.1
"""Share of the joint's width between its offset in one episode and the median of all; objects in a gripper make
less where only rows in which the joint moves are looked at."""
FEWEST = 3
"""Episodes, to say which offset is usual."""
_SLOW = 0.005
_FEWEST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Following:
    """How one joint follows in one episode."""

    episode: int  # its number
    label: str  # the joint's
    lag: int  # rows by which the state is behind the commands
    offset: float  # median of state less command, so shifted, where the joint moves; NaN where it hardly does
    width: float  # of the joint


def following(motion: Motion, usual: Usual, joints: Joints) -> list[Following]:
    """Measure by cross-correlation how each joint follows; joints that do not, or hardly move, are left out."""
    if not joints.labels or len(motion) < 2 * LONGEST_LAG_S * motion.fps:
        return []
    state, action = motion.values[STATE][:, joints.state], motion.values[ACTION][:, joints.action]
    width = usual.width[STATE][list(joints.state)]
    farthest = round(LONGEST_LAG_S * motion.fps)
    lags = range(-farthest, farthest + 1)
    left = np.stack([_difference(state, action, lag).var(axis=0) for lag in lags])
    best = left.argmin(axis=0)
    whole = state.var(axis=0)
    follows = (left.min(axis=0) <= (1 - EXPLAINED) * whole) & (action.std(axis=0) > LEAST_MOTION * width) & (width > 0)
    found = []
    for joint in np.flatnonzero(follows).tolist():
        lag = lags[int(best[joint])]
        offset = _offset(state[:, joint], action[:, joint], lag, float(width[joint]))
        found.append(Following(motion.episode, joints.labels[joint], lag, offset, float(width[joint])))
    return found


def _difference(state: Floats, action: Floats, lag: int) -> Floats:
    """Return the state less the commands of ``lag`` rows before."""
    if lag < 0:
        return state[:lag] - action[-lag:]
    return state[lag:] - action[: len(action) - lag]


def _offset(state: Floats, action: Floats, lag: int, width: float) -> float:
    apart = _difference(state, action, lag)
    own = state[:lag] if lag < 0 else state[lag:]
    is_moving = np.abs(np.gradient(own)) > _SLOW * width
    return float(np.median(apart[is_moving])) if is_moving.sum() >= _FEWEST_ROWS else float("nan")


def lags(found: Sequence[Following], fps: float) -> Iterator[Case]:
    """Yield episodes in which the median joint is late, or ahead of its commands."""
    for episode in dict.fromkeys(one.episode for one in found):
        lag = float(np.median([one.lag for one in found if one.episode == episode]))
        if lag / fps >= LAG_S:
            text = f"the state is {lag / fps:.2f} s behind the commands"
        elif lag <= -AHEAD_ROWS:
            text = f"the state is {-lag / fps:.2f} s ahead of the commands"
        else:
            continue
        yield Case(Code.FOLLOWER_LAG, episode, abs(lag) / fps, text)


def offsets(found: Sequence[Following]) -> Iterator[Case]:
    """Yield joints whose offset from their commands in an episode is not the usual one."""
    for label in dict.fromkeys(one.label for one in found):
        own = [one for one in found if one.label == label and np.isfinite(one.offset)]
        if len(own) < FEWEST:
            continue
        middle = float(np.median([one.offset for one in own]))
        for one in own:
            away = one.offset - middle
            if abs(away) > OFFSET * one.width:
                text = f"{label} is {one.offset:+.3g} from its commands, in most episodes {middle:+.3g}"
                yield Case(Code.FOLLOWER_OFFSET, one.episode, abs(away) / one.width, text, STATE, label)
