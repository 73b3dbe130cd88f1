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
    """Which of an episode's frames are taken when it gets another rate.

    Attributes:
        rate: frames per second of the source.
        fps: of the target.
    """

    rate: float
    fps: float

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
    """An episode's video that has to be encoded.

    Attributes:
        episode: number of the target's episode.
        path: of the clip, relative to the folder for such files.
        source: the video that it is made of; None is black.
        start: number of its first frame there.
        frames: how many there are in the source, or of black.
        rate: of the source, frames per second.
        resampling: where the rate changes.
        counting: how frames are numbered in the source.
        fps: of the clip.
        height: pixels.
        width: pixels.
        settings: of the encoder.
    """

    episode: int
    path: Path
    source: Path | None
    start: int
    frames: int
    rate: float
    resampling: Resampling | None
    counting: Counting
    fps: float
    height: int
    width: int
    settings: EncoderSettings

    @property
    def length(self) -> int:
        """Frames of the clip."""
        return self.resampling.length(self.frames) if self.resampling else self.frames


@dataclass(frozen=True, slots=True)
class Part:
    """Pictures that go into a file of the target, side by side.

    Attributes:
        path: a video of a source, or a clip (relative).
        start: number of the first picture.
        stop: one past the last; None where the whole file is taken.
        frames: how many there are.
        is_clip: whether it has to be encoded first.
        counting: how pictures are numbered in the file.
    """

    path: Path
    start: int
    stop: int | None
    frames: int
    is_clip: bool = False
    counting: Counting = Counting.BY_TIME


@dataclass(frozen=True, slots=True)
class VideoOutput:
    """One video file of the target.

    Attributes:
        number: of the file; in v2.1 chunk and number of the episode.
        method: how it is made.
        parts: what it consists of; one where it is copied or linked.
        bytes: about how large it will be.
    """

    number: FileNumber
    method: Method
    parts: tuple[Part, ...]
    bytes: int

    @property
    def frames(self) -> int:
        """Pictures in the file."""
        return sum(part.frames for part in self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class CameraPlan:
    """The videos of one camera.

    Attributes:
        outputs: the files, in order.
        output_of: which of them each episode of the target is in: int64, (episodes,).
        first_frame: the number of its first frame there: int64, (episodes,).
        clips: what must be encoded before.
        first_time: when that frame is shown, seconds: (episodes,); None is its number / fps.
    """

    outputs: tuple[VideoOutput, ...]
    output_of: Ints
    first_frame: Ints
    clips: tuple[Clip, ...] = ()
    first_time: npt.NDArray[np.float64] | None = None


CameraPlans = Mapping[str, CameraPlan]
