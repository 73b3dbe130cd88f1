"""What a dataset was created as, until it has an episode: LeRobot resumes such a dataset, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lerotool.dataset.info import INFO
from lerotool.errors import MetadataError
from lerotool.features import recorded_features
from lerotool.spool.pending import is_blank, list_pending
from lerotool.storage import write_json
from lerotool.workspace import Workspace
from lerotool.writer import DatasetWriter

_NAME = "begun.json"


def _path(root: Path) -> Path:
    return Workspace.place(root) / _NAME


def write_begun(writer: DatasetWriter) -> None:
    """Keep what a dataset was created as."""
    features = {name: feature.to_json() for name, feature in recorded_features(writer.features).items()}
    write_json(_path(writer.root), {"fps": writer.fps, "robot_type": writer.robot_type, "features": features})


def forget_begun(root: Path) -> None:
    """Remove it: there is an episode now."""
    _path(root).unlink(missing_ok=True)


def read_begun(root: Path) -> dict[str, Any] | None:
    """Return arguments for `DatasetWriter.create`; None where there are episodes, or nothing was created."""
    path = _path(root)
    if not path.is_file() or (root / INFO).exists():
        return None
    if any(not is_blank(episode.path) for episode in list_pending(root)):
        return None
    try:
        document = json.loads(path.read_bytes())
        return {name: document[name] for name in ("fps", "robot_type", "features")}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        hint = "remove it, and create the dataset again"
        raise MetadataError(f"{str(path)!r} is damaged: {error}", hint=hint) from None
