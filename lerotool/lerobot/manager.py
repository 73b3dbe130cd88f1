"""The context manager of LeRobot's recording scripts."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from lerotool.lerobot.dataset import LeRobotDataset


class VideoEncodingManager:
    """Ends a recording well: what waits is encoded at a good end, and kept pending after an exception.

    Args:
        dataset: what is recorded.
    """

    def __init__(self, dataset: LeRobotDataset) -> None:
        self.dataset = dataset

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.dataset.finalize()
        else:
            self.dataset.close()
