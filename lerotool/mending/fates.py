"""What can and cannot be saved of what LeRobot left behind, episode by episode. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from lerotool.dataset.info import DatasetInfo
from lerotool.mending.old_rows import OldRows
from lerotool.mending.picture_folders import PictureFolder
from lerotool.rewriting.restoration import FoundEpisode, FoundRows

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
    """What was found of one episode."""

    episode: int  # the number that LeRobot gave it
    fate: Fate  # what becomes of it
    rows: int  # that are there
    usable: int  # of those, that become part of the dataset
    pictures: Mapping[str, int] = field(default_factory=dict)  # finished picture files, by camera
    reason: str = ""  # what is missing, for people; empty when nothing is
    hint: str | None = None  # what can be done about it


@dataclass(frozen=True, slots=True)
class VideoSource:
    """A video that holds the pictures of an episode from frame ``start`` on."""

    path: Path
    start: int


@dataclass(frozen=True, slots=True)
class LooseEpisode:
    """An episode whose rows are there, and whose pictures are files or were being encoded."""

    number: int  # that LeRobot gave it
    source: FoundRows  # the data file that its rows are in
    span: FoundEpisode  # the rows that are used
    folders: Mapping[str, PictureFolder]  # its pictures, by camera
    # Where they are already in a video, by camera; those cameras have no folder.
    videos: Mapping[str, VideoSource] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filling:
    """A video that a v2.x dataset lacks and whose pictures are there."""

    folder: PictureFolder  # the pictures
    target: Path  # where the video belongs
    length: int  # frames


@dataclass(frozen=True, slots=True)
class RescuePlan:
    """What will be done with what LeRobot left behind."""

    root: Path  # the dataset
    info: DatasetInfo  # its ``info.json`` as it is
    tasks: tuple[str, ...] = ()  # task texts by number
    sources: tuple[FoundRows, ...] = ()  # its data files
    findings: tuple[EpisodeFinding, ...] = ()  # all episodes that are not simply in order, by number
    kept: tuple[FoundEpisode, ...] = ()  # episodes that stay, in order
    loose: tuple[LooseEpisode, ...] = ()  # episodes that become pending episodes, in order
    fillings: tuple[Filling, ...] = ()  # videos that are made where they are missing, in a v2.x dataset
    old: OldRows = field(default_factory=OldRows)  # what the episode table says, as far as it can be read
    is_broken: bool = False  # whether the dataset's tables must be rewritten
    refusal: str | None = None  # why nothing is done, if nothing is
    notes: tuple[str, ...] = ()  # what else people should know

    @property
    def does_anything(self) -> bool:
        """Whether the plan changes anything."""
        return self.refusal is None and (self.is_broken or bool(self.fillings))


@dataclass(frozen=True, slots=True)
class RescueReport:
    """What has been done with what LeRobot left behind."""

    root: Path  # the dataset
    findings: tuple[EpisodeFinding, ...]  # all episodes that were not simply in order
    originals: Path | None = None  # where files are kept as they were, if any became others
    # Picture files that left ``images/`` because the dataset contains them; they are kept, too.
    removed_pictures: int = 0
    refusal: str | None = None  # why nothing was done, if nothing was
    notes: tuple[str, ...] = ()  # what else people should know
