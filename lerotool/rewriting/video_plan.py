"""Values that say where the pictures of the target come from and which files they go into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lerotool.dataset.numbering import FileNumber
from lerotool.media.counting import Counting
from lerotool.media.format import EncoderSettings

Ints = npt.NDArray[np.int64]


class Method(StrEnum):
    """How a video file of the target is made."""

    COPY = "copy"
    LINK = "link"
    JOIN = "join"
    """Packets are copied, onto exact times."""
    STAY = "stay"
    """It is there already, in a dataset that is rewritten in its place."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """Which of an episode's frames are taken when it gets another rate."""

    rate: float  # frames per second of the source
    fps: float  # of the target

    def length(self, frames: int) -> int:
        """Return how many frames an episode has afterwards: as many as fit its duration, one at least."""
        return max(1, round(frames * self.fps / self.rate))

    def lengths(self, frames: Ints) -> Ints:
        """Return `length` of many episodes."""
        return np.array([self.length(n) for n in frames.tolist()], np.int64)

    def rows(self, frames: int) -> Ints:
        """Return the number of the source frame that is nearest in time to each target frame."""
        nearest = np.floor(np.arange(self.length(frames)) * (self.rate / self.fps) + 0.5)
        rows: Ints = np.minimum(nearest.astype(np.int64), frames - 1)
        return rows


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames that have to be encoded: an episode's video, or a stretch of a file."""

    episode: int | None  # number of the target's episode, whose pictures are measured; None is a stretch
    path: Path  # of the clip, relative to the folder for such files
    source: Path | None  # the video that it is made of; None is black
    start: int  # number of its first frame there
    frames: int  # how many there are in the source, or of black
    rate: float  # of the source, frames per second
    resampling: Resampling | None  # where the rate changes
    counting: Counting  # how frames are numbered in the source
    fps: float  # of the clip
    size: tuple[int, int] | None  # (width, height), pixels; None keeps that of the source, and its colours
    settings: EncoderSettings  # of the encoder
    threads: int = 0  # of the encoder; 0 lets it choose

    @property
    def length(self) -> int:
        """Frames of the clip."""
        return self.resampling.length(self.frames) if self.resampling else self.frames


@dataclass(frozen=True, slots=True)
class Part:
    """Pictures that go into a file of the target, side by side."""

    path: Path  # a video of a source, or a clip (relative)
    start: int  # number of the first picture
    stop: int | None  # one past the last; None where the whole file is taken
    frames: int  # how many there are
    is_clip: bool = False  # whether it has to be encoded first
    counting: Counting = Counting.BY_TIME  # how pictures are numbered in the file


@dataclass(frozen=True, slots=True)
class VideoOutput:
    """One video file of the target."""

    number: FileNumber  # of the file; in v2.1 chunk and number of the episode
    method: Method  # how it is made
    parts: tuple[Part, ...]  # what it consists of; one where it is copied or linked
    bytes: int  # about how large it will be

    @property
    def frames(self) -> int:
        """Pictures in the file."""
        return sum(part.frames for part in self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class CameraPlan:
    """The videos of one camera."""

    outputs: tuple[VideoOutput, ...]  # the files, in order
    output_of: Ints  # which of them each episode of the target is in: int64, (episodes,)
    first_frame: Ints  # the number of its first frame there: int64, (episodes,)
    clips: tuple[Clip, ...] = ()  # what must be encoded before
    # When that frame is shown, seconds: (episodes,); None is its number / fps.
    first_time: npt.NDArray[np.float64] | None = None


CameraPlans = Mapping[str, CameraPlan]
