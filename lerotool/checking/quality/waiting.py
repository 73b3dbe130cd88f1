"""Seconds in which nothing happens, at both ends of an episode; and episodes of an odd length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from lerotool.checking.quality.case import Case
from lerotool.checking.quality.motion import Motion, Usual
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.motion import STILL, moving_span
from lerotool.findings import Code

IDLE_S = 2.0
"""A person needs about a second to begin after the tone and to press a key at the end; twice that is waiting."""
ODD_RATIO = 2.0
"""An episode that is less than twice or half as long as the median may be another way to do the task."""
ODD_DEVIATIONS = 3.5
"""Of the logarithm of the length, in robust standard deviations: the bound of Iglewicz and Hoaglin (1993)."""
FEWEST = 5
"""Episodes with one task, to say what is usual."""
_ROBUST = 1.4826
"""Standard deviation of a normal distribution by its median absolute deviation."""
_LEAST_SPREAD = 0.05
"""Where all episodes are as long as the clock has made them, a difference of a few per cent is nothing."""


def waits(motion: Motion, usual: Usual) -> Iterator[Case]:
    """Yield idle ends of an episode: by the rule of ``lerotool edit trim --still``, which cuts them off."""
    if not len(motion):
        return
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
        middle = float(np.median(logs))
        spread = max(_ROBUST * float(np.median(np.abs(logs - middle))), _LEAST_SPREAD)
        for number, away in zip(numbers, (logs - middle).tolist(), strict=True):
            if abs(away) >= np.log(ODD_RATIO) and abs(away) / spread > ODD_DEVIATIONS:
                seconds, others = lengths[number] / dataset.fps, np.exp(middle) / dataset.fps
                text = f"{seconds:.1f} s, the median with this task is {others:.1f} s"
                yield Case(Code.ODD_LENGTH, number, abs(away), text)
