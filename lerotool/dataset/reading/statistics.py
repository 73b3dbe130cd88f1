"""Statistics as datasets keep them: of the whole in ``meta/stats.json``, of episodes in the episode tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lerotool.dataset.documents import RESTORE, read_object
from lerotool.dataset.layout import STATS, Files, inside
from lerotool.errors import CorruptDatasetError, MetadataError
from lerotool.moments import FeatureStats, merge_stats

_BATCH = 256


def parse_stats(entries: object, place: str, count: int | None = None) -> dict[str, FeatureStats]:
    """Build the statistics of all features from an object with one entry per feature."""
    if not isinstance(entries, Mapping):
        raise MetadataError(f"{place}: expected an object of statistics, found {type(entries).__name__}", hint=RESTORE)
    return {name: _parse_feature(name, entry, place, count) for name, entry in entries.items()}


def _parse_feature(name: str, entry: Any, place: str, count: int | None) -> FeatureStats:
    if not isinstance(entry, Mapping):
        raise MetadataError(
            f"{place}: feature {name!r}: expected an object of statistics, found {type(entry).__name__}", hint=RESTORE
        )
    try:
        return FeatureStats.from_json(entry, count)
    except (MetadataError, OverflowError) as error:
        raise MetadataError(f"{place}: feature {name!r}: {error}", hint=RESTORE) from error


def load_stats(files: Files, frames: int) -> dict[str, FeatureStats]:
    """Read ``meta/stats.json``; without that file there are none."""
    path = inside(files.root, files.name(STATS.as_posix()))
    return parse_stats(read_object(path), str(path), frames) if path.exists() else {}


def merge_episodes(episodes: Iterable[Mapping[str, FeatureStats]]) -> dict[str, FeatureStats]:
    """Merge the statistics of episodes into those of the dataset, with flat memory."""
    merged: dict[str, FeatureStats] = {}
    batch: list[Mapping[str, FeatureStats]] = []
    for stats in episodes:
        batch.append(stats)
        if len(batch) == _BATCH:
            merged = _merge([merged, *batch])
            batch.clear()
    return _merge([merged, *batch])


def _merge(parts: list[Mapping[str, FeatureStats]]) -> dict[str, FeatureStats]:
    merged = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        try:
            merged[name] = merge_stats([part[name] for part in parts if name in part])
        except MetadataError as error:
            raise CorruptDatasetError(f"statistics of the episodes, feature {name!r}: {error}", hint=RESTORE) from error
    return merged
