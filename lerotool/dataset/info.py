"""``meta/info.json``: what a dataset is. Every key that is not known here is kept.

Keys are written back in the order in which they were read, and entries that were not changed exactly as they were.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, PrivateAttr, ValidationError

from lerotool.dataset.documents import read_object
from lerotool.dataset.formats import FormatVersion, Sizes, Totals, find_format
from lerotool.dataset.layout import Files
from lerotool.errors import DatasetNotFoundError, MetadataError, UnsupportedVersionError
from lerotool.features import DEFAULT_FEATURES, Feature, cameras, parse_features, with_defaults
from lerotool.storage import json_bytes
from lerotool.wording import as_argument

INFO = Path("meta", "info.json")
PARQUET = "parquet"


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _features(value: object) -> dict[str, Feature]:
    if not isinstance(value, Mapping):
        raise MetadataError(f"expected an object, found {type(value).__name__}")
    return {k: v if isinstance(v, Feature) else parse_features({k: v})[k] for k, v in value.items()}


Count = Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=0, lt=2**63)]
ChunkSize = Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=1, lt=2**63)]
Number = Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True, allow_inf_nan=False)]
Rate = Annotated[Number, Field(ge=1e-6, le=1e6)]
Size = Annotated[Number, Field(gt=0)]
Version = Annotated[FormatVersion, PlainValidator(find_format)]
Features = Annotated[dict[str, Feature], PlainValidator(_features)]


class DatasetInfo(BaseModel):
    """The contents of ``info.json``; missing keys have LeRobot's defaults, unknown ones are in ``model_extra``.

    Change it with ``model_copy(update={...})``.
    """

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())

    codebase_version: Version  # the format
    fps: Rate  # frames per second
    features: Features  # all features, in the file's order
    total_episodes: Count = 0  # also ``total_frames``, ``total_tasks``: 0 when missing; ``states`` tells the difference
    total_frames: Count = 0
    total_tasks: Count = 0
    chunks_size: ChunkSize = 1000  # files per chunk folder (v3.0), episodes per chunk folder (v2.x)
    data_files_size_in_mb: Size = 100  # limit of a data file, MB of 1024²
    video_files_size_in_mb: Size = 200  # limit of a video file, MB of 1024²
    data_path: str | None = None  # template of the data files; None is the format's own
    video_path: str | None = None  # template of the video files; None is the format's own
    robot_type: str | None = None  # what was recorded, if known
    splits: dict[str, Any] | None = Field(default_factory=dict)  # as in the file; not used here

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
            return str(value)
        if key != "features":
            return value
        original = self._document.get("features", {})
        return {name: _entry(name, feature, original.get(name)) for name, feature in value.items()}


def _entry(name: str, feature: Feature, original: object) -> Any:
    if original is not None and Feature.from_json(name, original) == feature:
        return original
    return feature.to_json()


def new_info(
    version: FormatVersion,
    fps: float,
    features: Mapping[str, Feature],
    robot_type: str | None,
    totals: Totals = Totals(),  # noqa: B008 - a value
    sizes: Sizes = Sizes(),  # noqa: B008
    extra: Mapping[str, Any] = MappingProxyType({}),
) -> DatasetInfo:
    """Return the info of a new dataset, with every key that LeRobot writes, in its order."""
    complete = {**with_defaults(features), **{n: f for n, f in features.items() if n in DEFAULT_FEATURES}}
    document = version.info_document(fps, complete, robot_type, totals, sizes)
    return DatasetInfo.model_validate({**extra, **document})


def recounted(info: DatasetInfo, totals: Totals) -> dict[str, Any]:
    """Return the entries of ``info.json`` that follow from what the dataset has; splits only where there is one."""
    counts: dict[str, Any] = {f"total_{name}": value for name, value in totals._asdict().items()}
    if info.codebase_version.has_files_of_episodes:
        counts["total_videos"] = totals.episodes * len(cameras(info.features))
        counts["total_chunks"] = -(-totals.episodes // info.chunks_size)
    if not info.splits or set(info.splits) == {"train"}:
        counts["splits"] = {"train": f"0:{totals.episodes}"}
    return counts


def parse_info(document: Mapping[str, Any], place: str = "info.json") -> DatasetInfo:
    """Build the info from its document."""
    version = document.get("codebase_version")
    if find_format(version) is None:
        known = ", ".join(FormatVersion.registered())
        found = "missing" if version is None else repr(version)
        raise UnsupportedVersionError(
            f"{place}: 'codebase_version' is {found}, expected one of {known}",
            hint="convert the dataset with the LeRobot that wrote it, or update lerotool",
        )
    if (storage := document.get("storage_format", PARQUET)) not in (PARQUET, None):
        raise UnsupportedVersionError(
            f"{place}: 'storage_format' is {storage!r}, expected {PARQUET!r}: rows and pictures are not in Parquet and "
            "video files",
            hint="convert the dataset to Parquet and video files with the LeRobot that wrote it",
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


def load_info(root: Path, files: Files | None = None) -> DatasetInfo:
    """Read ``meta/info.json`` of the dataset at ``root``; ``files`` as for a `Layout`."""
    path = (files or Files(root)).path(INFO)
    if not path.is_file():
        if (root / INFO).is_file():
            raise DatasetNotFoundError(
                f"{str(root)!r} is not a dataset yet: the change that makes it one was interrupted",
                hint=f"finish it: lerotool check {as_argument(root)} --repair",
            )
        found = "it has no meta/info.json" if root.is_dir() else "the folder does not exist"
        raise DatasetNotFoundError(
            f"{str(root)!r} is not a dataset: {found}",
            hint="name a dataset's folder, or user/name under the LeRobot home",
        )
    return parse_info(read_object(path), str(path))


def write_info(root: Path, info: DatasetInfo) -> None:
    """Write ``meta/info.json`` of a new dataset; a foreign key may hold anything that was read, NaN too."""
    (root / INFO).parent.mkdir(parents=True, exist_ok=True)
    (root / INFO).write_bytes(json_bytes(info.to_json(), allow_nan=True))
