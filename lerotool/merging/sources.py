"""The datasets to merge, opened read-only: which episodes are taken, and what features are called in the target."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lerotool.dataset.dataset import Dataset
from lerotool.errors import DatasetError, DatasetLockedError, UsageError
from lerotool.features import DEFAULT_FEATURES, Feature, recorded_features
from lerotool.merging.options import MergeOptions, SourceArgument
from lerotool.workspace import Workspace

Ints = npt.NDArray[np.int64]
_MOST_LISTED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One dataset of a merge.

    Attributes:
        place: its number among the sources, from 0.
        label: what it is called in messages.
        dataset: opened.
        episodes: the numbers of the episodes that are taken, in order: int64, (n,).
        lengths: their frames: int64, (n,).
        features: by their names in the target, without the five default ones.
        originals: the names in the source by those in the target.
    """

    place: int
    label: str
    dataset: Dataset
    episodes: Ints
    lengths: Ints
    features: Mapping[str, Feature]
    originals: Mapping[str, str]

    @property
    def is_whole(self) -> bool:
        """Whether all episodes are taken, in order."""
        return np.array_equal(self.episodes, np.arange(self.dataset.num_episodes))

    def runs(self) -> list[tuple[int, int]]:
        """Return the ranges [start, stop) of episodes that stand side by side in the source, in order."""
        if not len(self.episodes):
            return []
        breaks = np.flatnonzero(np.diff(self.episodes) != 1) + 1
        edges = [0, *breaks.tolist(), len(self.episodes)]
        firsts = self.episodes[edges[:-1]].tolist()
        return [(first, first + b - a) for first, a, b in zip(firsts, edges[:-1], edges[1:], strict=True)]


def open_sources(arguments: Sequence[SourceArgument], options: MergeOptions) -> tuple[list[Source], list[str]]:
    """Open all sources; nothing is changed in them.

    Returns:
        The sources that can be read, and what is wrong with the others and with the choice of episodes.

    Raises:
        UsageError: there are no sources.
        DatasetError: the only source cannot be read.
    """
    if not arguments:
        raise UsageError("there is nothing to merge", hint="lerotool merge SOURCE... -o TARGET")
    sources: list[Source] = []
    problems: list[str] = []
    labels = _short_labels(arguments)
    for place, argument in enumerate(arguments):
        try:
            dataset = _open(argument.root)
            episodes = _chosen(argument, dataset)
        except (DatasetError, DatasetLockedError, UsageError) as error:
            if len(arguments) == 1:
                raise
            problems.append(f"{error}" + (f" ({error.hint})" if error.hint else ""))
            continue
        features, originals = _named(dataset, place, options)
        lengths = dataset.episodes.lengths[episodes]
        sources.append(Source(place, labels[place], dataset, episodes, lengths, features, originals))
    return sources, problems


def _short_labels(arguments: Sequence[SourceArgument]) -> list[str]:
    """Return the last part of each path, with the number of the source where several would be called the same."""
    names = [argument.root.name for argument in arguments]
    return [f"{n} ({place})" if names.count(n) > 1 else n for place, n in enumerate(names, start=1)]


def _open(root: Path) -> Dataset:
    journal = Workspace(root).journal
    if journal.exists():
        # To finish it would change a source.
        raise DatasetLockedError(
            f"{journal}: a change of this dataset was interrupted and must be finished first",
            hint=f"lerotool info {root}",
        )
    return Dataset(root)


def _chosen(argument: SourceArgument, dataset: Dataset) -> Ints:
    count = dataset.num_episodes
    if argument.episodes is None:
        if not count:
            raise UsageError(f"{str(dataset.root)!r} has no episodes")
        return np.arange(count)
    if beyond := [f"{a}-{b}" if a != b else f"{a}" for a, b in argument.episodes if b >= count]:
        raise UsageError(
            f"{argument.label!r} has episodes 0 to {count - 1}, asked for {', '.join(beyond[:_MOST_LISTED])}"
        )
    chosen = np.concatenate([np.arange(first, last + 1) for first, last in argument.episodes])
    if len(np.unique(chosen)) != len(chosen):
        raise UsageError(f"{argument.label!r}: an episode is asked for twice")
    return chosen.astype(np.int64)


def _named(dataset: Dataset, place: int, options: MergeOptions) -> tuple[dict[str, Feature], dict[str, str]]:
    renames = dict(rename.value for rename in options.renames if rename.applies(place))
    features: dict[str, Feature] = {}
    originals: dict[str, str] = {}
    for name, feature in recorded_features(dataset.features).items():
        new = renames.get(name, name)
        if new in options.drop:
            continue
        if new in features or new in DEFAULT_FEATURES:
            raise UsageError(f"{str(dataset.root)!r}: two features would be called {new!r}")
        features[new], originals[new] = feature, name
    return features, originals


def unused_names(sources: Sequence[Source], options: MergeOptions) -> list[str]:
    """Return complaints about names in options that no source has."""
    problems = []
    for rename in options.renames:
        old = rename.value[0]
        asked = [s for s in sources if rename.applies(s.place)]
        if asked and not any(old in s.dataset.features for s in asked):
            known = ", ".join(dict.fromkeys(n for s in asked for n in recorded_features(s.dataset.features)))
            problems.append(f"--rename {old!r}: no source has such a feature; there are {known}")
    taken = {new for s in sources for new in _all_names(s, options)}
    problems += [f"--drop {name!r}: no source has such a feature" for name in sorted(options.drop - taken)]
    return problems


def _all_names(source: Source, options: MergeOptions) -> set[str]:
    renames = dict(rename.value for rename in options.renames if rename.applies(source.place))
    return {renames.get(name, name) for name in source.dataset.features} | set(_extra_columns(source.dataset))


def _extra_columns(dataset: Dataset) -> Mapping[str, object]:
    return dataset.episodes[0].extra if dataset.num_episodes else {}


def fingerprint(root: Path) -> str:
    """Return a hash of the names, sizes and times of a dataset's files; lerotool's own folder is left out."""
    own = Workspace(root).folder
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if os.path.join(folder, name) != str(own))  # noqa: PTH118
        for name in sorted(names):
            path = os.path.join(folder, name)  # noqa: PTH118
            facts = os.stat(path, follow_symlinks=False)  # noqa: PTH116
            digest.update(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()
