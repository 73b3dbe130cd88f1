"""What a job of measuring is given: the dataset, wherever it runs, and which frames and pixels of a camera count."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lerotool.choices import Frames
from lerotool.dataset.dataset import Dataset
from lerotool.errors import UsageError
from lerotool.moments import sampled_frames, shrink_step


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames and pixels are looked at; ``frames`` is the number of each episode's for `Frames.COUNT`."""

    rule: Frames = Frames.LEROBOT
    frames: int = 0

    @classmethod
    def parse(cls, text: str) -> Sampling:
        """Build from ``lerobot``, ``all`` or a number.

        Raises:
            UsageError: it is something else.
        """
        if text.isdecimal() and int(text) > 0:
            return cls(Frames.COUNT, int(text))
        if text not in (Frames.LEROBOT, Frames.ALL):
            raise UsageError(f"{text!r} does not say which frames to look at", hint="expected lerobot, all or a number")
        return cls(Frames(text))

    def of_episode(self, length: int) -> npt.NDArray[np.int64]:
        """Return the numbers of the frames, ascending, each once."""
        if self.rule is Frames.LEROBOT:
            return sampled_frames(length)
        if self.rule is Frames.ALL or self.frames >= length:
            return np.arange(length)
        return np.unique(np.round(np.linspace(0, length - 1, self.frames)).astype(np.int64))

    def step(self, height: int, width: int) -> int:
        """Return f where every f-th row and column counts."""
        return shrink_step(height, width) if self.rule is Frames.LEROBOT else 1

    def __str__(self) -> str:
        texts = {Frames.LEROBOT: "LeRobot's choice of frames", Frames.ALL: "all frames"}
        return texts.get(self.rule, f"{self.frames} frames of each episode")


def address(dataset: Dataset) -> tuple[Path, str]:
    """Return what a job needs to open a dataset wherever it runs: the absolute path and the fingerprint."""
    root = Path(os.path.abspath(dataset.root))  # noqa: PTH100 - links must stay as they are
    return root, dataset.fingerprint()


@functools.lru_cache(maxsize=1)
def opened(root: Path, state: str) -> Dataset:
    """Return a dataset, opened once for all jobs of a process; ``state`` is its fingerprint."""
    del state
    return Dataset.open(root)
