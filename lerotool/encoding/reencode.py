"""A dataset whose videos are encoded again, beside the old one: rows, metadata and statistics stay as they are."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from lerotool.arguments import as_path
from lerotool.dataset.info import INFO
from lerotool.encoding.events import Found, JobDone, JobName, JobProgressed, JobStarted, Listener
from lerotool.encoding.job import JobOutcome
from lerotool.encoding.reencode_job import ReencodeJob, run_reencode_job
from lerotool.encoding.reencode_plan import ReencodeOptions, ReencodePlan, VideoFile, plan_reencoding
from lerotool.encoding.reencode_tables import put_starts_on_grid
from lerotool.errors import DatasetLockedError, UsageError
from lerotool.execution import JobProgress, JobRun, StoppedError, Watch, ignore_event, open_executor
from lerotool.features import Feature
from lerotool.media.encode import probe_encoder
from lerotool.media.join import join_videos
from lerotool.media.probe import feature_info
from lerotool.rewriting.build import DatasetBuild, check_free
from lerotool.storage import check_space, make_directory, tree_bytes, write_json
from lerotool.workspace import Workspace, dataset_root


@dataclass(frozen=True, slots=True)
class ReencodeReport:
    """What has been done.

    Attributes:
        target: the new dataset.
        settings: fields of the encoder settings.
        files: video files encoded again.
        frames: pictures in them.
        kept: cameras whose videos were copied.
        notes: what else the user should know.
        source_bytes: size of the old video files.
        video_bytes: size of the new ones.
        wall_s: of the whole run.
        cpu_s: CPU seconds of all jobs.
    """

    target: Path
    settings: dict[str, Any]
    files: int
    frames: int
    kept: tuple[str, ...]
    notes: tuple[str, ...]
    source_bytes: int
    video_bytes: int
    wall_s: float
    cpu_s: float

    @property
    def frames_per_s(self) -> float:
        """Pictures per second of the whole run."""
        return self.frames / self.wall_s if self.wall_s else 0.0


def reencode(
    source: str | Path,
    target: str | Path,
    options: ReencodeOptions | None = None,
    on_event: Listener = ignore_event,
    *,
    stop: threading.Event | None = None,
) -> ReencodeReport:
    """Make a dataset like another one with its videos encoded again.

    The new dataset is built beside its place and appears there complete, in one step, or not at all. The source is only
    read. Pending episodes are not carried over.

    Args:
        source: the dataset's folder, or ``user/name`` in the LeRobot home.
        target: the folder to make.
        options: how to encode.
        on_event: called in this thread with what happens; must return soon.
        stop: when set, the run ends and leaves nothing.

    Raises:
        TargetExistsError: something is at the target.
        UsageError: one of the two folders lies in the other.
        DatasetError: the source cannot be read, or changed meanwhile.
        IncompatibleDatasetError: it has no colour videos.
        MediaError: the encoder does not work here, or a video is damaged.
        StoppedError: it was asked to stop.
        OSError: the disk is full, or something like it.
    """
    began = time.perf_counter()
    options = options or ReencodeOptions()
    source, target = dataset_root(str(as_path("source", source))), as_path("target", target)
    check_places(source, target)
    plan = plan_reencoding(source, options)
    check_means(plan, target)
    on_event(Found(target, 0, plan.parts, plan.frames, plan.frames / plan.dataset.fps, (), ()))
    with DatasetBuild(target) as build:
        run = _Run(plan, build, on_event, stop or threading.Event())
        run.copy_others()
        with open_executor(options.place, build.scratch) as executor:
            cpu_s = run.encode(executor)
        run.write_tables()
        run.write_info()
        if (plan.dataset.root / INFO).read_bytes() != plan.info:
            raise DatasetLockedError(f"{str(source)!r} was changed while it was read", hint="run the command again")
        video_bytes = sum(run.target_of(file).stat().st_size for file in plan.files)
        build.finish()
    return ReencodeReport(
        target=build.target,
        settings=plan.settings.to_json(),
        files=len(plan.files),
        frames=plan.frames,
        kept=plan.kept,
        notes=plan.notes,
        source_bytes=plan.video_bytes,
        video_bytes=video_bytes,
        wall_s=time.perf_counter() - began,
        cpu_s=cpu_s,
    )


def check_places(source: Path, target: Path) -> None:
    """Make sure that a dataset can be made of another one.

    Raises:
        TargetExistsError: something is at the target.
        UsageError: one of the two folders lies in the other.
    """
    real_source, real_target = (Path(os.path.realpath(path)) for path in (source, target))
    if real_source != real_target and (
        real_target.is_relative_to(real_source) or real_source.is_relative_to(real_target)
    ):
        raise UsageError(f"{str(target)!r} and {str(source)!r} lie in one another", hint="choose a target beside it")
    check_free(target)


def check_means(plan: ReencodePlan, target: Path) -> None:
    """Make sure that this machine can do what is planned.

    Raises:
        MediaError: the encoder does not work here.
        OSError: the disk has too little room.
    """
    probe_encoder(plan.settings)
    # Parts and joined file are there at the same time; how large they get is not known before.
    needed = tree_bytes(plan.dataset.root) + plan.video_bytes
    check_space(target.parent, needed, "re-encoding")


@dataclass(frozen=True, slots=True)
class _Part:
    """A submitted job: a part of a file."""

    name: JobName
    file: VideoFile
    frames: int


class _Run:
    """The building of one dataset."""

    def __init__(self, plan: ReencodePlan, build: DatasetBuild, on_event: Listener, stop: threading.Event) -> None:
        self._plan = plan
        self._root = plan.dataset.root
        self._build = build
        self._on_event = on_event
        self._stop = stop
        self._stop_file = build.scratch / "stop"

    def target_of(self, file: VideoFile) -> Path:
        """Return where the new file of an old one lies."""
        return self._build.root / file.path.relative_to(self._root)

    def copy_others(self) -> None:
        """Copy all that is not encoded again, but lerotool's own folder."""
        encoded = {file.path for file in self._plan.files}

        def left_out(folder: str, names: list[str]) -> Iterable[str]:
            paths = {name: Path(folder, name) for name in names}
            own = Workspace(self._root).folder
            return [name for name, path in paths.items() if path in encoded or path == own]

        shutil.copytree(
            self._root, self._build.root, ignore=left_out, copy_function=shutil.copyfile, dirs_exist_ok=True
        )

    def encode(self, executor: Executor) -> float:
        """Encode all files; returns the CPU seconds that the jobs took."""
        cpu_s = 0.0
        open_parts = {file: len(file.cuts) - 1 for file in self._plan.files}
        watch = Watch(self._stop_file, self._tell_start, self._tell_progress)
        with JobRun[_Part, JobOutcome](executor, watch, self._stop) as run:
            self._submit(run)
            for part, future in run.ended():
                done = future.result()
                cpu_s += done.cpu_s
                self._on_event(JobDone(part.name, done.frames, done.cpu_s, done.wall_s, is_reused=False))
                open_parts[part.file] -= 1
                if not open_parts[part.file]:
                    self._join(part.file)
            if self._stop.is_set():
                raise StoppedError("stopped; nothing was written")
        return cpu_s

    def _submit(self, run: JobRun[_Part, JobOutcome]) -> None:
        numbers = itertools.count()
        for file in self._plan.files:
            for start, stop in pairwise(file.cuts):
                job = ReencodeJob(
                    source=file.path,
                    start=start,
                    stop=stop,
                    fps=self._plan.dataset.fps,
                    counting=file.fit.counting,
                    target=self._part(file, start),
                    settings=self._plan.settings,
                    progress=self._build.scratch / f"{next(numbers)}.progress",
                    stop_file=self._stop_file,
                )
                make_directory(job.target.parent)
                place = file.path.relative_to(self._root).with_suffix("").as_posix()
                name = JobName(f"{place.removeprefix('videos/')} from frame {start}", file.camera)
                run.submit(_Part(name, file, stop - start), run_reencode_job, job, job.progress)

    def _part(self, file: VideoFile, start: int) -> Path:
        return self._build.scratch / file.path.relative_to(self._root).with_suffix("") / f"{start}.mp4"

    def _tell_start(self, part: _Part) -> None:
        self._on_event(JobStarted(part.name, part.frames))

    def _tell_progress(self, part: _Part, progress: JobProgress) -> None:
        self._on_event(JobProgressed(part.name, progress.done, progress.total))

    def _join(self, file: VideoFile) -> None:
        target = self.target_of(file)
        make_directory(target.parent)
        parts = [self._part(file, start) for start in file.cuts[:-1]]
        if len(parts) == 1:
            parts[0].replace(target)
        else:
            join_videos(parts, target, self._plan.dataset.fps)
            shutil.rmtree(parts[0].parent)

    def write_tables(self) -> None:
        """Let the tables say where the pictures are in the new videos."""
        if not self._plan.dataset.version.has_files_of_episodes:
            cameras = list(dict.fromkeys(file.camera for file in self._plan.files))
            put_starts_on_grid(self._build.root, cameras, self._plan.dataset.fps)

    def write_info(self) -> None:
        """Write ``info.json`` with what the new videos are; all else in it stays as it was."""
        document = json.loads(self._plan.info)
        for file in reversed(self._plan.files):
            entry = document["features"][file.camera]
            feature = Feature.from_json(file.camera, entry)
            info = {**feature.info, **feature_info(self.target_of(file), self._plan.settings)}
            entry.pop("video_info", None)
            entry["info"] = info
        write_json(self._build.root / INFO, document)
