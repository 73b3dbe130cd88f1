"""``meta/info.json``: what a dataset is. Versions 2.0, 2.1 and 3.0; every key that is not known here is kept.

Keys are written back in the order in which they were read, and entries that were not changed exactly as they were.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, PrivateAttr, ValidationError

from lerotool.dataset.documents import read_object
from lerotool.errors import DatasetNotFoundError, MetadataError, UnsupportedVersionError
from lerotool.features import Feature, cameras, parse_features, with_defaults

INFO = Path("meta", "info.json")
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


class FormatVersion(StrEnum):
    """LeRobot's dataset formats that can be read."""

    V20 = "v2.0"
    V21 = "v2.1"
    V30 = "v3.0"

    @property
    def has_files_of_episodes(self) -> bool:
        """Whether every episode has files of its own (v2.x), not many episodes a file (v3.0)."""
        return self is not FormatVersion.V30


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _features(value: object) -> dict[str, Feature]:
    if not isinstance(value, Mapping):
        raise MetadataError(f"expected an object, found {type(value).__name__}")
    return {k: v if isinstance(v, Feature) else parse_features({k: v})[k] for k, v in value.items()}


Count = Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=0, lt=2**63)]
ChunkSize = Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=1, lt=2**63)]
Number = Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True, allow_inf_nan=False)]
Rate = Annotated[Number, Field(gt=0, le=1e6)]
Size = Annotated[Number, Field(gt=0)]
Features = Annotated[dict[str, Feature], PlainValidator(_features)]


class DatasetInfo(BaseModel):
    """The contents of ``info.json``; missing keys have LeRobot's defaults, unknown ones are in ``model_extra``.

    Change it with ``model_copy(update={...})``.

    Attributes:
        codebase_version: the format.
        fps: frames per second.
        features: all features, in the file's order.
        total_episodes: also ``total_frames``, ``total_tasks``: 0 when missing; ``states`` tells the difference.
        chunks_size: files per chunk folder (v3.0), episodes per chunk folder (v2.x).
        data_files_size_in_mb: limit of a data file, MB of 1024².
        video_files_size_in_mb: limit of a video file, MB of 1024².
        data_path: template of the data files; None is the format's own.
        video_path: template of the video files; None is the format's own.
        robot_type: what was recorded, if known.
        splits: as in the file; not used here.
    """

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())

    codebase_version: FormatVersion
    fps: Rate
    features: Features
    total_episodes: Count = 0
    total_frames: Count = 0
    total_tasks: Count = 0
    chunks_size: ChunkSize = 1000
    data_files_size_in_mb: Size = 100
    video_files_size_in_mb: Size = 200
    data_path: str | None = None
    video_path: str | None = None
    robot_type: str | None = None
    splits: dict[str, Any] | None = Field(default_factory=dict)

    _document: dict[str, Any] = PrivateAttr(default_factory=dict)

    def states(self, key: str) -> bool:
        """Whether the file has the key, or it has been set since."""
        return key in self.model_fields_set or key in (self.model_extra or {})

    def to_json(self) -> dict[str, Any]:
        """Return the document to write: the order and the unknown keys of the file it came from, new keys last."""
        values = {key: getattr(self, key) for key in type(self).model_fields if key in self.model_fields_set}
        values |= self.model_extra or {}
        order = [key for key in self._document if key in values]
        order += [key for key in values if key not in self._document]
        return {key: copy.deepcopy(self._to_json(key, values[key])) for key in order}

    def _to_json(self, key: str, value: Any) -> Any:
        if isinstance(value, FormatVersion):
            return value.value
        if key != "features":
            return value
        original = self._document.get("features", {})
        return {name: _entry(name, feature, original.get(name)) for name, feature in value.items()}


def _entry(name: str, feature: Feature, original: object) -> Any:
    if original is not None and Feature.from_json(name, original) == feature:
        return original
    return feature.to_json()


def new_info(fps: float, features: Mapping[str, Feature], robot_type: str | None) -> DatasetInfo:
    """Return the info of an empty v3.0 dataset, with every key that LeRobot writes, in its order."""
    complete = with_defaults(features)
    return DatasetInfo(
        codebase_version=FormatVersion.V30,
        fps=fps,
        features=complete,
        total_episodes=0,
        total_frames=0,
        total_tasks=0,
        chunks_size=1000,
        data_files_size_in_mb=100,
        video_files_size_in_mb=200,
        data_path=DATA_PATH,
        video_path=VIDEO_PATH if cameras(complete) else None,
        robot_type=robot_type,
        splits={"train": "0:0"},
    )


def parse_info(document: Mapping[str, Any], place: str = "info.json") -> DatasetInfo:
    """Build the info from its document.

    Args:
        document: the parsed JSON object; it is not changed.
        place: where it came from, for messages.

    Raises:
        UnsupportedVersionError: the format is not one of `FormatVersion`.
        MetadataError: naming every key that is missing or wrong.
    """
    version = document.get("codebase_version")
    if version not in list(FormatVersion):
        known = ", ".join(FormatVersion)
        raise UnsupportedVersionError(
            f"{place}: 'codebase_version' is {version!r}, expected one of {known}",
            hint="convert the dataset with the LeRobot that wrote it, or update lerotool",
        )
    try:
        info = DatasetInfo.model_validate({str(key): value for key, value in document.items()})
    except ValidationError as error:
        raise MetadataError(f"{place}: {_problems(error)}", hint="correct the file by hand") from error
    info._document.update(copy.deepcopy(dict(document)))
    return info


def _problems(error: ValidationError) -> str:
    texts: dict[str, str] = {}
    for problem in error.errors(include_url=False):
        key = str(problem["loc"][0])
        if problem["type"] == "missing":
            texts[key] = f"{key!r} is missing"
        else:
            cause = problem.get("ctx", {}).get("error")
            found = "" if isinstance(cause, MetadataError) else f", found {problem['input']!r}"[:200]
            texts.setdefault(key, f"{key!r}: {cause or problem['msg']}{found}")
    return "; ".join(texts.values())


def load_info(root: Path) -> DatasetInfo:
    """Read ``meta/info.json`` of the dataset at ``root``.

    Raises:
        DatasetNotFoundError: there is no such folder, or it has no ``meta/info.json``.
        CorruptDatasetError: the file is empty.
        UnsupportedVersionError: the format is not one of `FormatVersion`.
        MetadataError: it is not JSON, or a key is missing or wrong.
    """
    path = root / INFO
    if not path.is_file():
        found = "it has no meta/info.json" if root.is_dir() else "there is no such folder"
        raise DatasetNotFoundError(
            f"{str(root)!r} is no dataset: {found}",
            hint="name a dataset's folder, or user/name under the LeRobot home",
        )
    return parse_info(read_object(path), str(path))
