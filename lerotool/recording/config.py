"""What is to be recorded."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from lerotool.errors import UsageError
from lerotool.media.format import EncoderSettings
from lerotool.recording.pacing import ticks_in
from lerotool.wording import one_line

SUCCESS_COLUMN = "next.success"
"""What LeRobot's datasets call it."""


class BatchMode(StrEnum):
    """When saved episodes are encoded."""

    BACKGROUND = "background"
    """Every N, while recording goes on."""
    FOREGROUND = "foreground"
    """Every N; the next take waits for them."""
    LATER = "later"
    """Not by this session."""


class Asking(StrEnum):
    """When the person is asked how a take went."""

    NEVER = "never"
    """Takes can be marked in the pause after them."""
    ALWAYS = "always"
    """After every take, before anything else goes on."""


@dataclass(frozen=True, slots=True)
class RecordingConfig:
    """What a session records."""

    root: Path  # the dataset
    task: str  # what the robot does, in words; of every row, unless there are prompts
    fps: Fraction = Fraction(30)  # rows per second
    episodes: int = 50  # how many the dataset shall have in total
    episode_time_s: float = 60.0  # longest take
    # A take that is ended before it is so long is discarded; 0 keeps every take that has a row.
    min_episode_time_s: float = 1.0
    reset_time_s: float = 60.0  # longest pause between takes, in which the follower follows and nothing is recorded
    batch: int = 0  # encode after so many saved episodes; 0 never during the session
    mode: BatchMode = BatchMode.LATER  # when they are encoded
    encode_at_end: bool = True  # whether what still waits is encoded when the session ends
    # A picture older than this raises an alarm; a camera silent for four times as long is lost.
    max_picture_age_s: float = 0.5
    reconnect_s: float = 60.0  # how long a device that was lost is waited for between takes; 0: not at all
    # How videos will be encoded; kept with each pending episode.
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    asking: Asking = Asking.NEVER  # whether the person is asked after each take how it went
    operator: str | None = None  # who steers the robot; kept with each episode
    prompts: Prompts | None = None  # a task for each episode, in place of one for all
    # A column of bools whose last row in an episode says whether the take was marked a success.
    success_column: str | None = None

    def __post_init__(self) -> None:
        problems = [
            text
            for is_wrong, text in (
                (self.prompts is None and not self.task.strip(), "the task is empty"),
                (self.fps <= 0, f"fps is {self.fps}, expected more than 0"),
                (self.episodes < 1, f"episodes is {self.episodes}, expected at least 1"),
                (self.episode_time_s <= 0, f"episode time is {self.episode_time_s} s, expected more than 0"),
                (self.min_episode_time_s < 0, f"shortest take is {self.min_episode_time_s} s, expected 0 or more"),
                (self.reset_time_s < 0, f"reset time is {self.reset_time_s} s, expected 0 or more"),
                (self.batch < 0, f"batch is {self.batch}, expected 0 or more"),
                (self.reconnect_s < 0, f"the time to reconnect is {self.reconnect_s} s, expected 0 or more"),
                (self.max_picture_age_s <= 0, f"the picture age is {self.max_picture_age_s} s, expected more than 0"),
            )
            if is_wrong
        ]
        if problems:
            raise UsageError("; ".join(problems))

    def task_of(self, episode: int) -> str:
        """Return the task of an episode, counted from 0 over the whole dataset."""
        return self.task if self.prompts is None else self.prompts.of(episode)

    @property
    def ticks(self) -> int:
        """Ticks of a whole take."""
        return ticks_in(self.episode_time_s, self.fps)


_COMMENT = "#"


@dataclass(frozen=True, slots=True)
class Prompts:
    """What the robot does, in words, episode by episode.

    The task follows from the episode's number alone: a take that is recorded again keeps its task, and a session that
    goes on with a dataset goes on in the list.
    """

    name: str  # what the list is called
    texts: tuple[str, ...]  # the tasks; the first one again after the last
    # Every round through the list has an order of its own, which follows from this number; None keeps the order.
    seed: int | None = None

    def of(self, episode: int) -> str:
        """Return the task of an episode, counted from 0 over the whole dataset."""
        turn, place = divmod(episode, len(self.texts))
        if self.seed is None:
            return self.texts[place]
        order = list(self.texts)
        random.Random(f"{self.seed}/{turn}").shuffle(order)
        return order[place]


def read_prompts(path: Path, seed: int | None = None) -> Prompts:
    """Read a file of tasks: one a line; blank lines and lines that begin with # are passed over."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: byte {error.start} is not UTF-8 text", hint="save the file as UTF-8") from None
    lines = (line.strip() for line in text.splitlines())
    tasks = tuple(line for line in lines if line and not line.startswith(_COMMENT))
    if not tasks:
        raise UsageError(f"{path}: the file has no task", hint="write one task a line")
    if wrong := next((task for task in tasks if one_line(task) != task), None):
        raise UsageError(f"{path}: {wrong!r} has characters that cannot be shown", hint="write the task again")
    return Prompts(path.stem, tasks, seed)
