"""A hash of recorded values, the same in a pending episode, in a dataset and in memory."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lerotool.features import ACTION, STATE


def rows_hash(rows: pa.Table) -> str:
    """Return a hash of the actions and states of some rows."""
    return values_hash(*(np.array(rows[name].to_pylist(), np.float32) for name in (ACTION, STATE)))


def values_hash(action: NDArray[np.float32], state: NDArray[np.float32]) -> str:
    """Return a hash of actions and states, (rows, joints) each."""
    return hashlib.sha256(action.tobytes() + state.tobytes()).hexdigest()
