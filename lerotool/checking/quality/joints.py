"""What joints report: frozen, dead or saturated, elsewhere all at once, late, or beside their commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lerotool.checking.quality.motion import Case, Flags, Floats, Joints, Motion, Usual
from lerotool.features import ACTION, STATE
from lerotool.findings import Code

FROZEN_S = 0.5
"""A moving follower's angles change from row to row; all of them at once stay the same only if nobody reads them."""
FROZEN_TRAVEL = 0.05
"""Share of its width that a command moves by, for a follower to be expected to move."""
REACTION_S = 0.3
"""A follower begins to move so long after its command at the latest: `FOLLOWER_LAG` looks at what is later."""
DEAD_TRAVEL = 0.25
"""Share of its width that a joint is sent across; a joint that is only held by an object is sent less."""
DEAD_STATE = 0.01
"""Share of its width that a joint stays within, to be called dead."""
SATURATED_S = 1.0
"""A joint may touch its end; one that stands there while commands move on beyond it does not follow."""
SATURATED_TRAVEL = 0.1
"""Share of its width by which commands move beyond the end meanwhile: a gripper that is squeezed moves less."""
_AT_END = 0.005
GLITCH_SPEED = 3.0
"""Widths a second: no servo of these arms crosses its range three times in a second, out and back."""
LEAST_GLITCH = 0.05
"""Share of the width below which a row that is off is noise, however fast rows come."""
JUMP_SPEED = 9.0
"""Widths a second, with slow rows before and after: three times what is a glitch, which comes back."""
LEAST_JUMP = 0.3
"""Share of the width below which a jump may be a blow against an arm."""
COARSE = 5.0
"""Times the usual step of the joint in the episode: a joint that reports few values always steps."""
_BACK = 0.25
_SLOW = 0.1


def telemetry(motion: Motion, usual: Usual, joints: Joints, labels: tuple[str, ...]) -> Iterator[Case]:
    """Yield what is doubtful in the rows of one episode; ``labels`` are those of the state's dimensions."""
    yield from _frozen(motion, usual)
    yield from _dead(motion, usual, joints)
    yield from _saturated(motion, usual, joints)
    if STATE in motion.values:
        yield from _glitches(motion, usual, labels)
        yield from _jumps(motion, usual, labels)


def _frozen(motion: Motion, usual: Usual) -> Iterator[Case]:
    """Yield the longest stretch in which no joint's state changes and commands go on."""
    if not {STATE, ACTION} <= motion.values.keys() or motion.values[STATE].shape[1] < 2:
        return
    state, action = motion.values[STATE], motion.values[ACTION]
    reaction = round(REACTION_S * motion.fps)
    longest, at = 0, 0
    for start, stop in _runs((state[1:] == state[:-1]).all(axis=1)):
        rows = stop + 1 - start
        if rows < FROZEN_S * motion.fps or rows <= longest:
            continue
        commands = action[start : max(start + 1, stop + 1 - reaction)]
        if (np.ptp(commands, axis=0) > FROZEN_TRAVEL * usual.width[ACTION]).any():
            longest, at = rows, start
    if longest:
        seconds = longest / motion.fps
        text = f"no joint's state changes for {seconds:.1f} s from frame {at} on, while commands move"
        yield Case(Code.STATE_FROZEN, motion.episode, seconds, text, STATE)


def _dead(motion: Motion, usual: Usual, joints: Joints) -> Iterator[Case]:
    """Yield joints that are sent far and stay where they are."""
    if len(motion) < motion.fps:
        return
    for label, own, command in zip(joints.labels, joints.state, joints.action, strict=True):
        moved = float(np.ptp(motion.values[STATE][:, own]))
        sent = float(np.ptp(motion.values[ACTION][:, command]))
        width = float(usual.width[ACTION][command])
        if sent > DEAD_TRAVEL * width > 0 and moved < DEAD_STATE * width:
            text = f"{label} is sent across {sent:.3g} and moves by {moved:.3g}"
            yield Case(Code.JOINT_DEAD, motion.episode, sent / width, text, STATE, label)


