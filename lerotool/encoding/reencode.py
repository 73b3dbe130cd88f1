"""A dataset whose videos are encoded again, beside the old one: rows, metadata and statistics stay as they are.

A video file is cut where its episodes begin, so that each of them begins with a keyframe again, and long stretches are
cut further, so that all cores have work. The pieces stay in their order and keep their lengths: picture k of the new
file is picture k of the old one, and whatever the dataset says about places in the file stays true. Only where pictures
were off their times, or episodes said to begin between two pictures, the new file has them on exact times.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lerotool.arguments import as_path
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.info import INFO
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.reading.episodes import VideoSpan
from lerotool.encoding.events import Found, JobDone, JobName, JobProgressed, JobStarted, Listener
from lerotool.errors import (
    CorruptDatasetError,
    DatasetLockedError,
    IncompatibleDatasetError,
    LerotoolError,
    UsageError,
)
from lerotool.execution import Place, ThisMachine, ignore_event
from lerotool.features import cameras, picture_size
from lerotool.media.counting import (
    Counting,
    Fit,
    Spans,
    exact_rate,
    fit_rows,
    has_every_frame,
    misfit_text,
    uneven_notes,
)
from lerotool.media.encode import choose_encoder, probe_encoder, require_sizes
from lerotool.media.format import EncoderSettings
from lerotool.media.probe import video_index
from lerotool.rewriting.build import check_free
from lerotool.rewriting.new_videos import ClipListener, NewVideo, NewVideos, build_with_new_videos
from lerotool.rewriting.verification import verify_rows
from lerotool.rewriting.video_job import Encoded
from lerotool.rewriting.video_plan import Clip, Method, Part, VideoOutput
from lerotool.storage import check_space, tree_bytes
from lerotool.wording import as_argument, ranges
from lerotool.workspace import dataset_root

LONGEST_PART = 3000
"""Frames; enough for the start of a job not to matter, few enough to share a long video among many cores."""
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class ReencodeOptions:
    """How to re-encode.

    Attributes:
        overrides: fields of EncoderSettings that are not to be LeRobot's defaults.
        place: where the jobs run.
    """

    overrides: Mapping[str, Any] = field(default_factory=dict)
    place: Place = field(default_factory=ThisMachine)


@dataclass(frozen=True, slots=True)
class ReencodePlan:
    """What will be done.

    Attributes:
        dataset: the source.
        info: its ``info.json`` as it was read, byte for byte.
        settings: of the encoder.
        files: to re-encode.
        kept: cameras whose videos are copied: depth has an encoding of its own.
        notes: what else the user should know.
    """

    dataset: Dataset
    info: bytes
    settings: EncoderSettings
    files: tuple[NewVideo, ...]
    kept: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def frames(self) -> int:
        """Pictures to encode."""
        return sum(file.output.frames for file in self.files)

    @property
    def parts(self) -> int:
        """Jobs."""
        return sum(len(file.clips) for file in self.files)

    @property
    def video_bytes(self) -> int:
        """Size of the files to re-encode."""
        return sum(file.output.bytes for file in self.files)


def plan_reencoding(source: str | Path, options: ReencodeOptions) -> ReencodePlan:
    """Look at a dataset.

    Raises:
        DatasetError: it cannot be read, or video files are missing, damaged or too short; all of them are named.
        IncompatibleDatasetError: the dataset has no colour videos.
        UsageError: the encoder settings make no sense.
    """
    dataset = Dataset.open(source)
    if dataset.layout.files.elsewhere:
        raise DatasetLockedError(
            f"{str(source)!r}: a change of this dataset was interrupted",
            hint=f"lerotool check {as_argument(dataset.root)} --repair",
        )
    info = (dataset.root / INFO).read_bytes()
    _check_rows(dataset, Path(source))
    videos = cameras(dataset.features)
    kept = tuple(camera for camera in videos if dataset.features[camera].is_depth)
    chosen = [camera for camera in videos if camera not in kept]
    if not chosen:
        raise IncompatibleDatasetError(f"{str(source)!r} has no colour videos to encode again")
    try:
        settings = EncoderSettings(**options.overrides)
    except TypeError as error:
        raise UsageError(f"encoder settings: {error}") from None
    chosen_settings = choose_encoder(settings).settings
    require_sizes(chosen_settings, {camera: picture_size(dataset.features[camera])[:2] for camera in chosen})
    files, notes = _files(dataset, chosen, chosen_settings)
    return ReencodePlan(dataset, info, chosen_settings, files, kept, notes)


def _check_rows(dataset: Dataset, source: Path) -> None:
    """Refuse now what would be refused when all is encoded."""
    try:
        verify_rows(dataset)
    except CorruptDatasetError as error:
        raise CorruptDatasetError(str(error), hint=f"lerotool check {as_argument(source)} --repair") from error


def _files(
    dataset: Dataset, chosen: Sequence[str], settings: EncoderSettings
) -> tuple[tuple[NewVideo, ...], tuple[str, ...]]:
    """Return the files to encode, and what a user should know of them."""
    spans: dict[tuple[str, Path], list[tuple[int, VideoSpan]]] = {}
    for episode in dataset.episodes:
        videos = episode.videos
        for camera in chosen:
            if camera not in videos:
                raise CorruptDatasetError(f"episode {episode.index}: the table names no video of camera {camera!r}")
            spans.setdefault((camera, videos[camera].path), []).append((episode.index, videos[camera]))
    files, problems = [], []
    fits: dict[str, list[tuple[Path, Fit]]] = {camera: [] for camera in chosen}
    misfits: set[int] = set()
    rate = dataset.fps
    for place, ((camera, path), episodes) in enumerate(spans.items()):
        try:
            fit, cuts = _fit(path, [span for _, span in episodes], exact_rate(rate))
            fits[camera].append((path, fit))
            # One thread: with others x265 describes itself in another way, and clips could not be joined.
            whole = Clip(None, path, path, 0, fit.stop, rate, None, fit.counting, rate, None, settings, threads=1)
            clips = tuple(
                replace(whole, path=Path(f"{place}-{start}.mp4"), start=start, frames=stop - start)
                for start, stop in pairwise(cuts)
            )
            files.append(NewVideo(camera, path, clips, _output(episodes[0][1], clips)))
        except _MisfitError as error:
            problems.append(str(error))
            misfits.update(number for number, _ in episodes)
        except (LerotoolError, FileNotFoundError) as error:
            problems.append(str(error))
    if problems:
        more = f" (and {len(problems) - _MOST_PROBLEMS} more)" if len(problems) > _MOST_PROBLEMS else ""
        hint = _way_out(dataset, misfits) if misfits else "restore the files from a copy"
        raise CorruptDatasetError("; ".join(problems[:_MOST_PROBLEMS]) + more, hint=hint)
    return tuple(files), tuple(note for camera in chosen for note in uneven_notes(f"camera {camera!r}", fits[camera]))


class _MisfitError(CorruptDatasetError):
    """Nothing tells which picture belongs to which row."""


def _way_out(dataset: Dataset, misfits: AbstractSet[int]) -> str:
    others = [number for number in range(dataset.num_episodes) if number not in misfits]
    if not others:
        return "restore the files from a copy"
    version = " --to v2.1" if dataset.version.has_files_of_episodes else ""
    source = as_argument(f"{dataset.root}:{ranges(others)}")
    return f"lerotool merge {source} -o TARGET{version} leaves out the episodes of these videos"


def _fit(path: Path, episodes: Sequence[VideoSpan], rate: Fraction) -> tuple[Fit, list[int]]:
    """Return how the pictures of a file belong to frames, and the frames at which it is cut, with its ends."""
    header = video_index(path)
    own = np.array([(span.start_frame, span.frames) for span in episodes], np.int64)
    spans = Spans(own, own)
    fit = fit_rows(header, rate, lambda: spans)
    if fit is None:
        raise _MisfitError(misfit_text(path, header, spans))
    if not fit.is_dense and fit.counting is Counting.BY_TIME and not has_every_frame(header, rate, fit.stop):
        raise _MisfitError(f"{str(path)!r}: there are gaps between the pictures of its episodes")
    needed = int(own.sum(axis=1).max())
    if fit.stop < needed:
        raise CorruptDatasetError(f"{str(path)!r}: expected at least {needed} frames, found {fit.stop}")
    begins = sorted({0, fit.stop, *own[:, 0].tolist()})
    cuts = [cut for start, stop in pairwise(begins) for cut in range(start, stop, LONGEST_PART)]
    return fit, [*cuts, fit.stop]


def _output(span: VideoSpan, clips: Sequence[Clip]) -> VideoOutput:
    parts = tuple(Part(clip.path, 0, None, clip.frames, is_clip=True) for clip in clips)
    method = Method.JOIN if len(parts) > 1 else Method.COPY
    return VideoOutput(FileNumber(span.chunk_index, span.file_index), method, parts, span.path.stat().st_size)


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
    """Make sure that a dataset can be made of another one; TargetExistsError or UsageError if not."""
    real_source, real_target = (Path(os.path.realpath(path)) for path in (source, target))
    if real_source != real_target and (
        real_target.is_relative_to(real_source) or real_source.is_relative_to(real_target)
    ):
        raise UsageError(f"{str(target)!r} and {str(source)!r} lie in one another", hint="choose a target beside it")
    check_free(target)


def check_means(plan: ReencodePlan, target: Path) -> None:
    """Make sure that this machine can do what is planned: MediaError or OSError if not."""
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
