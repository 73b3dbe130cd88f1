"""The staged result of a job, in the pending episode: ``encoded/<camera>.mp4`` and, written last, ``<camera>.json``.

{"schema": 1, "recording_id": "1f3a…", "camera": "observation.images.front", "frames": 450, "file_bytes": 3191808,
 "settings": {…EncoderSettings}, "info": {…the feature's info block}, "stats": {…LeRobot's layout},
 "decoded": 448, "cpu_s": 3.1, "wall_s": 3.4, "lerotool_version": "0.1.0"}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lerotool.encoding.row_pictures import settings_of
from lerotool.errors import MediaError
from lerotool.media.format import EncoderSettings
from lerotool.media.probe import count_packets
from lerotool.spool.pending import PendingEpisode


class StagedResult(BaseModel):
    """What ``encoded/<camera>.json`` holds."""

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = Field(alias="schema")
    recording_id: str
    camera: str
    frames: int
    file_bytes: int
    settings: EncoderSettings
    info: dict[str, Any]
    stats: dict[str, Any]
    decoded: int
    cpu_s: float
    wall_s: float
    lerotool_version: str


def video_path(episode: PendingEpisode, camera: str) -> Path:
    """Return where the mp4 of a camera is staged."""
    return episode.encoded_dir / f"{episode.header.file_names[camera]}.mp4"


def result_path(episode: PendingEpisode, camera: str) -> Path:
    """Return where the result of a camera's job is written, last."""
    return episode.encoded_dir / f"{episode.header.file_names[camera]}.json"


def load_result(episode: PendingEpisode, camera: str, settings: EncoderSettings) -> StagedResult | None:
    """Return the result of a job that needs not be done again, or None.

    The result must belong to this recording, have one frame a row and have been made with these settings, and its mp4
    must have the size and the number of packets that it says.
    """
    result = _read_result(result_path(episode, camera))
    if result is None or not _agrees(result, episode, camera, settings):
        return None
    return result if _is_intact(video_path(episode, camera), result) else None


def _read_result(path: Path) -> StagedResult | None:
    try:
        return StagedResult.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _agrees(result: StagedResult, episode: PendingEpisode, camera: str, settings: EncoderSettings) -> bool:
    return (
        result.recording_id == episode.header.recording_id
        and result.camera == camera
        and result.frames == episode.length
        and result.settings == settings_of(episode.features[camera], settings)
    )


def _is_intact(video: Path, result: StagedResult) -> bool:
    try:
        return video.stat().st_size == result.file_bytes and count_packets(video) == result.frames
    except (FileNotFoundError, MediaError):
        return False
