"""A dataset like another one with videos encoded again: all else is copied as it is, and no row is read."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.episode_table import video_prefix
from lerotool.dataset.info import INFO
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.parquet import arrow_schema, open_parquet, read_groups
from lerotool.dataset.writing.packing import Moves, moved_table
from lerotool.dataset.writing.packing import Place as Moved
from lerotool.dataset.writing.state import episodes_files
from lerotool.errors import CorruptDatasetError, DatasetLockedError
from lerotool.execution import JobRun, Place, StoppedError, Watch, open_executor
from lerotool.features import Feature
from lerotool.media.probe import feature_info
from lerotool.rewriting.build import DatasetBuild
from lerotool.rewriting.video_job import ClipJob, Encoded, VideoJob, copy_whole, run_clip_job, run_video_job
from lerotool.rewriting.video_plan import Clip, VideoOutput
from lerotool.storage import write_json
from lerotool.workspace import Workspace

_EXACT_S = 1e-6
ClipListener = Callable[[Clip, int | Encoded], None]
"""Called with how many frames of a clip are done, at first none, and in the end with what it was."""


@dataclass(frozen=True, slots=True)
class NewVideo:
    """One video file that is encoded again: picture k of the new file is picture k of the old one."""

    camera: str  # its key
    path: Path  # of the old file
    clips: tuple[Clip, ...]  # its frames, in order
    output: VideoOutput  # the file of them


@dataclass(frozen=True, slots=True, eq=False)
class NewVideos:
    """Everything that is carried out."""

    dataset: Dataset  # the old one
    info: bytes  # its ``info.json`` as it was read
    videos: tuple[NewVideo, ...]  # to encode

    def target(self, video: NewVideo, root: Path) -> Path:
        """Return where the new file of an old one lies in a dataset."""
        return root / video.path.relative_to(self.dataset.root)


def build_with_new_videos(
    work: NewVideos, target: Path, place: Place, listen: ClipListener, stop: threading.Event
) -> Path:
    """Build the new dataset, which appears complete and durable, in one step, or not at all; return its folder."""
    with DatasetBuild(target) as build:
        encoded = {video.path for video in work.videos}
        _copy_others(work.dataset.root, build.root, encoded | {Workspace(work.dataset.root).folder})
        with open_executor(place, build.scratch) as workers:
            _encode(work, build, workers, listen, stop)
        if not work.dataset.version.has_files_of_episodes:
            _put_starts_on_grid(build.root, list(dict.fromkeys(v.camera for v in work.videos)), work.dataset.fps)
        _write_info(work, build.root)
        if (work.dataset.root / INFO).read_bytes() != work.info:
            raise DatasetLockedError(
                f"{str(work.dataset.root)!r} was changed while it was read", hint="run the command again"
            )
        build.finish()
    return build.target


def _copy_others(source: Path, target: Path, left_out: AbstractSet[Path]) -> None:
    """Copy all files in and below a folder, whatever links lead to, but some files and folders."""
    target.mkdir(exist_ok=True)
    for path in source.iterdir():
        if path in left_out:
            continue
        if path.is_dir():
            _copy_others(path, target / path.name, left_out)
        elif path.is_file():
            copy_whole(path, target / path.name)
        else:
            raise CorruptDatasetError(
                f"{path}: expected a file, found a link to nowhere, or a pipe", hint="move it away"
            )


_Name = tuple[NewVideo, Clip | None]
"""A job: a clip of a video, or the file of all its clips."""


def _encode(
    work: NewVideos, build: DatasetBuild, workers: Executor, listen: ClipListener, stop: threading.Event
) -> None:
    """Encode all clips, and make each file of them as soon as its last one is there."""

    def tell(name: _Name, done: int | Encoded) -> None:
        if name[1] is not None:
            listen(name[1], done)

    left = {video.path: len(video.clips) for video in work.videos}
    watch: Watch[_Name] = Watch(
        build.scratch / "stop", lambda name: tell(name, 0), lambda name, how: tell(name, how.done)
    )
    with JobRun[_Name, Encoded | int](workers, watch, stop) as run:
        for video in work.videos:
            for clip in video.clips:
                job = ClipJob(clip, build.scratch)
                run.submit((video, clip), run_clip_job, job, job.progress)
        for name, future in run.ended():
            tell(name, future.result())
            video = name[0]
            if name[1] is None:
                for clip in video.clips:
                    (build.scratch / clip.path).unlink()
                continue
            left[video.path] -= 1
            if not left[video.path]:
                outputs = ((video.output, work.target(video, build.root)),)
                run.submit((video, None), run_video_job, VideoJob(outputs, build.scratch, work.dataset.fps))
        if stop.is_set():
            raise StoppedError("stopped; nothing was written")


def _write_info(work: NewVideos, root: Path) -> None:
    """Write ``info.json`` with what the new videos are; all else in it stays as it was."""
    document = json.loads(work.info)
    for video in reversed(work.videos):
        entry = document["features"][video.camera]
        feature = Feature.from_json(video.camera, entry)
        info = {**feature.info, **feature_info(work.target(video, root), video.clips[0].settings)}
        entry.pop("video_info", None)
        entry["info"] = info
    write_json(root / INFO, document)


def _put_starts_on_grid(root: Path, cameras: Sequence[str], fps: float) -> None:
    """Let episodes begin at multiples of 1/fps, as the pictures of the new videos do; tables that say so stay."""
    for path in episodes_files(root):
        with open_parquet(path) as file:
            schema = arrow_schema(file, path)
            table = read_groups(file, path, range(file.num_row_groups), schema.names)
        prefixes = [video_prefix(camera) for camera in cameras]
        off = [prefix for prefix in prefixes if _is_off(table, prefix, fps)]
        if off:
            moves: Moves = {prefix: {number: Moved(number) for number in _numbers(table, prefix)} for prefix in off}
            exact = moved_table(table.replace_schema_metadata(schema.metadata), moves, fps)
            pq.write_table(exact, path)


def _is_off(table: pa.Table, prefix: str, fps: float) -> bool:
    name = f"{prefix}from_timestamp"
    if name not in table.column_names:
        return False
    starts = table[name].cast(pa.float64()).to_numpy()
    return bool((np.abs(starts - np.rint(starts * fps) / fps) > _EXACT_S).any())


def _numbers(table: pa.Table, prefix: str) -> set[FileNumber]:
    chunks, files = (table[f"{prefix}{part}"].to_pylist() for part in ("chunk_index", "file_index"))
    return {FileNumber(chunk, file) for chunk, file in zip(chunks, files, strict=True)}