def _saturated(motion: Motion, usual: Usual, joints: Joints) -> Iterator[Case]:
    """Yield joints that stand at an end of their range while commands move on beyond it."""
    for label, own, command in zip(joints.labels, joints.state, joints.action, strict=True):
        if usual.rests[STATE][own]:
            continue
        state, action, width = motion.values[STATE], motion.values[ACTION], float(usual.width[STATE][own])
        for side, end in ((1.0, usual.high[STATE][own]), (-1.0, usual.low[STATE][own])):
            at_end = side * (state[:, own] - end) >= -_AT_END * width
            is_beyond = at_end & (side * (action[:, command] - end) > _AT_END * width)
            seconds = _longest_pushed(is_beyond, action[:, command], width) / motion.fps
            if seconds >= SATURATED_S:
                text = f"{label} stands at {float(end):.4g} for {seconds:.1f} s while commands move beyond it"
                yield Case(Code.JOINT_SATURATED, motion.episode, seconds, text, STATE, label)


def _longest_pushed(is_beyond: Flags, commands: Floats, width: float) -> int:
    runs = [(a, b) for a, b in _runs(is_beyond) if np.ptp(commands[a:b]) > SATURATED_TRAVEL * width]
    return max((b - a for a, b in runs), default=0)


def _glitches(motion: Motion, usual: Usual, labels: tuple[str, ...]) -> Iterator[Case]:
    """Yield joints that are elsewhere for one row."""
    if len(motion) < 3:
        return
    state, width = motion.values[STATE], usual.width[STATE]
    off = np.abs(state[1:-1] - (state[2:] + state[:-2]) / 2)
    least = max(LEAST_GLITCH, GLITCH_SPEED / motion.fps) * width
    is_glitch = (off > least) & (np.abs(state[2:] - state[:-2]) < _BACK * off) & ~usual.is_switch[STATE] & (width > 0)
    for joint in np.flatnonzero(is_glitch.any(axis=0)).tolist():
        frames = np.flatnonzero(is_glitch[:, joint])
        worst = int(frames[np.argmax(off[frames, joint])])
        size = float(off[worst, joint])
        more = f", and {len(frames) - 1} more" if len(frames) > 1 else ""
        text = f"{labels[joint]} is {size:.3g} off in frame {worst + 1} alone{more}"
        yield Case(Code.STATE_GLITCH, motion.episode, size / float(width[joint]), text, STATE, labels[joint])


def _jumps(motion: Motion, usual: Usual, labels: tuple[str, ...]) -> Iterator[Case]:
    """Yield joints that are elsewhere from one row to the next, and slow before and after."""
    if len(motion) < 4:
        return
    steps, width = np.abs(np.diff(motion.values[STATE], axis=0)), usual.width[STATE]
    step = steps[1:-1]
    least = np.maximum(LEAST_JUMP, JUMP_SPEED / motion.fps * _periods(steps)) * width
    is_jump = (step > least) & ~usual.is_switch[STATE] & (width > 0)
    is_jump &= step > COARSE * _usual_steps(steps)
    is_jump &= (steps[:-2] < _SLOW * step) & (steps[2:] < _SLOW * step)
    for joint in np.flatnonzero(is_jump.any(axis=0)).tolist():
        worst = int(np.argmax(np.where(is_jump[:, joint], step[:, joint], 0)))
        size = float(step[worst, joint])
        text = f"{labels[joint]} jumps by {size:.3g} at frame {worst + 2}"
        yield Case(Code.STATE_JUMP, motion.episode, size / float(width[joint]), text, STATE, labels[joint])


def _periods(steps: Floats) -> Floats:
    """Return how many rows the joints keep their values while they move, (d,): some are read less often than others."""
    changes = [np.flatnonzero(own) for own in steps.T]
    return np.array([float(np.median(np.diff(rows))) if len(rows) > 1 else 1.0 for rows in changes])


def _usual_steps(steps: Floats) -> Floats:
    """Return the median step of each joint from rows where it has moved, (d,); 0 where it never has."""
    return np.array([float(np.median(own[own > 0])) if (own > 0).any() else 0.0 for own in steps.T])


def _runs(flags: Flags) -> list[tuple[int, int]]:
    """Return first place and the one after the last of each run of true flags."""
    edges = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


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
_FEWEST_OFFSETS = 3
"""Episodes, to say which offset is usual."""
_RESTING = 0.005
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
    is_moving = np.abs(np.gradient(own)) > _RESTING * width
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
        if len(own) < _FEWEST_OFFSETS:
            continue
        middle = float(np.median([one.offset for one in own]))
        for one in own:
            away = one.offset - middle
            if abs(away) > OFFSET * one.width:
                text = f"{label} is {one.offset:+.3g} from its commands, in most episodes {middle:+.3g}"
                yield Case(Code.FOLLOWER_OFFSET, one.episode, abs(away) / one.width, text, STATE, label)
