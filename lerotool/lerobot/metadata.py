"""What LeRobot's ``meta`` says of a dataset, read from the dataset as it is and from what still waits.

What a dataset was created as is kept until it has an episode: LeRobot resumes such a dataset, too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.info import INFO
from lerotool.errors import MetadataError
from lerotool.features import Kind, recorded_features
from lerotool.spool.pending import PendingEpisode, is_blank, list_pending
from lerotool.storage import write_json
from lerotool.workspace import Workspace

if TYPE_CHECKING:
    from lerotool.dataset.reading.episodes import Episode
    from lerotool.writer import DatasetWriter


_BEGUN = "begun.json"


class LeRobotDatasetMetadata:
    """The metadata of a dataset under LeRobot's names. Episodes that wait to be encoded count."""

    def __init__(self, repo_id: str, root: Path, writer: DatasetWriter | None = None) -> None:
        self.repo_id = repo_id
        self.root = root
        self._writer = writer

    def _dataset(self) -> Dataset | None:
        return Dataset.open(self.root) if (self.root / INFO).exists() else None

    def _waiting(self) -> list[PendingEpisode]:
        return [episode for episode in list_pending(self.root) if episode.saved is not None]

    @property
    def _source(self) -> DatasetWriter | Dataset:
        """What knows rate, robot and features."""
        return self._writer if self._writer is not None else Dataset.open(self.root)

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self._source.fps

    @property
    def robot_type(self) -> str | None:
        """Of the robot."""
        return self._source.robot_type

    @property
    def features(self) -> dict[str, dict[str, Any]]:
        """As ``info.json`` has them, shapes as tuples."""
        found = self._source.features.items()
        return {name: {**feature.to_json(), "shape": tuple(feature.shape)} for name, feature in found}

    @property
    def names(self) -> dict[str, Any]:
        """Names of each feature's dimensions."""
        return {name: feature.names for name, feature in self._source.features.items()}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each feature."""
        return {name: tuple(feature.shape) for name, feature in self._source.features.items()}

    @property
    def video_keys(self) -> list[str]:
        """Cameras in videos."""
        return [name for name, feature in self._source.features.items() if feature.kind is Kind.VIDEO]

    @property
    def image_keys(self) -> list[str]:
        """Cameras whose pictures are in the rows."""
        return [name for name, feature in self._source.features.items() if feature.kind is Kind.IMAGE]

    @property
    def depth_keys(self) -> list[str]:
        """Cameras that see depths."""
        return [name for name, feature in self._source.features.items() if feature.is_camera and feature.is_depth]

    @property
    def camera_keys(self) -> list[str]:
        """All cameras."""
        return [name for name, feature in self._source.features.items() if feature.is_camera]

    @property
    def total_episodes(self) -> int:
        """Saved episodes."""
        if self._writer is not None:
            return self._writer.num_episodes
        dataset = self._dataset()
        return (dataset.num_episodes if dataset else 0) + len(self._waiting())

    @property
    def total_frames(self) -> int:
        """Rows of all saved episodes."""
        dataset = self._dataset()
        return (dataset.num_frames if dataset else 0) + sum(episode.length for episode in self._waiting())

    @property
    def tasks(self) -> list[str]:
        """Task texts by number, of the episodes that are encoded."""
        dataset = self._dataset()
        return list(dataset.tasks) if dataset else []

    @property
    def total_tasks(self) -> int:
        """How many tasks there are."""
        return len(self.tasks)

    @property
    def episodes(self) -> list[Episode]:
        """The episodes that are encoded."""
        dataset = self._dataset()
        return list(dataset.episodes) if dataset else []

    @property
    def stats(self) -> dict[str, dict[str, NDArray[Any]]]:
        """Statistics of the episodes that are encoded: arrays by feature and LeRobot's names."""
        dataset = self._dataset()
        found = dataset.stats.items() if dataset else ()
        return {key: {name: np.array(value) for name, value in stats.to_json().items()} for key, stats in found}

    @property
    def info(self) -> dict[str, Any]:
        """The keys of ``info.json`` that scripts ask for."""
        return {
            "fps": self.fps,
            "robot_type": self.robot_type,
            "features": self.features,
            "total_episodes": self.total_episodes,
            "total_frames": self.total_frames,
            "total_tasks": self.total_tasks,
        }

    def get_task_index(self, task: str) -> int | None:
        """Return a task's number, None for one that no encoded episode has."""
        tasks = self.tasks
        return tasks.index(task) if task in tasks else None


def _path(root: Path) -> Path:
    return Workspace.place(root) / _BEGUN


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
