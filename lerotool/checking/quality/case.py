"""One doubtful thing in one episode."""

from __future__ import annotations

from dataclasses import dataclass

from lerotool.findings import Code


@dataclass(frozen=True, slots=True)
class Case:
    """One doubtful thing in one episode."""

    code: Code  # what it is
    episode: int  # its number
    size: float  # how much of it; of several cases the largest is shown
    text: str  # the same in words, with its unit
    feature: str = ""  # that it is about, "" if it is about the episode
    dimension: str = ""  # label of the joint, "" if it is about all
