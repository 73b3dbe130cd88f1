"""Opens the datasets to merge: which episodes are taken, what features are called, what is worth knowing of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.layout import STATS
from lerotool.dataset.parquet import column_names, open_parquet
from lerotool.dataset.partial import Partial, load_partial
from lerotool.dataset.reading.columns import check_widths
from lerotool.errors import DatasetError, DatasetLockedError, UsageError
from lerotool.features import DEFAULT_FEATURES, Feature, cameras, recorded_features
from lerotool.merging.options import MergeOptions, SourceArgument
from lerotool.rewriting.source import Ints, Source
from lerotool.wording import as_argument, flag, listed, one_line, ranges
from lerotool.workspace import Workspace, dataset_name


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
    renames = _renames(options, place)
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
        asked = [s for s in sources if rename.applies(s.place)]
        if asked and not any(rename.old in s.dataset.features for s in asked):
            known = ", ".join(dict.fromkeys(n for s in asked for n in recorded_features(s.dataset.features)))
            problems.append(f"{flag('--rename', rename.old)}: no source has such a feature; there are {known}")
    taken = {new for s in sources for new in _all_names(s, options)}
    problems += [f"{flag('--drop', name)}: no source has such a feature" for name in sorted(options.drop - taken)]
    return problems


def _all_names(source: Source, options: MergeOptions) -> set[str]:
    renames, dataset = _renames(options, source.place), source.dataset
    extra = dataset.episodes[0].extra if dataset.num_episodes else {}
    return {*extra, *(renames.get(name, name) for name in dataset.features)}


def _renames(options: MergeOptions, place: int) -> dict[str, str]:
    return {rename.old: rename.new for rename in options.renames if rename.applies(place)}


def source_notes(sources: Sequence[Source], features: Mapping[str, Feature], options: MergeOptions) -> Iterator[str]:
    """Yield what is worth knowing about the sources."""
    yield from _twice(sources)
    for source in sources:
        if source.dataset.unfinished is not None:
            yield f"{source.label}: {source.dataset.unfinished}"
        yield from _pending(source)
        yield from _unlisted_columns(source)
        yield from _splits(source)
    yield from _image_statistics(sources, features)
    if options.version.has_files_of_episodes and any(s.dataset.info.states("data_files_size_in_mb") for s in sources):
        yield from _left_behind(sources)


def _twice(sources: Sequence[Source]) -> Iterator[str]:
    roots: dict[str, list[Source]] = {}
    for source in sources:
        roots.setdefault(str(source.dataset.root.resolve()), []).append(source)
    for same in roots.values():
        numbers = [number for source in same for number in source.episodes.tolist()]
        if len(set(numbers)) < len(numbers):
            yield f"{same[0].label} is named {len(same)} times: some of its episodes will be there more than once"


def _pending(source: Source) -> Iterator[str]:
    pending = Workspace(source.dataset.root).pending
    waiting = sum(1 for entry in pending.iterdir() if not entry.name.startswith(".")) if pending.is_dir() else 0
    if waiting:
        yield (
            f"{source.label} has {waiting} recorded episodes that are not encoded yet; they are left out "
            f"(lerotool encode --pending {as_argument(source.dataset.root)})"
        )


def _unlisted_columns(source: Source) -> Iterator[str]:
    """Tell of columns that no feature describes: LeRobot cannot load v3.0 data files that have such."""
    if not len(source.episodes):
        return
    try:
        files = source.dataset.data_files
        path = files.path(files.find(int(source.dataset.episodes.starts[source.episodes[0]])))
        with open_parquet(path) as file:
            names = column_names(file, path)
    except DatasetError:
        return  # reported as damage
    known = {*source.dataset.features, *DEFAULT_FEATURES}
    unlisted = [name for name in names if name not in known]
    if unlisted:
        yield f"{source.label}: columns that info.json does not list are left out: {listed(unlisted)}"


def _splits(source: Source) -> Iterator[str]:
    splits = set(source.dataset.info.splits or {}) - {"train"}
    if splits:
        yield f"{source.label}: its splits {listed(sorted(splits))} are not carried over, all episodes are for training"


def _image_statistics(sources: Sequence[Source], features: Mapping[str, Feature]) -> Iterator[str]:
    """Tell of picture statistics that may be wrong, or are not there."""
    for source in sources:
        videos = [n for n in cameras(source.features) if n in features]
        if not videos:
            continue
        root = source.dataset.root
        command = f"lerotool stats {as_argument(root)}"
        is_native = (
            not source.dataset.version.has_files_of_episodes and "video.is_depth_map" in source.features[videos[0]].info
        )
        if is_native and "fps" not in source.dataset.features["timestamp"].extra:
            yield (
                f"{source.label}: if LeRobot 0.4.0 to 0.5.1 recorded it, the standard deviation of its pictures may be "
                f"wrong; {command} --verify tells, {command} --write corrects it"
            )
        if not source.dataset.version.has_episode_statistics and not source.dataset.layout.files.path(STATS).exists():
            yield f"{source.label}: without statistics of pictures; {command} --write measures them"


def _left_behind(sources: Sequence[Source]) -> Iterator[str]:
    measured = [s.label for s in sources if (Workspace(s.dataset.root).sidecar / "timing").is_dir()]
    if measured:
        yield f"{listed(measured)}: v2.1 has no place for the measured times; they are left out"
