"""What `encode_pending` tells while it works, and its report. Values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lerotool.mending.fates import RescueReport


@dataclass(frozen=True, slots=True)
class JobName:
    """Which job: the folder name of a pending episode, and the key of one of its cameras."""

    episode: str
    camera: str

    def __str__(self) -> str:
        return f"{self.episode} {self.camera.removeprefix('observation.images.')}"


NOT_YET = "not encoded yet"
"""The reason of what a run did not come to, because it was stopped."""


@dataclass(frozen=True, slots=True)
class Left:
    """A pending episode that was not brought into the dataset; its folder is untouched."""

    episode: str
    reason: str
    hint: str | None = None  # what to do about it, if anything can be done


@dataclass(frozen=True, slots=True)
class Found:
    """The work has been laid out."""

    root: Path
    episodes: int
    jobs: int  # one per episode and camera
    frames: int
    seconds: float
    left: tuple[Left, ...]  # episodes that are not touched, with the reason
    live: tuple[str, ...]  # episodes that are being recorded now; they are none of this run's business


@dataclass(frozen=True, slots=True)
class JobStarted:
    """A worker has taken a job of ``total`` frames."""

    job: JobName
    total: int


@dataclass(frozen=True, slots=True)
class JobProgressed:
    """A job has encoded ``done`` of ``total`` frames."""

    job: JobName
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class JobDone:
    """The result of a job is staged and verified; ``is_reused`` when it was there from an earlier run."""

    job: JobName
    frames: int
    cpu_s: float
    wall_s: float
    is_reused: bool


@dataclass(frozen=True, slots=True)
class JobFailed:
    """A job failed; its episode stays pending."""

    job: JobName
    reason: str


@dataclass(frozen=True, slots=True)
class Committed:
    """Pending episodes have become the dataset's episodes ``first`` to ``first + len(episodes) - 1``."""

    episodes: tuple[str, ...]
    first: int


@dataclass(frozen=True, slots=True)
class Packed:
    """The dataset's small files have been joined."""

    wall_s: float


class Ending(StrEnum):
    """How a run ended."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    """Finished, but some episodes are left."""
    STOPPED = "stopped"
    """Asked to stop; finished jobs are kept for the next run."""


@dataclass(frozen=True, slots=True)
class EncodeReport:
    """What a run has done.

    Attributes:
        root: the dataset.
        ending: how it ended.
        episodes: committed in this run.
        rows: of those episodes.
        recorded_s: duration of those episodes, rows / fps.
        frames: pictures encoded in this run, all cameras together; reused results are not counted.
        reused_frames: pictures whose encoding was there from an earlier run.
        wall_s: of the whole run.
        encode_wall_s: from the first job's start to the last job's end.
        cpu_s: CPU seconds of all jobs of this run, as each worker process measured its own.
        total_episodes: in the dataset now.
        failures: episodes that this run tried in vain; they are still pending.
        left: other episodes that are still pending, with the reason.
        live: episodes that are being recorded now.
        rescue: what has become of what LeRobot left behind, if that was looked for and there was something.
    """

    root: Path
    ending: Ending
    episodes: int
    rows: int
    recorded_s: float
    frames: int
    reused_frames: int
    wall_s: float
    encode_wall_s: float
    cpu_s: float
    total_episodes: int
    failures: tuple[Left, ...]
    left: tuple[Left, ...]
    live: tuple[str, ...]
    rescue: RescueReport | None = None

    @property
    def frames_per_s(self) -> float:
        """Pictures encoded per second, all jobs together, while jobs were running."""
        return self.frames / self.encode_wall_s if self.encode_wall_s else 0.0

    @property
    def times_real_time(self) -> float:
        """Seconds of recording, with all its cameras, that one second of the whole run brings into the dataset."""
        return self.recorded_s / self.wall_s if self.wall_s else 0.0

    @property
    def speed_up(self) -> float:
        """CPU seconds of the jobs per second of encoding: how much longer they take one at a time, on one core."""
        return self.cpu_s / self.encode_wall_s if self.encode_wall_s else 0.0


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over."""

    report: EncodeReport


Event = Found | JobStarted | JobProgressed | JobDone | JobFailed | Committed | Packed | Finished
Listener = Callable[[Event], None]
