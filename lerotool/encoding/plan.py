"""What there is to encode in a dataset: found by looking only, nothing is changed."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from lerotool.choices import Priority
from lerotool.encoding.events import Left
from lerotool.errors import LerotoolError
from lerotool.media.codecs import choose_encoder
from lerotool.media.format import EncoderSettings
from lerotool.spool.pending import PendingEpisode, State
from lerotool.spool.recovery import Kind, Verdict, examine_all

# Of AV1 at the default quality with noise; measured 0.02 to 0.03 on camera pictures.
_BYTES_PER_PIXEL = 0.05
_BYTES_PER_ROW = 400


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How to encode.

    Attributes:
        jobs: worker processes; None is one per core.
        overrides: fields of EncoderSettings that win over those the episodes were recorded with.
        salvage: also use episodes whose recording was cut off, as far as they are complete.
        pack: join the dataset's small files at the end.
        priority: of the workers.
        only: numbers of the pending episodes to encode, as their folders have them, or how they are marked, a word of
            `lerotool.dataset.marks.SELECTIONS` such as ``success``; None is all.
        keep_pending: leave the folders of committed episodes where they are, marked as committed.
        rescue: also take what LeRobot itself has left behind in the dataset.
    """

    jobs: int | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    salvage: bool = False
    pack: bool = True
    priority: Priority = Priority.LOW
    only: frozenset[int] | str | None = None
    keep_pending: bool = False
    rescue: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One pending episode to bring into the dataset: little, because thousands may wait; `open` gives the rest."""

    path: Path
    settings: EncoderSettings
    sequence: int
    started_at: str
    length: int
    fps: float  # rows a second
    cameras: tuple[str, ...]
    pixels: int  # of one picture of each camera, together

    @classmethod
    def of(cls, episode: PendingEpisode, settings: EncoderSettings) -> Self:
        """Return the task that a pending episode is."""
        header = episode.header
        pixels = sum(stream.width * stream.height for stream in header.cameras.values())
        cameras = tuple(map(sys.intern, header.cameras))
        return cls(
            episode.path, settings, header.sequence, header.started_at, episode.length, header.fps, cameras, pixels
        )

    def open(self) -> PendingEpisode:
        """Open the episode."""
        return PendingEpisode.open(self.path)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.name

    @property
    def seconds(self) -> float:
        """How long the episode is."""
        return self.length / self.fps

    @property
    def estimated_bytes(self) -> int:
        """About how much its videos and rows will take in the dataset."""
        return self.length * (int(self.pixels * _BYTES_PER_PIXEL) + _BYTES_PER_ROW)


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done with a dataset's pending episodes."""

    root: Path
    tasks: tuple[Task, ...]
    salvageable: tuple[Verdict, ...]  # cut-off episodes that must be salvaged first, when that was asked for
    left: tuple[Left, ...]  # episodes that are not touched, with the reason
    live: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Rows of the tasks."""
        return sum(task.length for task in self.tasks)

    @property
    def frames(self) -> int:
        """Pictures to encode, all cameras together."""
        return sum(task.length * len(task.cameras) for task in self.tasks)

    @property
    def seconds(self) -> float:
        """Recorded seconds."""
        return sum(task.seconds for task in self.tasks)

    @property
    def estimated_bytes(self) -> int:
        """About how much disk space the result takes."""
        return sum(task.estimated_bytes for task in self.tasks)


def plan_encoding(root: Path, options: EncodeOptions, committed: frozenset[str] = frozenset()) -> Plan:
    """Look at all pending episodes of a dataset."""
    tasks: list[Task] = []
    salvageable: list[Verdict] = []
    left: list[Left] = []
    live: list[str] = []
    for verdict in examine_all(root):
        if verdict.kind is Kind.LIVE:
            live.append(verdict.path.name)
            continue
        found = _classify(verdict, options, committed)
        match found:
            case Task():
                tasks.append(found)
            case Verdict():
                salvageable.append(found)
            case Left():
                left.append(found)
    tasks.sort(key=lambda task: (task.sequence, task.started_at, task.name))
    return Plan(root, tuple(tasks), tuple(salvageable), tuple(left), tuple(live))


def _classify(verdict: Verdict, options: EncodeOptions, committed: frozenset[str]) -> Task | Verdict | Left | None:
    name = verdict.path.name
    if verdict.kind is Kind.HOPELESS:
        return Left(name, verdict.reason, f"nothing in it can be used; remove {verdict.path} when you agree")
    if verdict.kind is Kind.SALVAGEABLE:
        hint = f"encode with --salvage to use its {verdict.rows} complete rows"
        return verdict if options.salvage else Left(name, verdict.reason, hint)
    try:
        episode = PendingEpisode.open(verdict.path)
    except LerotoolError as error:
        return Left(name, str(error), error.hint)
    if episode.state is State.COMMITTED:
        return None
    if episode.header.recording_id in committed:
        return Left(name, "is in the dataset already", f"remove {verdict.path}")
    settings = dataclasses.replace(episode.header.encoder, **options.overrides)
    return Task.of(episode, choose_encoder(settings).settings)
