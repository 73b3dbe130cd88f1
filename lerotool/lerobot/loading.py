"""Loading for training is LeRobot's: done by its own class where `patch` has found it, refused where it has not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lerotool.errors import UsageError

LOADED = (
    "absolute_to_relative_idx",
    "clear_image_transforms",
    "delta_timestamps",
    "depth_output_unit",
    "episodes",
    "get_raw_item",
    "hf_dataset",
    "image_transforms",
    "select_columns",
    "set_image_transforms",
    "tolerance_s",
)
"""What a dataset has for training, under LeRobot's names."""
_found: list[Any] = []


class TooEarlyError(UsageError, RuntimeError):
    """Rows were asked for while they are recorded; LeRobot raises RuntimeError."""


def remember(loader: Any) -> None:
    """Keep LeRobot's own class, which `patch` replaces for scripts."""
    _found[:] = [loader]


def own_class() -> Any | None:
    """Return LeRobot's own ``LeRobotDataset``; None in a process where it was not replaced."""
    return _found[0] if _found else None


def own_metadata(repo_id: str, root: Path) -> Any | None:
    """Return LeRobot's own metadata of a dataset that is complete; None in a process where LeRobot is not replaced."""
    loader = own_class()
    return sys.modules[loader.__module__].LeRobotDatasetMetadata(repo_id, root) if loader else None


def load(repo_id: str, root: Path | str | None, **options: object) -> Any:
    """Return LeRobot's own dataset."""
    loader = own_class()
    if loader is None:
        raise UsageError(
            "rows for training are loaded by LeRobot, not by lerotool",
            hint=f"lerobot.datasets.LeRobotDataset({repo_id!r}, root={str(root)!r}); "
            f"without torch: lerotool.Dataset.open({str(root)!r}).windows()",
        )
    return loader(repo_id, root, **options)
