"""Which frames and pixels of a camera are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from lerotool.errors import UsageError
from lerotool.moments import sampled_frames, shrink_step


class Rule(StrEnum):
    """How frames are chosen."""

    LEROBOT = "lerobot"
    """As LeRobot does: about n^0.75 of n, at least 100, and of large pictures every f-th row and column."""
    ALL = "all"
    """Every frame, every pixel."""
    COUNT = "count"
    """Some of each episode, evenly spread, every pixel."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames and pixels are looked at; ``frames`` is the number of each episode's for `Rule.COUNT`."""

    rule: Rule = Rule.LEROBOT
    frames: int = 0

    @classmethod
    def parse(cls, text: str) -> Sampling:
        """Build from ``lerobot``, ``all`` or a number.

        Raises:
            UsageError: it is something else.
        """
        if text.isdecimal() and int(text) > 0:
            return cls(Rule.COUNT, int(text))
        if text not in (Rule.LEROBOT, Rule.ALL):
            raise UsageError(f"{text!r} says not which frames are looked at", hint="expected lerobot, all or a number")
        return cls(Rule(text))

    def of_episode(self, length: int) -> npt.NDArray[np.int64]:
        """Return the numbers of the frames, ascending, each once."""
        if self.rule is Rule.LEROBOT:
            return sampled_frames(length)
        if self.rule is Rule.ALL or self.frames >= length:
            return np.arange(length)
        return np.unique(np.round(np.linspace(0, length - 1, self.frames)).astype(np.int64))

    def step(self, height: int, width: int) -> int:
        """Return f where every f-th row and column counts."""
        return shrink_step(height, width) if self.rule is Rule.LEROBOT else 1

    def __str__(self) -> str:
        texts = {Rule.LEROBOT: "LeRobot's choice of frames", Rule.ALL: "all frames"}
        return texts.get(self.rule, f"{self.frames} frames of each episode")
