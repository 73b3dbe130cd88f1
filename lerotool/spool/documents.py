"""The documents of a pending episode.

- ``header.json``: what it records. Written once, before anything else.
- ``saved.json``: how much of it counts, and its report. Its presence means "saved".
- ``mark.json``: what a person has said about it, which becomes a mark of the dataset with the commit. Its keys are
  those of `lerotool.dataset.marks.Mark.to_json`; the file is not there where nothing was said.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lerotool.errors import IncompatibleDatasetError, LerotoolError, SpoolError
from lerotool.features import CAMERA_PREFIX, Feature, cameras, parse_features, recorded_features
from lerotool.media.format import EncoderSettings, StreamCodec, StreamFormat
from lerotool.spool.rows import check_columns
from lerotool.storage import write_json
from lerotool.wording import problems

HEADER = "header.json"
SAVED = "saved.json"
MARK = "mark.json"
SCHEMA = 1
TIMING = "timing"
NOT_MEASURED = "none"
"""Value of the header's key ``timing`` when the times of the rows are not measurements."""
Count = Annotated[int, Field(ge=0)]
_SUFFIXES = {
    StreamCodec.MJPEG: ".mjpeg",
    StreamCodec.H264: ".h264",
    StreamCodec.RAW: ".raw",
    StreamCodec.PICTURE: ".pictures",
}


class Header(BaseModel):
    """What a pending episode records. Unknown keys are kept in ``model_extra``."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True, allow_inf_nan=False)

    schema_version: int = Field(default=SCHEMA, alias="schema")  # ``schema`` in the file
    recording_id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]  # 32 hex digits, unlike any other
    sequence: Annotated[int, Field(ge=0)]  # the place of the episode among the dataset's, for order
    fps: Annotated[int | float, Field(gt=0)]  # rows a second
    robot_type: str | None = None  # as ``info.json`` will say
    # Entries as in ``info.json``; LeRobot's five default columns may be among them and are not recorded.
    features: dict[str, Any]
    cameras: dict[str, StreamFormat]  # what each video feature's camera delivers
    encoder: EncoderSettings  # how the videos are to be encoded
    task: str = ""  # the task that the recording was started with; each row has its own
    operator: str | None = None  # who steered the robot, where that was said
    # The feature, of one bool, whose last row is to say whether the episode was marked a success.
    success_column: str | None = None
    started_at: str  # ISO 8601, UTC
    monotonic_ns: int  # the monotonic clock at ``started_at``; all times of the episode are on that clock
    host: str  # where it was recorded
    pid: int  # by which process
    lerotool_version: str  # by which lerotool

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.schema_version != SCHEMA:
            raise ValueError(f"schema is {self.schema_version}, this lerotool knows {SCHEMA}")
        try:
            videos = cameras(self.recorded)
            check_columns(self.recorded)
        except LerotoolError as error:
            raise ValueError(str(error)) from error
        if sorted(videos) != sorted(self.cameras):
            raise ValueError(f"video features are {sorted(videos)}, cameras are {sorted(self.cameras)}")
        return self

    @classmethod
    def build(
        cls,
        *,
        sequence: int,
        fps: float,
        features: Mapping[str, Feature],
        cameras: Mapping[str, StreamFormat],
        encoder: EncoderSettings | None = None,
        task: str = "",
        robot_type: str | None = None,
        **extra: Any,
    ) -> Self:
        """Return the header of an episode that starts now, in this process."""
        try:
            return cls(
                recording_id=uuid.uuid4().hex,
                sequence=sequence,
                fps=fps,
                robot_type=robot_type,
                features={name: feature.to_json() for name, feature in features.items()},
                cameras=dict(cameras),
                encoder=encoder or EncoderSettings(),
                task=task,
                started_at=datetime.now(UTC).isoformat(),
                monotonic_ns=time.monotonic_ns(),
                host=socket.gethostname(),
                pid=os.getpid(),
                lerotool_version=version("lerotool"),
                **extra,
            )
        except ValidationError as error:
            raise IncompatibleDatasetError(f"this cannot be recorded: {problems(error)[0]}") from error

    @property
    def folder_name(self) -> str:
        """The name of the episode's folder."""
        return f"episode-{self.sequence:06d}-{self.recording_id[:8]}"

    @property
    def recorded(self) -> dict[str, Feature]:
        """The features that are recorded: all but LeRobot's five default columns."""
        return recorded_features(parse_features(self.features))

    @property
    def file_names(self) -> dict[str, str]:
        """The name, without suffix, of each camera's files."""
        names: dict[str, str] = {}
        taken: set[str] = set()
        for key in self.cameras:
            name = camera_file_name(key)
            number = 2
            # Also unlike on file systems that ignore case; "~" does not occur in encoded names.
            while (unique := name if number == 2 else f"{name}~{number - 1}").casefold() in taken:
                number += 1
            taken.add(unique.casefold())
            names[key] = unique
        return names

    def packets_file(self, key: str) -> str:
        """Return the name of a camera's packet file, or of the folder of its picture files."""
        return self.file_names[key] + _SUFFIXES[self.cameras[key].codec]

    def index_file(self, key: str) -> str:
        """Return the name of a camera's packet index."""
        return self.file_names[key] + ".index"

    def to_json(self) -> dict[str, Any]:
        """Return the document that stands in the file."""
        return self.model_dump(mode="json", by_alias=True)


