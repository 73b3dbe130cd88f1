"""A plug-in for a run of LeRobot's own tests: lerotool records in it, and the last line says how often."""

from __future__ import annotations

from typing import Any

import lerotool.lerobot
from lerotool.lerobot.dataset import LeRobotDataset
from lerotool.writer import DatasetWriter

lerotool.lerobot.patch()
_recorded: list[DatasetWriter] = []
_attach = LeRobotDataset._attach


def _counting(dataset: LeRobotDataset, writer: DatasetWriter) -> None:
    _recorded.append(writer)
    _attach(dataset, writer)


LeRobotDataset._attach = _counting  # type: ignore[method-assign]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many datasets were lerotool's."""
    terminalreporter.write_line(f"recorded through lerotool: {len(_recorded)}")
