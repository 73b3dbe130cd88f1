"""The staged results of jobs, and the episode that they make for the dataset's appender.

In the pending episode a job leaves ``encoded/<camera>.mp4`` and, written last, ``<camera>.json``:

{"schema": 1, "recording_id": "1f3a…", "camera": "observation.images.front", "frames": 450, "file_bytes": 3191808,
 "settings": {…EncoderSettings}, "info": {…the feature's info block}, "stats": {…LeRobot's layout},
 "decoded": 448, "cpu_s": 3.1, "wall_s": 3.4, "lerotool_version": "0.1.0"}
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lerotool.dataset.marks import Outcome
from lerotool.dataset.writing.appender import NewEpisode, StagedVideo
from lerotool.encoding.plan import Task, mark_of
from lerotool.errors import MediaError, SpoolError
from lerotool.features import Feature, columns
from lerotool.media.format import DEPTH_SETTINGS, EncoderSettings
from lerotool.media.probe import count_packets
from lerotool.moments import FeatureStats
from lerotool.spool.documents import NOT_MEASURED, TIMING
from lerotool.spool.pending import ENCODED, PendingEpisode
from lerotool.storage import write_json
from lerotool.workspace import COMMITTED

_MEASURED = ("tick_ns", "observed_ns", "acted_ns", "stale", "stale_action")


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


def settings_of(feature: Feature, settings: EncoderSettings) -> EncoderSettings:
    """Return how a camera of an episode is encoded: depth in its own way, whatever colour pictures get."""
    return DEPTH_SETTINGS if feature.is_depth else settings


def load_result(episode: PendingEpisode, camera: str, settings: EncoderSettings) -> StagedResult | None:
    """Return the result of a job that needs not be done again, or None.

    The result must belong to this recording, have one frame a row and have been made with these settings, and its mp4
    must have the size and the number of packets that it says.
    """
    video = video_path(episode, camera)
    try:
        result = StagedResult.model_validate_json(result_path(episode, camera).read_bytes())
        is_meant = (
            result.recording_id == episode.header.recording_id
            and result.camera == camera
            and result.frames == episode.length
            and result.settings == settings_of(episode.features[camera], settings)
        )
        if is_meant and video.stat().st_size == result.file_bytes and count_packets(video) == result.frames:
            return result
    except (FileNotFoundError, ValidationError, MediaError):
        pass
    return None


def build_episode(task: Task, *, keep_pending: bool = False) -> NewEpisode:
    """Return the episode that a task's staged results make; each is verified once more.

    SpoolError: a result has vanished or does not verify, and the job must be run again. With ``keep_pending`` the
    commit leaves the pending folder alone; `mark_committed` follows it.
    """
    episode = task.open()
    results = {camera: _result(task, episode, camera) for camera in task.cameras}
    rows = episode.rows()
    mark = mark_of(episode.path, episode.length)
    if (column := episode.header.success_column) is not None and mark.outcome is Outcome.SUCCESS:
        rows = _succeeded(rows, column)
    return NewEpisode(
        rows=rows.select([*columns(episode.header.recorded), "task"]),
        videos={
            camera: StagedVideo(path=video_path(episode, camera), frames=result.frames, info=result.info)
            for camera, result in results.items()
        },
        stats={camera: FeatureStats.from_json(result.stats) for camera, result in results.items()},
        timing=_timing(episode, rows),
        recording=_recording(task, episode, results),
        mark=mark,
        consumed=None if keep_pending else episode.path,
    )


def mark_committed(folder: Path) -> None:
    """Mark a pending episode that stays on the disk as part of the dataset, durably."""
    write_json(folder / COMMITTED, {"committed": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
    # The videos have moved into the dataset; what tells of them here is of no more use.
    shutil.rmtree(folder / ENCODED, ignore_errors=True)


def _result(task: Task, episode: PendingEpisode, camera: str) -> StagedResult:
    result = load_result(episode, camera, task.settings)
    if result is None and episode.encoded_dir.is_dir():
        # What another machine has just written: network file systems look again when a folder is listed.
        os.listdir(episode.encoded_dir)  # noqa: PTH208
        result = load_result(episode, camera, task.settings)
    if result is None:
        raise SpoolError(f"episode {task.name}, camera {camera!r}: the encoded video is not what its result says")
    return result


def _timing(episode: PendingEpisode, rows: pa.Table) -> pa.Table | None:
    """Return the measured times; ``picture_age_ns`` is from the capture of a picture to the tick that it belongs to."""
    if (episode.header.model_extra or {}).get(TIMING) == NOT_MEASURED:
        return None
    table = rows.select(list(_MEASURED))
    ticks = rows.column("tick_ns").to_numpy()
    for camera in episode.header.cameras:
        picked = rows.column(f"picture/{camera}")
        age_ns = ticks - episode.camera(camera).captured_ns[picked.to_numpy()]
        table = table.append_column(f"picture/{camera}", picked)
        table = table.append_column(f"picture_age_ns/{camera}", pa.array(age_ns, pa.int64()))
    return table


def _succeeded(rows: pa.Table, column: str) -> pa.Table:
    """Return the rows of an episode that was a success: the last one says so."""
    place = rows.column_names.index(column)
    says = [False] * (rows.num_rows - 1) + [True]
    return rows.set_column(place, rows.schema.field(place), pa.array(says, rows.schema.field(place).type))


def _recording(task: Task, episode: PendingEpisode, results: dict[str, StagedResult]) -> dict[str, Any]:
    header = episode.header
    return {
        "recording_id": header.recording_id,
        "started_at": header.started_at,
        "host": header.host,
        "lerotool_version": header.lerotool_version,
        "encoder": task.settings.to_json(),
        "packets_decoded": {camera: result.decoded for camera, result in results.items()},
        **({"operator": header.operator} if header.operator else {}),
        "report": episode.report,
    }
