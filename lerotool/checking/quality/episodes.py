"""Episodes as a whole: seconds in which nothing happens, an odd length, the measured rate of rows, copies of others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from lerotool.checking.columns import Fingerprints, Marks
from lerotool.checking.quality.motion import ODD_DEVIATIONS, Case, Motion, Usual, deviations
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.joints import STILL, moving_span
from lerotool.findings import Code

IDLE_S = 2.0
"""A person needs about a second to begin after the tone and to press a key at the end; twice that is waiting."""
ODD_RATIO = 2.0
"""An episode that is less than twice or half as long as the median may be another way to do the task."""
FEWEST = 5
"""Episodes with one task, to say what is usual."""
_LEAST_SPREAD = 0.05
"""Where all episodes are as long as the clock has made them, a difference of a few per cent is nothing."""


def waits(motion: Motion, usual: Usual) -> Iterator[Case]:
    """Yield idle ends of an episode: by the rule of ``lerotool edit trim --still``, which cuts them off."""
    limits = {name: STILL * (usual.high[name] - usual.low[name]) for name in motion.values}
    begin, end = moving_span(motion.values, limits)
    for code, rows in ((Code.IDLE_START, begin), (Code.IDLE_END, len(motion) - end)):
        seconds = rows / motion.fps
        if seconds >= IDLE_S:
            yield Case(code, motion.episode, seconds, f"nothing moves for {seconds:.1f} s")


def odd_lengths(dataset: Dataset) -> Iterator[Case]:
    """Yield episodes that are far longer or shorter than the others with their task."""
    by_task: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for episode in dataset.episodes:
        by_task[episode.tasks].append(episode.index)
    lengths = dataset.episodes.lengths
    for numbers in by_task.values():
        if len(numbers) < FEWEST:
            continue
        logs = np.log(np.maximum(lengths[numbers], 1))
        others = np.exp(np.median(logs)) / dataset.fps
        for number, away, odd in zip(numbers, *deviations(logs, _LEAST_SPREAD), strict=True):
            if abs(away) >= np.log(ODD_RATIO) and abs(odd) > ODD_DEVIATIONS:
                seconds = lengths[number] / dataset.fps
                text = f"{seconds:.1f} s, the median with this task is {others:.1f} s"
                yield Case(Code.ODD_LENGTH, number, float(abs(away)), text)


OFF_RATE = 0.05
"""Share of the rate: five per cent are half a second in a take of ten."""
_SHORTEST_S = 1.0


def wrong_rate(dataset: Dataset, episode: int) -> Iterator[Case]:
    """Yield an episode whose rows were measured at another rate than the dataset's; nothing where none was kept."""
    length = dataset.episodes[episode].length
    if length < _SHORTEST_S * dataset.fps or (timing := dataset.timing(episode)) is None:
        return
    ticks = timing["observed_ns"].to_numpy() if "observed_ns" in timing.column_names else timing["tick_ns"].to_numpy()
    seconds = float(ticks[-1] - ticks[0]) / 1e9
    if seconds <= 0:
        return
    rate = (length - 1) / seconds
    if abs(rate / dataset.fps - 1) > OFF_RATE:
        text = f"{rate:.1f} rows a second were recorded: {seconds:.1f} s that claim {(length - 1) / dataset.fps:.1f} s"
        yield Case(Code.WRONG_RATE, episode, abs(rate / dataset.fps - 1), text)


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
