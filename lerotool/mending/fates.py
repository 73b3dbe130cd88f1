"""What can and cannot be saved of what LeRobot left behind, episode by episode. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from lerotool.dataset.info import DatasetInfo
from lerotool.mending.episode_rows import OldRows
from lerotool.mending.picture_folders import PictureFolder
from lerotool.mending.row_sources import Source
from lerotool.mending.true_episodes import Span, TrueEpisode

NO_ROWS = "these pictures have no rows, and rows cannot be made up"


class Fate(StrEnum):
    """What becomes of an episode."""

    KEPT = "kept"
    """Its rows are there and its pictures are in the videos: it stays in the dataset."""
    ENCODED = "encoded"
    """Its rows are there and its pictures are files: it is encoded and comes after those that are kept."""
    CUT = "cut"
    """The same, up to the first row that lacks a picture."""
    LEFT = "left"
    """It cannot be part of a dataset; its files stay where they are."""


@dataclass(frozen=True, slots=True)
class EpisodeFinding:
    """What was found of one episode.

    Attributes:
        episode: the number that LeRobot gave it.
        fate: what becomes of it.
        rows: that are there.
        usable: of those, that become part of the dataset.
        pictures: finished picture files, by camera.
        reason: what is missing, for people; empty when nothing is.
        hint: what can be done about it.
    """

    episode: int
    fate: Fate
    rows: int
    usable: int
    pictures: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class VideoSource:
    """A video that holds the pictures of an episode from frame ``start`` on."""

    path: Path
    start: int


@dataclass(frozen=True, slots=True)
class LooseEpisode:
    """An episode whose rows are there, and whose pictures are files or were being encoded.

    Attributes:
        number: that LeRobot gave it.
        source: the data file that its rows are in.
        span: the rows that are used.
        folders: its pictures, by camera.
        videos: where they are already in a video, by camera; those cameras have no folder.
    """

    number: int
    source: Source
    span: Span
    folders: Mapping[str, PictureFolder]
    videos: Mapping[str, VideoSource] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filling:
    """A video that a v2.x dataset lacks and whose pictures are there.

    Attributes:
        folder: the pictures.
        target: where the video belongs.
        length: frames.
    """

    folder: PictureFolder
    target: Path
    length: int


@dataclass(frozen=True, slots=True)
class RescuePlan:
    """What will be done with what LeRobot left behind.

    Attributes:
        root: the dataset.
        info: its ``info.json`` as it is.
        tasks: task texts by number.
        sources: its data files.
        findings: all episodes that are not simply in order, by number.
        kept: episodes that stay, in order.
        loose: episodes that become pending episodes, in order.
        fillings: videos that are made where they are missing, in a v2.x dataset.
        old: what the episode table says, as far as it can be read.
        is_broken: whether the dataset's tables must be rewritten.
        refusal: why nothing is done, if nothing is.
        notes: what else people should know.
    """

    root: Path
    info: DatasetInfo
    tasks: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    findings: tuple[EpisodeFinding, ...] = ()
    kept: tuple[TrueEpisode, ...] = ()
    loose: tuple[LooseEpisode, ...] = ()
    fillings: tuple[Filling, ...] = ()
    old: OldRows = field(default_factory=OldRows)
    is_broken: bool = False
    refusal: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def does_anything(self) -> bool:
        """Whether the plan changes anything."""
        return self.refusal is None and (self.is_broken or bool(self.fillings))


@dataclass(frozen=True, slots=True)
class RescueReport:
    """What has been done with what LeRobot left behind.

    Attributes:
        root: the dataset.
        findings: all episodes that were not simply in order.
        originals: where files are kept as they were, if any became others.
        removed_pictures: picture files that left ``images/`` because the dataset contains them; they are kept, too.
        refusal: why nothing was done, if nothing was.
        notes: what else people should know.
    """

    root: Path
    findings: tuple[EpisodeFinding, ...]
    originals: Path | None = None
    removed_pictures: int = 0
    refusal: str | None = None
    notes: tuple[str, ...] = ()
