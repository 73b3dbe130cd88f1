"""A hash of recorded values, the same in a pending episode and in a dataset."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from lerotool.features import ACTION, STATE


def values_hash(rows: pa.Table) -> str:
    """Return a hash of the actions and states of some rows."""
    digest = hashlib.sha256()
    for name in (ACTION, STATE):
        digest.update(np.array(rows[name].to_pylist(), np.float32).tobytes())
    return digest.hexdigest()
