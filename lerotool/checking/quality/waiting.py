"""How time passes: seconds in which nothing happens, episodes of an odd length, and the measured rate of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from lerotool.checking.quality.case import Case
from lerotool.checking.quality.motion import Motion, Usual
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.joints import STILL, moving_span
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
