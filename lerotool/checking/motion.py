"""Episodes in which nothing happens: the robot stands still from the first row to the last."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lerotool.checking.data import DataView
from lerotool.checking.gathering import Gathering
from lerotool.dataset.joints import STILL
from lerotool.features import ACTION, STATE
from lerotool.findings import Code
from lerotool.wording import of_episodes

_SHORTEST = 5


def moving_episodes(view: DataView) -> npt.NDArray[np.bool_] | None:
    """Return in which episodes a joint or its command moves; None where that is unknown."""
    if view.lengths is None or not len(view.lengths):
        return None
    moves: npt.NDArray[np.bool_] | None = None
    for name in (STATE, ACTION):
        if not all(name in fact.low for fact in view.facts):
            continue
        low, high = (np.concatenate([getattr(fact, side)[name] for fact in view.facts]) for side in ("low", "high"))
        with np.errstate(invalid="ignore"):
            whole = high.max(axis=0) - low.min(axis=0)
            own = ((high - low) > STILL * whole).any(axis=1)
        moves = own if moves is None else moves | own
    return moves


def check_doubles(view: DataView, gathering: Gathering) -> None:
    """Note episodes that have the values of an earlier one, row by row; those in which nothing moves may well."""
    moves = moving_episodes(view)
    if moves is None or view.lengths is None or any(fact.marks is None for fact in view.facts):
        return
    marks = np.concatenate([fact.marks for fact in view.facts if fact.marks is not None]).tolist()
    first: dict[tuple[int, int], int] = {}
    doubles: dict[int, int] = {}
    for number, key in enumerate(zip(marks, view.lengths.tolist(), strict=True)):
        if moves[number] and view.lengths[number] >= _SHORTEST and first.setdefault(key, number) != number:
            doubles[number] = first[key]
    if doubles:
        copy, original = next(iter(doubles.items()))
        text = f"episode {copy} has the rows of episode {original}"
        text += f"; {of_episodes(list(doubles))} are copies" if len(doubles) > 1 else ""
        gathering.add(Code.EPISODE_DOUBLED, "data", text, episodes=list(doubles))


def check_motion(view: DataView, gathering: Gathering) -> None:
    """Note episodes in which nothing moves; those of a few rows are too short to tell."""
    moves = moving_episodes(view)
    if moves is None or view.lengths is None:
        return
    idle = np.flatnonzero(~moves & (view.lengths >= _SHORTEST)).tolist()
    if idle:
        text = f"no joint moves by more than {STILL:.0%} of its range in {of_episodes(idle)}"
        gathering.add(Code.EPISODE_IDLE, "data", text, episodes=idle)
