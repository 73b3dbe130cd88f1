"""What a session tells while it runs: frozen values, handed to a callback that must return at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, ClassVar

from lerotool.dataset.marks import Mark
from lerotool.recording.episode_report import EpisodeReport


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; ``type`` names it in JSON lines."""

    type: ClassVar[str] = "event"

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class SessionStarted(Event):
    """Everything is ready."""

    type: ClassVar[str] = "session_started"
    root: Path
    committed: int
    waiting: int
    goal: int
    needed_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class InterruptedFound(Event):
    """A take of an earlier session was never saved. It does not count and stays where it is."""

    type: ClassVar[str] = "interrupted_found"
    path: Path
    rows: int  # that ``encode --pending --salvage`` can use; 0 if there is nothing
    reason: str


@dataclass(frozen=True, slots=True)
class ViewsChanged(Event):
    """Cameras see something else than when the last session began: ``notes`` says what, in words."""

    type: ClassVar[str] = "views_changed"
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TakeStarted(Event):
    """Recording of an episode began; ``episode`` counts from 0, as in the dataset."""

    type: ClassVar[str] = "take_started"
    episode: int
    goal: int
    task: str


@dataclass(frozen=True, slots=True)
class EpisodeSaved(Event):
    """An episode is durable on disk."""

    type: ClassVar[str] = "episode_saved"
    episode: int  # counted from 0 over the whole dataset
    goal: int
    pending: int
    path: Path
    save_s: float
    report: EpisodeReport


@dataclass(frozen=True, slots=True)
class EpisodeMarked(Event):
    """The person has said something about the take just saved; ``mark`` is all that was said."""

    type: ClassVar[str] = "episode_marked"
    episode: int
    mark: Mark


@dataclass(frozen=True, slots=True)
class QuestionAsked(Event):
    """The person is asked how the take just saved went."""

    type: ClassVar[str] = "question_asked"
    episode: int


@dataclass(frozen=True, slots=True)
class EpisodeDiscarded(Event):
    """A take was thrown away."""

    type: ClassVar[str] = "episode_discarded"
    episode: int  # that it would have been, counted from 0
    rows: int
    reason: str | None = None  # why, for people; None where the person asked for it


@dataclass(frozen=True, slots=True)
class TakeLeft(Event):
    """A take was left as it is on disk, not saved: ``encode --pending --salvage`` can still use it."""

    type: ClassVar[str] = "take_left"
    episode: int
    rows: int
    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class ResetStarted(Event):
    """The pause before the next take began, whose task is ``task``."""

    type: ClassVar[str] = "reset_started"
    next_episode: int
    seconds: float
    task: str


@dataclass(frozen=True, slots=True)
class PictureAlarm(Event):
    """A camera's newest picture became too old, or is fresh again."""

    type: ClassVar[str] = "picture_alarm"
    camera: str
    age_s: float
    is_over: bool


@dataclass(frozen=True, slots=True)
class DeviceLost(Event):
    """A device was lost; what was recorded until then is saved, and the device is waited for."""

    type: ClassVar[str] = "device_lost"
    reason: str
    hint: str | None
    patience_s: float


@dataclass(frozen=True, slots=True)
class DevicesBack(Event):
    """All devices work again."""

    type: ClassVar[str] = "devices_back"


@dataclass(frozen=True, slots=True)
class FreezeAlarm(Event):
    """A camera sends the same picture again and again, or new ones again."""

    type: ClassVar[str] = "freeze_alarm"
    camera: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class RobotOpened(Event):
    """The robot answers."""

    type: ClassVar[str] = "robot_opened"
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlignmentStarted(Event):
    """The follower approaches the leader's pose slowly before it follows at full speed."""

    type: ClassVar[str] = "alignment_started"


@dataclass(frozen=True, slots=True)
class DiskLow(Event):
    """The disk will be full before the session is over."""

    type: ClassVar[str] = "disk_low"
    free_bytes: int
    left_s: float
    needed_bytes: int


@dataclass(frozen=True, slots=True)
class EncodingStarted(Event):
    """Saved episodes were handed to the encoder."""

    type: ClassVar[str] = "encoding_started"
    episodes: int
    at_end: bool


class SessionEnd(StrEnum):
    """Why a session ended."""

    COMPLETE = "complete"
    """The dataset has as many episodes as it shall have."""
    STOPPED = "stopped"
    """By a key."""
    INTERRUPTED = "interrupted"
    """By Ctrl-C or a signal; the take in progress was saved."""
    ABORTED = "aborted"
    """By a second one; the take in progress was left for recovery."""
    FAILED = "failed"
    """A device or the disk failed."""


@dataclass(frozen=True, slots=True)
class SessionReport(Event):
    """What a session did."""

    type: ClassVar[str] = "session"
    root: Path  # the dataset
    ended: SessionEnd  # why it ended
    episodes: Mapping[int, EpisodeReport]  # reports of the episodes saved, by number, counted from 0
    discarded: int  # takes thrown away
    total: int  # episodes that the dataset has now, those that wait included
    goal: int  # episodes that it shall have
    pending: int  # episodes that still wait to be encoded
    encoded: int  # episodes brought into the dataset by this session
    marks: Mapping[str, int]  # how many of the episodes saved were marked in which way
    rows: int  # of all saved episodes
    seconds: float  # recorded
    late: int  # ticks that began late
    missed: int  # ticks without a row
    longest_save_s: float  # the longest time that saving an episode took


def _plain(value: object) -> Any:
    if isinstance(value, EpisodeReport | Mark):
        return value.to_json()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Enum | Path):
        return str(value)
    return value
