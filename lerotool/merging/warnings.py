"""What a user should know about the sources although nothing has to be decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lerotool.dataset.layout import STATS
from lerotool.dataset.parquet import column_names, open_parquet
from lerotool.errors import DatasetError
from lerotool.features import DEFAULT_FEATURES, Feature, cameras
from lerotool.merging.options import MergeOptions
from lerotool.rewriting.source import Source
from lerotool.wording import as_argument, listed
from lerotool.workspace import Workspace


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
