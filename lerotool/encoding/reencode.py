"""A dataset whose videos are encoded again, beside the old one: rows, metadata and statistics stay as they are."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerotool.arguments import as_path
from lerotool.encoding.events import Found, JobDone, JobName, JobProgressed, JobStarted, Listener
from lerotool.encoding.reencode_plan import ReencodeOptions, ReencodePlan, plan_reencoding
from lerotool.errors import UsageError
from lerotool.execution import ignore_event
from lerotool.media.encode import probe_encoder
from lerotool.rewriting.build import check_free
from lerotool.rewriting.new_videos import ClipListener, NewVideos, build_with_new_videos
from lerotool.rewriting.video_job import Encoded
from lerotool.rewriting.video_plan import Clip
from lerotool.storage import check_space, tree_bytes
from lerotool.workspace import dataset_root


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
    costs, listen = _telling(plan, on_event)
    work = NewVideos(plan.dataset, plan.info, plan.files)
    root = build_with_new_videos(work, target, options.place, listen, stop or threading.Event())
    return ReencodeReport(
        target=root,
        settings=plan.settings.to_json(),
        files=len(plan.files),
        frames=plan.frames,
        kept=plan.kept,
        notes=plan.notes,
        source_bytes=plan.video_bytes,
        video_bytes=sum(work.target(file, root).stat().st_size for file in plan.files),
        wall_s=time.perf_counter() - began,
        cpu_s=sum(costs),
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


def _telling(plan: ReencodePlan, on_event: Listener) -> tuple[list[float], ClipListener]:
    """Return the CPU seconds of clips that are done, and what tells of clips as of jobs."""
    files = {clip.path: file for file in plan.files for clip in file.clips}
    costs: list[float] = []

    def listen(clip: Clip, done: int | Encoded) -> None:
        file = files[clip.path]
        place = file.path.relative_to(plan.dataset.root).with_suffix("").as_posix()
        job = JobName(f"{place.removeprefix('videos/')} from frame {clip.start}", file.camera)
        match done:
            case Encoded():
                costs.append(done.cpu_s)
                on_event(JobDone(job, clip.frames, done.cpu_s, done.wall_s, is_reused=False))
            case 0:
                on_event(JobStarted(job, clip.frames))
            case _:
                on_event(JobProgressed(job, done, clip.frames))

    return costs, listen
