"""Opens the datasets to merge: which episodes are taken, and what features are called in the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.partial import Partial, load_partial
from lerotool.dataset.reading.columns import check_widths
from lerotool.errors import DatasetError, DatasetLockedError, UsageError
from lerotool.features import DEFAULT_FEATURES, Feature, recorded_features
from lerotool.merging.options import MergeOptions, SourceArgument
from lerotool.rewriting.source import Source
from lerotool.wording import flag, one_line, ranges
from lerotool.workspace import dataset_name

Ints = npt.NDArray[np.int64]


def open_sources(arguments: Sequence[SourceArgument], options: MergeOptions) -> tuple[list[Source], list[str]]:
    """Open all sources; nothing is changed in them.

    Returns the sources that can be read, and what is wrong with the others and with the choice of episodes.
    """
    if not arguments:
        raise UsageError("nothing to merge", hint="lerotool merge SOURCE... -o TARGET")
    sources: list[Source] = []
    problems: list[str] = []
    labels = _short_labels(arguments)
    for place, argument in enumerate(arguments):
        try:
            dataset = Dataset.open(argument.root)
            episodes = _chosen(argument, dataset)
            _check_here(argument, dataset, episodes)
            check_widths(dataset, list(dataset.features))
        except (DatasetError, DatasetLockedError, UsageError) as error:
            if len(arguments) == 1:
                raise
            problems.append(f"{error}" + (f" ({error.hint})" if error.hint else ""))
            continue
        features, originals = _named(dataset, place, options)
        starts, lengths = np.zeros_like(episodes), dataset.episodes.lengths[episodes]
        sources.append(Source(place, labels[place], dataset, episodes, starts, lengths, features, originals))
    return sources, problems


def _short_labels(arguments: Sequence[SourceArgument]) -> list[str]:
    """Return the last part of each path, with the number of the source where several would be called the same."""
    names = [one_line(dataset_name(argument.root)) for argument in arguments]
    return [f"{n} ({place})" if names.count(n) > 1 else n for place, n in enumerate(names, start=1)]


def _chosen(argument: SourceArgument, dataset: Dataset) -> Ints:
    count = dataset.num_episodes
    if argument.episodes is None:
        if not count:
            raise UsageError(f"{str(dataset.root)!r} has no episodes")
        return np.arange(count)
    if isinstance(argument.episodes, slice):
        return np.arange(count)[argument.episodes]
    return argument.episodes.choose(dataset, argument.label)


def _check_here(argument: SourceArgument, dataset: Dataset, episodes: Ints) -> None:
    partial = load_partial(dataset.root)
    if partial is not None and partial.lacking(episodes.tolist()):
        raise UsageError(f"of {argument.label!r} there is only a part here: {partial}", hint=_other_ways(partial))


def _other_ways(partial: Partial) -> str:
    get = f"get the rest: {partial.command}"
    return f"{get}; or take what is here, with :{ranges(partial.episodes)} behind its name" if partial.episodes else get


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
            problems.append(f"{flag('--rename', old)}: no source has such a feature; there are {known}")
    taken = {new for s in sources for new in _all_names(s, options)}
    problems += [f"{flag('--drop', name)}: no source has such a feature" for name in sorted(options.drop - taken)]
    return problems


def _all_names(source: Source, options: MergeOptions) -> set[str]:
    renames = dict(rename.value for rename in options.renames if rename.applies(source.place))
    return {renames.get(name, name) for name in source.dataset.features} | set(_extra_columns(source.dataset))


def _extra_columns(dataset: Dataset) -> Mapping[str, object]:
    return dataset.episodes[0].extra if dataset.num_episodes else {}
