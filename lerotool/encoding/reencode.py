"""A dataset whose videos are encoded anew, beside the old one: rows, metadata and statistics stay as they are."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from lerotool.dataset.info import INFO
from lerotool.dataset.writing.build import DatasetBuild, check_free
from lerotool.encoding.events import Found, JobDone, JobName, JobProgressed, JobStarted, Listener, ignore_event
from lerotool.encoding.job import JobOutcome
from lerotool.encoding.reencode_job import ReencodeJob, run_reencode_job
from lerotool.encoding.reencode_plan import ReencodeOptions, ReencodePlan, VideoFile, plan_reencoding
from lerotool.errors import DatasetLockedError, UsageError
from lerotool.execution import StoppedError, open_executor, read_progress
from lerotool.features import Feature
from lerotool.media.encode import probe_encoder
from lerotool.media.join import join_videos
from lerotool.media.probe import feature_info
from lerotool.storage import free_bytes, make_directory, tree_bytes, write_json
from lerotool.wording import sized
from lerotool.workspace import Workspace

_POLL_S = 0.2
_STOP_S = 3.0


@dataclass(frozen=True, slots=True)
class ReencodeReport:
    """What has been done.

    Attributes:
        target: the new dataset.
        settings: fields of the encoder settings.
        files: video files encoded anew.
        frames: pictures in them.
        kept: cameras whose videos were copied.
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
    source_bytes: int
    video_bytes: int
    wall_s: float
    cpu_s: float

    @property
    def frames_per_s(self) -> float:
        """Pictures per second of the whole run."""
        return self.frames / self.wall_s if self.wall_s else 0.0


def reencode(
    source: Path,
    target: Path,
    options: ReencodeOptions | None = None,
    on_event: Listener = ignore_event,
    *,
    stop: threading.Event | None = None,
) -> ReencodeReport:
    """Make a dataset like another one with its videos encoded anew.

    The new dataset is built beside its place and appears there complete, in one step, or not at all. The source is only
    read. Pending episodes are not carried over.

    Args:
        source: the dataset.
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
    check_places(source, target)
    plan = plan_reencoding(source, options)
    probe_encoder(plan.settings)
    _check_space(plan, target)
    on_event(Found(target, 0, plan.parts, plan.frames, plan.frames / plan.dataset.fps, (), ()))
    with DatasetBuild(target) as build:
        run = _Run(plan, build, on_event, stop or threading.Event())
        run.copy_others()
        with open_executor(options.place, build.scratch) as executor:
            cpu_s = run.encode(executor)
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


def _check_space(plan: ReencodePlan, target: Path) -> None:
    # Parts and joined file are there at the same time; how large they get is not known before.
    needed = tree_bytes(plan.dataset.root) + plan.video_bytes
    if (free := free_bytes(target.parent)) < needed:
        raise OSError(
            errno.ENOSPC,
            f"re-encoding needs about {sized(needed)}, only {sized(free)} are free",
            str(target),
        )


@dataclass(slots=True)
class _Running:
    """A submitted job."""

    name: JobName
    job: ReencodeJob
    file: VideoFile
    is_started: bool = False
    done: int = 0


class _Run:
    """The building of one dataset."""

    def __init__(self, plan: ReencodePlan, build: DatasetBuild, on_event: Listener, stop: threading.Event) -> None:
        self._plan = plan
        self._root = plan.dataset.root
        self._build = build
        self._on_event = on_event
        self._stop = stop
        self._stop_file = build.scratch / "stop"
        self._running: dict[Future[JobOutcome], _Running] = {}

    def target_of(self, file: VideoFile) -> Path:
        """Return where the new file of an old one lies."""
        return self._build.root / file.path.relative_to(self._root)

    def copy_others(self) -> None:
        """Copy all that is not encoded anew, but lerotool's own folder."""
        anew = {file.path for file in self._plan.files}

        def left_out(folder: str, names: list[str]) -> Iterable[str]:
            paths = {name: Path(folder, name) for name in names}
            own = Workspace(self._root).folder
            return [name for name, path in paths.items() if path in anew or path == own]

        shutil.copytree(
            self._root, self._build.root, ignore=left_out, copy_function=shutil.copyfile, dirs_exist_ok=True
        )

    def encode(self, executor: Executor) -> float:
        """Encode all files; returns the CPU seconds that the jobs took."""
        cpu_s = 0.0
        open_parts = {file: len(file.cuts) - 1 for file in self._plan.files}
        self._submit(executor)
        try:
            while self._running:
                finished, _ = wait(self._running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                self._tell_progress()
                for future in finished:
                    running = self._running.pop(future)
                    done = future.result()
                    cpu_s += done.cpu_s
                    self._on_event(JobDone(running.name, done.frames, done.cpu_s, done.wall_s, is_reused=False))
                    open_parts[running.file] -= 1
                    if not open_parts[running.file]:
                        self._join(running.file)
                if self._stop.is_set():
                    raise StoppedError("stopped; nothing was written")
        finally:
            self._halt()
        return cpu_s

    def _submit(self, executor: Executor) -> None:
        for file in self._plan.files:
            for start, stop in pairwise(file.cuts):
                number = len(self._running)
                job = ReencodeJob(
                    source=file.path,
                    start=start,
                    stop=stop,
                    fps=self._plan.dataset.fps,
                    target=self._part(file, start),
                    settings=self._plan.settings,
                    progress=self._build.scratch / f"{number}.progress",
                    stop_file=self._stop_file,
                )
                make_directory(job.target.parent)
                place = file.path.relative_to(self._root).with_suffix("").as_posix()
                name = JobName(f"{place.removeprefix('videos/')} from frame {start}", file.camera)
                self._running[executor.submit(run_reencode_job, job)] = _Running(name, job, file)

    def _part(self, file: VideoFile, start: int) -> Path:
        return self._build.scratch / file.path.relative_to(self._root).with_suffix("") / f"{start}.mp4"

    def _tell_progress(self) -> None:
        for future, running in self._running.items():
            progress = read_progress(running.job.progress)
            if not running.is_started and (progress or future.running() or future.done()):
                running.is_started = True
                self._on_event(JobStarted(running.name, running.job.stop - running.job.start))
            if progress and running.is_started and progress.done > running.done and not future.done():
                running.done = progress.done
                self._on_event(JobProgressed(running.name, progress.done, progress.total))

    def _join(self, file: VideoFile) -> None:
        target = self.target_of(file)
        make_directory(target.parent)
        parts = [self._part(file, start) for start in file.cuts[:-1]]
        if len(parts) == 1:
            parts[0].replace(target)
        else:
            join_videos(parts, target, self._plan.dataset.fps)
            shutil.rmtree(parts[0].parent)

    def _halt(self) -> None:
        if self._running:
            self._stop_file.touch()
            for future in self._running:
                future.cancel()
            wait([future for future in self._running if not future.cancelled()], timeout=_STOP_S)

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
