"""How much of a dataset is wanted, and which files that is."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError, UsageError
from lerotool.sharing.inventory import CARD
from lerotool.storage import scratch_folder

_META = "meta/"


@dataclass(frozen=True, slots=True)
class Scope:
    """How much of a dataset is wanted."""

    episodes: frozenset[int] | None = None  # their numbers, none for the metadata only; None is everything
    kept: frozenset[int] = frozenset()  # the numbers of those that are here already, and stay

    @property
    def is_all(self) -> bool:
        """Whether everything is wanted."""
        return self.episodes is None


ALL = Scope()
METADATA = Scope(frozenset())


def is_metadata(path: str) -> bool:
    """Whether a file of a repository is there in every scope: the metadata and the card."""
    return path.startswith(_META) or path == CARD


def is_pulled(path: str) -> bool:
    """Whether a file of a repository is one for a folder of ours: hidden files are the Hub's or nobody's."""
    return not any(part.startswith(".") for part in path.split("/"))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a dataset."""

    files: frozenset[str]  # with the rows and pictures of the episodes, by their paths in the repository
    episodes: tuple[int, ...]  # the numbers of all episodes whose rows and pictures are in those files, ascending
    total: int  # how many episodes the dataset has


def find_part(metadata: dict[str, Path], scope: Scope) -> Part:
    """Return which files a scope needs."""
    with scratch_folder("lerotool-metadata-") as root:
        for name, path in metadata.items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        dataset = Dataset.open(root)
        total = dataset.num_episodes
        asked = scope.episodes or frozenset()
        if beyond := sorted(number for number in asked if number >= total):
            raise UsageError(f"there are episodes 0 to {total - 1}, asked for {beyond[0]}")
        wanted = asked | {number for number in scope.kept if number < total}
        files = frozenset(name for number in wanted for name in _files_of(dataset, number))
        # Files hold many episodes, so more may be here than were asked for.
        episodes = [n for n in range(total) if n in wanted or (files and _files_of(dataset, n) <= files)]
    return Part(files, tuple(episodes), total)


def _files_of(dataset: Dataset, number: int) -> set[str]:
    episode = dataset.episodes[number]
    if episode.data.file_index is None:
        raise CorruptDatasetError(
            "the episode table does not tell where rows are, so some episodes alone cannot be fetched",
            hint="pull all of it, or --meta",
        )
    paths = [episode.data.path, *(span.path for span in episode.videos.values())]
    return {os.path.relpath(path, dataset.root).replace(os.sep, "/") for path in paths}
