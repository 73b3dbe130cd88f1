"""Episodes that are copies of earlier ones, whole or cut: most of their rows are the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lerotool.checking.fingerprints import Fingerprints, Marks
from lerotool.checking.quality.case import Case
from lerotool.checking.quality.motion import Motion
from lerotool.findings import Code

SHARED = 0.5
"""Share of an episode's distinct rows: measured joints do not come back to the same values by chance."""
FEWEST_ROWS = 10


def row_marks(motion: Motion) -> Marks:
    """Return a fingerprint of each distinct row of an episode."""
    rows = Fingerprints(np.arange(len(motion)), len(motion))
    for name, values in motion.values.items():
        rows.add(name, 0, values)
    return np.unique(rows.marks)


def copies(marks: Sequence[Marks]) -> Iterator[Case]:
    """Yield the episodes most of whose rows are in one earlier episode."""
    numbers = np.repeat(np.arange(len(marks)), [len(own) for own in marks])
    if not len(numbers):
        return
    # Each mark with the first episode that has it: `unique` gives the first place, and episodes come in order.
    known, first = np.unique(np.concatenate(marks), return_index=True)
    for episode, own in enumerate(marks):
        if len(own) < FEWEST_ROWS:
            continue
        origin = numbers[first[np.searchsorted(known, own)]]
        earlier = origin[origin < episode]
        if not len(earlier):
            continue
        original = int(np.bincount(earlier).argmax())
        share = float((earlier == original).sum() / len(own))
        if share >= SHARED:
            text = f"{share:.0%} of its rows are rows of episode {original}"
            yield Case(Code.REPEATED, episode, share, text)
