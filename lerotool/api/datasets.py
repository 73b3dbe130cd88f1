"""Datasets by name, and what they are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lerotool.arguments import as_path
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.marks import load_marks
from lerotool.dataset.partial import Partial, load_partial
from lerotool.dataset.sidecar import operators
from lerotool.errors import DatasetNotFoundError
from lerotool.execution import Place
from lerotool.features import Feature, picture_size
from lerotool.storage import tree_bytes
from lerotool.workspace import Workspace, dataset_root, is_committed

_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class CameraSummary:
    """A camera as the metadata tell it.

    Attributes:
        dtype: ``video`` or ``image``.
        codec: of its videos; None where pictures are in the rows.
        pix_fmt: their pixel format, where it is known; width and height likewise.
        is_depth: whether it measures depth.
        is_present: whether its first video is there.
    """

    dtype: str
    codec: str | None
    pix_fmt: str | None
    width: int | None
    height: int | None
    is_depth: bool
    is_present: bool = True


@dataclass(frozen=True, slots=True)
class PendingSummary:
    """Episodes that are recorded and wait to be encoded; ``kinds`` counts them by what is left of them."""

    episodes: int = 0
    frames: int = 0
    bytes: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """What a dataset is.

    Attributes:
        root: its folder.
        version: its format; None where nothing is encoded yet. Then only `pending` says anything.
        robot_type: that recorded it, where that is known.
        fps: rows a second.
        episodes: how many there are; frames likewise.
        tasks: their texts by number.
        features: what its columns and cameras are.
        cameras: by feature.
        bytes: of its files, lerotool's own left out.
        pending: what waits to be encoded.
        partial: what of it is on this machine; None is all.
        marks: how many episodes are marked in which way (docs/viewing.md).
        operators: who recorded how many episodes, where that was said.
        unknown_keys: of ``info.json``.
        unfinished: says that a change was interrupted, where one was.
    """

    root: Path
    pending: PendingSummary
    version: FormatVersion | None = None
    robot_type: str | None = None
    fps: float | None = None
    episodes: int = 0
    frames: int = 0
    tasks: tuple[str, ...] = ()
    features: Mapping[str, Feature] = field(default_factory=dict)
    cameras: Mapping[str, CameraSummary] = field(default_factory=dict)
    bytes: int = 0
    partial: Partial | None = None
    marks: Mapping[str, int] = field(default_factory=dict)
    operators: Mapping[str, int] = field(default_factory=dict)
    unknown_keys: tuple[str, ...] = ()
    unfinished: str | None = None

    @property
    def hours(self) -> float:
        """How long all episodes are."""
        return self.frames / self.fps / _SECONDS_PER_HOUR if self.fps else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        partial = self.partial
        return {
            "root": str(self.root),
            "codebase_version": self.version.value if self.version else None,
            "robot_type": self.robot_type,
            "fps": self.fps,
            "episodes": self.episodes,
            "frames": self.frames,
            "hours": self.hours,
            "tasks": list(self.tasks),
            "features": {
                name: {"dtype": feature.dtype, "shape": list(feature.shape), "names": feature.names}
                for name, feature in self.features.items()
            },
            "cameras": {name: asdict(camera) for name, camera in self.cameras.items()},
            "bytes": self.bytes,
            "partial": None
            if partial is None
            else {**partial.to_json(), "text": str(partial), "command": partial.command},
            "marks": dict(self.marks),
            "operators": dict(self.operators),
            "pending": asdict(self.pending),
            "unknown_keys": list(self.unknown_keys),
        }


def info(dataset: str | Path) -> DatasetSummary:
    """Return what a dataset is and what waits to be encoded, from its metadata alone.

    Args:
        dataset: its folder, or ``user/name`` in the LeRobot home.

    Raises:
        DatasetError: no dataset was found, or its metadata cannot be read.
    """
    root = as_root(dataset)
    try:
        opened = Dataset.open(str(dataset))
    except DatasetNotFoundError:
        # The first session recorded, and nothing of it is encoded yet.
        recorded = DatasetSummary(root, _pending(root))
        if not recorded.pending.episodes:
            raise
        return recorded
    return DatasetSummary(
        root=opened.root,
        pending=_pending(opened.root),
        version=opened.version,
        robot_type=opened.robot_type,
        fps=opened.fps,
        episodes=opened.num_episodes,
        frames=opened.num_frames,
        tasks=tuple(opened.tasks),
        features=opened.features,
        cameras={name: _camera(opened, name) for name in opened.cameras},
        bytes=tree_bytes(opened.root) - tree_bytes(Workspace(opened.root).folder),
        partial=load_partial(opened.root),
        marks=load_marks(opened).count(),
        operators=operators(opened.root),
        unknown_keys=tuple(sorted(opened.info.model_extra or {})),
        unfinished=opened.unfinished,
    )


def as_root(dataset: str | Path, place: Place | None = None) -> Path:
    """Return a dataset's folder; absolute where jobs run elsewhere, because workers have other current folders."""
    root = dataset_root(str(as_path("dataset", dataset)))
    return root if place is None else Path(os.path.abspath(root))  # noqa: PTH100 - links must stay as they are


def as_folder(dataset: str | Path) -> Path:
    """Return a dataset's folder, which must be there."""
    root = as_root(dataset)
    if not root.is_dir():
        raise DatasetNotFoundError(f"{str(root)!r} is not a dataset: the folder does not exist")
    return root


def _camera(dataset: Dataset, name: str) -> CameraSummary:
    feature = dataset.features[name]
    height, width = picture_size(feature)[:2] if len(feature.shape) == 3 else (None, None)
    told = feature.info
    codec, pix_fmt = told.get("video.codec"), told.get("video.pix_fmt")
    width, height = told.get("video.width") or width, told.get("video.height") or height
    is_present = True
    if feature.dtype == "video" and dataset.episodes:
        span = dataset.episodes[0].videos.get(name)
        is_present = span is not None and span.path.is_file()
        if span is not None and is_present and codec is None:
            from lerotool.media.probe import probe

            video = probe(span.path)
            codec, pix_fmt, width, height = video.codec, video.pix_fmt, video.width, video.height
    return CameraSummary(feature.dtype, codec, pix_fmt, width, height, feature.is_depth, is_present)


def _pending(root: Path) -> PendingSummary:
    folder = Workspace(root).pending
    if not folder.is_dir() or not any(folder.iterdir()):
        return PendingSummary()
    from lerotool.spool.recovery import examine_all

    verdicts = [verdict for verdict in examine_all(root) if not is_committed(verdict.path)]
    return PendingSummary(
        len(verdicts),
        sum(verdict.rows for verdict in verdicts),
        tree_bytes(folder),
        dict(Counter(verdict.kind.value for verdict in verdicts)),
    )
