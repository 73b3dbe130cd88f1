"""At which rate rows were really recorded: the measured times beside the dataset against what info.json claims."""

from __future__ import annotations

from collections.abc import Iterator

from lerotool.checking.quality.case import Case
from lerotool.dataset.dataset import Dataset
from lerotool.findings import Code

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
