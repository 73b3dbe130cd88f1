"""The work on videos: encoding clips, and making the files of the target out of files and clips.

Jobs are values. Files appear complete: a job that is run twice, even after the dataset was finished, changes nothing.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lerotool.errors import CorruptDatasetError
from lerotool.execution import ProgressFile
from lerotool.media.counting import exact_rate
from lerotool.media.join import Piece, join_videos
from lerotool.media.probe import video_index
from lerotool.media.transcode import DEPTH, Frames, encode_black, transcode
from lerotool.moments import FeatureStats, sampled_frames
from lerotool.rewriting.video_plan import Clip, Method, VideoOutput
from lerotool.storage import copy_file, link_or_copy, replacing


@dataclass(frozen=True, slots=True)
class ClipJob:
    """A clip to encode into a folder that is there."""

    clip: Clip
    folder: Path

    @property
    def progress(self) -> Path:
        """The file that tells how far it is."""
        return self.folder / self.clip.path.with_suffix(".progress")

    @property
    def stop_file(self) -> Path:
        """The file that stops all clips of the folder; so does the folder's end."""
        return self.folder / "stop"


@dataclass(frozen=True, slots=True)
class Encoded:
    """What is known of a clip that is encoded."""

    stats: FeatureStats | None  # of its pictures; None where they are not measured
    cpu_s: float  # CPU seconds, all threads
    wall_s: float  # seconds


@dataclass(frozen=True, slots=True)
class VideoJob:
    """Video files to make."""

    outputs: tuple[tuple[VideoOutput, Path], ...]  # what they consist of, and where each goes; the folders are there
    clips: Path  # the folder of clips, in which files are written before they are moved
    fps: float  # of the target

    @property
    def bytes(self) -> int:
        """About how many are written, for progress."""
        return sum(output.bytes for output, _ in self.outputs)


def run_clip_job(job: ClipJob) -> Encoded:
    """Encode a clip."""
    began = time.perf_counter(), time.process_time()
    stats = _encode(job)
    return Encoded(stats, time.process_time() - began[1], time.perf_counter() - began[0])


def _encode(job: ClipJob) -> FeatureStats | None:
    """Return the statistics of an episode's pictures; None for black and for depth."""
    clip, target = job.clip, job.folder / job.clip.path
    if clip.source is None:
        assert clip.size is not None, "black has no size of its own"
        encode_black(target, clip.frames, clip.size, clip.fps, clip.settings)
        return None
    rows = clip.resampling.rows(clip.frames).tolist() if clip.resampling else range(clip.frames)
    frames = Frames(clip.source, [clip.start + row for row in rows], clip.rate, clip.counting)
    is_measured = clip.episode is not None and clip.settings.pix_fmt != DEPTH
    measured = frozenset(sampled_frames(clip.length).tolist() if is_measured else ())
    progress = ProgressFile(job.progress, clip.length, job.stop_file)
    return transcode(frames, target, clip.size, clip.fps, clip.settings, clip.threads, measured, progress.report)


def run_video_job(job: VideoJob) -> int:
    """Make video files and compare the number of their pictures with the plan; return how many there are."""
    return sum(_make(output, target, job) for output, target in job.outputs)


def _make(output: VideoOutput, target: Path, job: VideoJob) -> int:
    with replacing(target, job.clips) as new:
        return _write(output, new, job)


def _write(output: VideoOutput, target: Path, job: VideoJob) -> int:
    paths = [job.clips / part.path if part.is_clip else part.path for part in output.parts]
    if output.method is Method.JOIN:
        pieces = [
            Piece(path, part.start, part.stop, part.counting) for path, part in zip(paths, output.parts, strict=True)
        ]
        found = sum(join_videos(pieces, target, exact_rate(job.fps)))
    else:
        # Clips are going to be removed.
        if output.method is Method.LINK or output.parts[0].is_clip:
            link(paths[0], target)
        else:
            copy_whole(paths[0], target)
        # The plan has counted the pictures of a source, but not those of a clip.
        found = video_index(target).frames if output.parts[0].is_clip else output.frames
    if found != output.frames:
        raise CorruptDatasetError(f"{paths[0]}: {found} pictures were copied, the plan says {output.frames}")
    return found


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file and look whether all of it has come."""
    copy_file(source, target)
    expected, found = source.stat().st_size, target.stat().st_size
    if found != expected:
        raise CorruptDatasetError(f"{source}: {found} bytes were copied, expected {expected}")


def link(source: Path, target: Path) -> None:
    """Make a file that shares the bytes of another: a reflink or a hard link where possible, else a copy."""
    if _reflink(source, target):
        return
    link_or_copy(source.resolve(), target)  # what a link names is meant, not the link


def _reflink(source: Path, target: Path) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl

    clone = 0x40049409  # FICLONE, linux/fs.h
    try:
        with source.open("rb") as old, target.open("xb") as new:
            fcntl.ioctl(new.fileno(), clone, old.fileno())
    except OSError:
        target.unlink(missing_ok=True)
        return False
    return True