def camera_file_name(key: str) -> str:
    """Return a camera's name with everything but letters, digits, ``-``, ``_`` and ``.`` percent-encoded."""
    return quote(key.removeprefix(CAMERA_PREFIX) or key, safe="").replace("~", "%7E")


class Saved(BaseModel):
    """How much of a pending episode counts. What the files hold beyond that is not part of the episode."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    schema_version: int = Field(default=1, alias="schema")  # ``schema`` in the file
    rows: Annotated[int, Field(gt=0)]  # rows, from the first
    packets: dict[str, Count]  # packets of each camera, from the first
    file_bytes: dict[str, Count] = Field(default_factory=dict, alias="bytes")  # sizes of the files, by name
    not_finite: dict[str, Count] = Field(default_factory=dict)  # rows with NaN or infinite numbers, by feature
    report: dict[str, Any] = Field(default_factory=dict)
    saved_at: str  # ISO 8601, UTC


def write_saved(
    folder: Path,
    *,
    rows: int,
    packets: Mapping[str, int],
    file_bytes: Mapping[str, int],
    not_finite: Mapping[str, int],
    report: Mapping[str, Any],
) -> None:
    """Write ``saved.json``, atomically and durably. All that it counts must be on the disk already."""
    document = {
        "schema": 1,
        "rows": rows,
        "packets": dict(packets),
        "bytes": dict(file_bytes),
        "not_finite": dict(not_finite),
        "report": dict(report),
        "saved_at": datetime.now(UTC).isoformat(),
    }
    try:
        write_json(folder / SAVED, document)
    except (TypeError, ValueError, RecursionError) as error:
        raise SpoolError(f"the report of {str(folder)!r} cannot be written as JSON: {error}") from error


def write_mark(folder: Path, mark: Mapping[str, Any]) -> None:
    """Write what was said, atomically and durably, in place of what was said before."""
    write_json(folder / MARK, dict(mark))


def load_header(folder: Path) -> Header:
    """Read a pending episode's header."""
    try:
        return _read(folder / HEADER, Header)
    except FileNotFoundError:
        raise SpoolError(f"{str(folder)!r} is not a pending episode: {HEADER} is missing") from None


def load_saved(folder: Path) -> Saved | None:
    """Return what ``saved.json`` says, None when it is not there."""
    try:
        return _read(folder / SAVED, Saved)
    except FileNotFoundError:
        return None


def load_mark(folder: Path) -> dict[str, Any]:
    """Return what was said; empty where the file is not there."""
    path, hint = folder / MARK, "correct the file, or remove it: the episode is then unmarked"
    try:
        mark = _read_json(path, hint)
    except FileNotFoundError:
        return {}
    if not isinstance(mark, dict):
        raise SpoolError(f"{str(path)!r} is not a JSON object", hint=hint)
    return mark


_Document = TypeVar("_Document", Header, Saved)


def _read(path: Path, kind: type[_Document]) -> _Document:
    document = _read_json(path)
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise SpoolError(f"{str(path)!r} cannot be understood: {problems(error)[0]}") from error


def _read_json(path: Path, hint: str | None = None) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SpoolError(f"{str(path)!r} is not JSON: {error}", hint=hint) from error
