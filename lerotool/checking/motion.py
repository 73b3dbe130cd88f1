"""Episodes in which nothing happens: the robot stands still from the first row to the last."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lerotool.checking.codes import Code
from lerotool.checking.data import DataView
from lerotool.checking.findings import listed
from lerotool.checking.gathering import Gathering
from lerotool.features import ACTION, STATE

_STILL = 0.01
"""Share of a joint's range over the dataset that counts as motion."""
_SHORTEST = 5


def moving_episodes(view: DataView) -> npt.NDArray[np.bool_] | None:
    """Return in which episodes a joint or its command moves; None where that cannot be told."""
    if view.lengths is None or not len(view.lengths):
        return None
    moves: npt.NDArray[np.bool_] | None = None
    for name in (STATE, ACTION):
        if not all(name in fact.low for fact in view.facts):
            continue
        low, high = (np.concatenate([getattr(fact, side)[name] for fact in view.facts]) for side in ("low", "high"))
        with np.errstate(invalid="ignore"):
            whole = high.max(axis=0) - low.min(axis=0)
            own = ((high - low) > _STILL * whole).any(axis=1)
        moves = own if moves is None else moves | own
    return moves


def check_motion(view: DataView, gathering: Gathering) -> None:
    """Note episodes in which nothing moves; those of a few rows are no recordings that could."""
    moves = moving_episodes(view)
    if moves is None or view.lengths is None:
        return
    idle = np.flatnonzero(~moves & (view.lengths >= _SHORTEST)).tolist()
    if idle:
        text = f"no joint moves by more than {_STILL:.0%} of its range in episodes {listed(idle)}"
        gathering.add(Code.EPISODE_IDLE, "data", text, episodes=idle)
