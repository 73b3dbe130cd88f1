"""What is to be recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from lerotool.errors import UsageError
from lerotool.media.format import EncoderSettings
from lerotool.recording.schedule import ticks_in


class BatchMode(StrEnum):
    """When saved episodes are encoded."""

    BACKGROUND = "background"
    """Every N, while recording goes on."""
    FOREGROUND = "foreground"
    """Every N; the next take waits for them."""
    LATER = "later"
    """Not by this session."""


@dataclass(frozen=True, slots=True)
class RecordingConfig:
    """What a session records.

    Attributes:
        root: the dataset.
        task: what the robot does, in words; of every row.
        fps: rows per second.
        episodes: how many the dataset shall have in total.
        episode_time_s: longest take.
        reset_time_s: longest pause between takes, in which the follower follows and nothing is recorded.
        batch: encode after so many saved episodes; 0 never during the session.
        mode: when they are encoded.
        encode_at_end: whether what still waits is encoded when the session ends.
        max_picture_age_s: a picture older than this raises an alarm; a camera silent for four times as long is lost.
        reconnect_s: how long a device that was lost is waited for between takes; 0: not at all.
        encoder: how videos will be encoded; kept with each pending episode.
    """

    root: Path
    task: str
    fps: Fraction = Fraction(30)
    episodes: int = 50
    episode_time_s: float = 60.0
    reset_time_s: float = 60.0
    batch: int = 0
    mode: BatchMode = BatchMode.LATER
    encode_at_end: bool = True
    max_picture_age_s: float = 0.5
    reconnect_s: float = 60.0
    encoder: EncoderSettings = field(default_factory=EncoderSettings)

    def __post_init__(self) -> None:
        problems = [
            text
            for is_wrong, text in (
                (not self.task.strip(), "the task is empty"),
                (self.fps <= 0, f"fps is {self.fps}, expected more than 0"),
                (self.episodes < 1, f"episodes is {self.episodes}, expected at least 1"),
                (self.episode_time_s <= 0, f"episode time is {self.episode_time_s} s, expected more than 0"),
                (self.reset_time_s < 0, f"reset time is {self.reset_time_s} s, expected 0 or more"),
                (self.batch < 0, f"batch is {self.batch}, expected 0 or more"),
                (self.reconnect_s < 0, f"the time to reconnect is {self.reconnect_s} s, expected 0 or more"),
                (self.max_picture_age_s <= 0, f"the picture age is {self.max_picture_age_s} s, expected more than 0"),
            )
            if is_wrong
        ]
        if problems:
            raise UsageError("; ".join(problems))

    @property
    def ticks(self) -> int:
        """Ticks of a whole take."""
        return ticks_in(self.episode_time_s, self.fps)
