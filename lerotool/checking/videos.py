"""Video files without decoding them: is every picture there that the rows ask for, at the time they ask for it.

LeRobot adds ``from_timestamp`` and the row's ``timestamp``, takes the picture nearest to that, and compares the two
times in float32 (``video_utils.py:decode_video_frames_pyav``). The same is done here, for every row, on the times in
the file's header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lerotool.checking.report import Problem
from lerotool.errors import MediaError
from lerotool.findings import Code
from lerotool.wording import counted, of_episodes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_TOLERANCE = np.float32(1e-4)
_FAR_APART_S = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class VideoJob:
    """A video file to look at, and which episodes are in it."""

    path: Path  # of the file
    camera: str  # whose pictures it has
    fps: float  # frames a second
    episodes: Ints  # their numbers: int64, (n,)
    starts: Floats  # where each begins, seconds: float64, (n,)
    lengths: Ints  # rows of each: int64, (n,)

    @property
    def first_frames(self) -> Ints:
        """The number of each one's first picture in the file, (n,)."""
        return np.rint(self.starts * self.fps).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class VideoFacts:
    """What a video file holds."""

    path: Path  # of the file
    camera: str  # whose pictures it has
    problems: tuple[Problem, ...]  # what is wrong with it
    frames: int = 0  # pictures that are there
    # Codec as the file names it, width and height; None where the header does not tell.
    stream: tuple[str, int, int] | None = None
    # Of the pictures of each episode, (n,); of less than all where pictures are missing.
    episode_bytes: Ints | None = None


def look_at_videos(jobs: Sequence[VideoJob]) -> list[VideoFacts]:
    """Look at some video files."""
    return [_look(job) for job in jobs]


def _look(job: VideoJob) -> VideoFacts:
    from lerotool.media.probe import video_index

    every = tuple(job.episodes.tolist())
    if job.path.is_dir():
        folder = Problem(Code.VIDEO_UNREADABLE, "it is a folder, expected a file", episodes=every)
        return VideoFacts(job.path, job.camera, (folder,))
    try:
        header = video_index(job.path)
    except FileNotFoundError:
        text = f"the file is missing; it has {of_episodes(every)}"
        return VideoFacts(job.path, job.camera, (Problem(Code.VIDEO_MISSING, text, episodes=every),))
    except MediaError as error:
        text = str(error).removeprefix(f"{str(job.path)!r}: ")
        is_cut = "cut" in text or "too early" in text
        code = Code.VIDEO_TRUNCATED if is_cut else Code.VIDEO_UNREADABLE
        return VideoFacts(job.path, job.camera, (Problem(code, text, episodes=every),))
    order = np.argsort(header.times, kind="stable")
    times: Floats = header.times[order].astype(np.float64) * float(header.time_base)
    sizes = header.sizes[order]
    problems = _check_times(job, times)
    problems += _check_overlap(job, header.frames)
    problems += _check_keyframes(job, times, header.is_keyframe[order])
    return VideoFacts(
        job.path, job.camera, tuple(problems), header.frames, _stream(header.description), _bytes(job, sizes)
    )


def _check_times(job: VideoJob, times: Floats) -> list[Problem]:
    """Ask for every row as LeRobot does."""
    lengths = job.lengths
    rows = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    # The timestamps are float32 in the rows; the sum is made in float64 and compared in float32.
    asked = np.repeat(job.starts, lengths) + (rows / job.fps).astype(np.float32).astype(np.float64)
    if not len(asked):
        return []
    shown, wanted = times.astype(np.float32), asked.astype(np.float32)
    after = np.searchsorted(shown, wanted)
    distance = np.minimum(
        np.abs(shown[np.minimum(after, len(shown) - 1)] - wanted), np.abs(shown[np.maximum(after - 1, 0)] - wanted)
    )
    fails = ~(distance < _TOLERANCE)
    if not fails.any():
        return []
    episode = np.repeat(job.episodes, lengths)
    is_beyond = fails & (asked > times[-1] + 0.5 / job.fps)
    found = []
    for code, which in ((Code.VIDEO_SHORT, is_beyond), (Code.VIDEO_TIMES, fails & ~is_beyond)):
        if not which.any():
            continue
        episodes = tuple(dict.fromkeys(episode[which].tolist()))
        first = int(np.flatnonzero(which)[0])
        if code is Code.VIDEO_SHORT:
            text = f"missing: the video ends at {times[-1]:.6g} s with {len(times)}"
        else:
            text = f"off by up to {float(distance[which].max()):.3g} s"
        text = f"{counted(int(which.sum()), 'picture')} {text}"
        text += f"; first frame {rows[first]} of episode {episode[first]}, at {asked[first]:.6g} s"
        found.append(Problem(code, text, column=job.camera, episodes=episodes))
    return found


def _check_overlap(job: VideoJob, frames: int) -> list[Problem]:
    first = job.first_frames
    order = np.argsort(first, kind="stable")
    starts, stops = first[order], (first + job.lengths)[order]
    reached = np.maximum.accumulate(stops)[:-1]
    overlaps = starts[1:] < reached
    if overlaps.any():
        later = int(np.flatnonzero(overlaps)[0]) + 1
        pair = sorted(job.episodes[order[later - 1 : later + 1]].tolist())
        text = f"episodes {pair[0]} and {pair[1]} both show pictures from number {starts[later]} on"
        return [Problem(Code.VIDEO_OVERLAP, text, column=job.camera, episodes=tuple(pair))]
    unused = frames - int(job.lengths.sum())
    if unused > 0 and len(job.lengths):
        text = f"no episode has {unused} of {counted(frames, 'picture')}"
        return [Problem(Code.VIDEO_UNUSED, text, column=job.camera)]
    return []


def _check_keyframes(job: VideoJob, times: Floats, is_keyframe: npt.NDArray[np.bool_]) -> list[Problem]:
    keys = np.flatnonzero(is_keyframe)
    first = job.first_frames
    inside = first[first < len(times)]
    without = inside[~is_keyframe[inside]]
    gaps = np.diff(np.append(times[keys], times[-1])) if len(keys) else times[-1:]
    if len(without):
        text = f"no keyframe at the beginning of {len(without)} of {counted(len(first), 'episode')}"
    elif gaps.max(initial=0.0) > _FAR_APART_S:
        text = f"up to {gaps.max():.3g} s between keyframes"
    else:
        return []
    return [Problem(Code.VIDEO_KEYFRAMES, text, column=job.camera)]


def _bytes(job: VideoJob, sizes: Ints) -> Ints:
    sums = np.concatenate([[0], np.cumsum(sizes)])
    first = np.clip(job.first_frames, 0, len(sizes))
    result: Ints = sums[np.clip(first + job.lengths, 0, len(sizes))] - sums[first]
    return result


def _stream(description: bytes) -> tuple[str, int, int] | None:
    """Return codec, width and height as an mp4's sample description has them (ISO/IEC 14496-12, 8.5.2 and 12.1.3)."""
    if len(description) < 44 or not description[12:16].isalnum():
        return None
    width, height = (int.from_bytes(description[place : place + 2], "big") for place in (40, 42))
    return description[12:16].decode("ascii"), width, height
