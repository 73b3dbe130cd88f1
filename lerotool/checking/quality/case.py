"""One doubtful thing in one episode."""

from __future__ import annotations

from dataclasses import dataclass

from lerotool.findings import Code


@dataclass(frozen=True, slots=True)
class Case:
    """One doubtful thing in one episode.

    Attributes:
        code: what it is.
        episode: its number.
        size: how much of it; of several cases the largest is shown.
        text: the same in words, with its unit.
        feature: that it is about, "" if it is about the episode.
        dimension: label of the joint, "" if it is about all.
    """

    code: Code
    episode: int
    size: float
    text: str
    feature: str = ""
    dimension: str = ""
