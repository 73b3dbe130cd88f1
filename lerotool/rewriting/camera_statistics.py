"""Picture statistics of a source's episodes: taken over as they are, because pictures are not looked at again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.episode_table import stats_of_row
from lerotool.dataset.parquet import joined_chunks, plain_values
from lerotool.dataset.reading.statistics import parse_stats
from lerotool.errors import MetadataError
from lerotool.features import Feature, picture_size
from lerotool.moments import QUANTILES, VALUES, FeatureStats, merge_columns, sampled_frames
from lerotool.rewriting.rewriting import Rewriting, Share
from lerotool.rewriting.source import Source
from lerotool.rewriting.source_table import EpisodeTableStream

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_ALWAYS = 4  # min, max, mean, std


@dataclass(frozen=True, slots=True, eq=False)
class CameraBlock:
    """Picture statistics of some episodes."""

    values: Floats  # (statistics, episodes, channels) in the order of `VALUES`; NaN where something is not known
    counts: Ints  # frames that they were taken from; 0 where nothing is known: (episodes,)

    @classmethod
    def unknown(cls, episodes: int, channels: int) -> CameraBlock:
        """Return a block in which nothing is known."""
        return cls(np.full((len(VALUES), episodes, channels), np.nan), np.zeros(episodes, np.int64))

    @classmethod
    def black(cls, lengths: Sequence[int], channels: int) -> CameraBlock:
        """Return the statistics of black pictures."""
        counts = np.array([len(sampled_frames(n)) for n in lengths], np.int64)
        return cls(np.zeros((len(VALUES), len(lengths), channels)), counts)

    @classmethod
    def joined(cls, blocks: Sequence[CameraBlock]) -> CameraBlock:
        """Return several blocks as one; where numbers of channels differ, the first one's is taken."""
        if len(blocks) == 1:
            return blocks[0]
        channels = blocks[0].values.shape[2]
        fitting = [b if b.values.shape[2] == channels else cls.unknown(len(b.counts), channels) for b in blocks]
        return cls(np.concatenate([b.values for b in fitting], axis=1), np.concatenate([b.counts for b in fitting]))

    def chosen(self, episodes: npt.NDArray[np.bool_]) -> CameraBlock:
        """Return the block of some of its episodes."""
        return self if episodes.all() else CameraBlock(self.values[:, episodes], self.counts[episodes])

    def put(self, place: int, stats: FeatureStats, length: int) -> None:
        """Fill in one episode; a count of pixels, as LeRobot's streaming encoder has it, becomes one of frames."""
        for row, name in enumerate(VALUES):
            value = stats.value(name)
            if value is not None and value.size == self.values.shape[2]:
                self.values[row, place] = value.reshape(-1)
        if np.isfinite(self.values[:_ALWAYS, place]).all():
            self.counts[place] = min(stats.count, length)


class CameraStats:
    """The picture statistics of one source, a few episodes at a time and in order."""

    def __init__(self, source: Source, features: Mapping[str, Feature]) -> None:
        self._source = source
        self._channels = {name: picture_size(source.features[name])[2] for name in features}
        self._stream: EpisodeTableStream | None = None
        if not source.dataset.version.has_files_of_episodes and features:
            wanted = [f"stats/{source.originals[name]}/{s}" for name in features for s in (*VALUES, "count")]
            self._stream = EpisodeTableStream(source, wanted)
        self._place = 0

    def take(self, count: int) -> dict[str, CameraBlock]:
        """Return the statistics of the next ``count`` episodes."""
        blocks = {name: CameraBlock.unknown(count, channels) for name, channels in self._channels.items()}
        lengths = self._source.lengths[self._place : self._place + count].tolist()
        numbers = self._source.episodes[self._place : self._place + count].tolist()
        self._place += count
        if not blocks:
            return blocks
        table = self._stream.take(count) if self._stream is not None else None
        regular: dict[str, CameraBlock] = {}
        if table is not None:
            for name, channels in self._channels.items():
                block = regular_block(table, self._source.originals[name], channels, np.array(lengths, np.int64))
                if block is not None:
                    regular[name] = block
        left = {name: block for name, block in blocks.items() if name not in regular}
        for place, (number, length) in enumerate(zip(numbers, lengths, strict=True) if left else ()):
            found = self._of_row(table, place) if table is not None else self._of_episode(number, length)
            for name, block in left.items():
                stats = found.get(self._source.originals[name])
                if stats is not None:
                    block.put(place, stats, length)
        return blocks | regular

    def _of_row(self, table: pa.Table, row: int) -> Mapping[str, FeatureStats]:
        entries = stats_of_row((name, table[name][row].as_py()) for name in table.column_names)
        complete = {
            name: entry for name, entry in entries.items() if {"min", "max", "mean", "std", "count"} <= set(entry)
        }
        return parse_stats(complete, f"{self._source.label}: statistics of the episode table")

    def _of_episode(self, number: int, length: int) -> Mapping[str, FeatureStats]:
        if self._source.dataset.version.has_episode_statistics:
            return self._source.dataset.episodes[number].stats
        # v2.0 has statistics of the whole only; LeRobot, too, takes them for each episode.
        sampled = len(sampled_frames(length))
        whole = self._source.dataset.stats
        return {name: FeatureStats(s.min, s.max, s.mean, s.std, sampled, s.quantiles) for name, s in whole.items()}


class PictureStatistics:
    """Picture statistics of the target's episodes: taken over, measured, or black."""

    def __init__(self, work: Rewriting, measured: Mapping[str, Mapping[int, FeatureStats]]) -> None:
        self._measured = measured
        self._features = {name: f for name, f in work.features.items() if f.is_camera}
        self._of_source: dict[int, CameraStats] = {}

    def take(self, shares: Sequence[Share]) -> dict[str, CameraBlock]:
        """Return those of some episodes; they must be asked for in order."""
        if not self._features:
            return {}
        taken = [self._take(share) for share in shares]
        return {name: CameraBlock.joined([blocks[name] for blocks in taken]) for name in self._features}

    def _take(self, share: Share) -> dict[str, CameraBlock]:
        contribution, place = share.contribution, share.place
        source = contribution.source
        if source.place not in self._of_source:
            own = {name: f for name, f in self._features.items() if name in source.features}
            self._of_source = {source.place: CameraStats(source, own)}
        blocks = self._of_source[source.place].take(share.count)
        lengths = share.part(contribution.lengths).tolist()
        for name, feature in self._features.items():
            if name not in blocks:
                blocks[name] = CameraBlock.black(lengths, picture_size(feature)[2])
            for k, length in enumerate(lengths) if name in self._measured else ():
                stats = self._measured[name].get(contribution.first_episode + place + k)
                if stats is not None:
                    blocks[name].put(k, stats, length)
        return blocks


def regular_block(table: pa.Table, feature: str, channels: int, lengths: Ints) -> CameraBlock | None:
    """Return the statistics of a camera whose episodes all have them in one shape, without a Python object per number.

    None where something is missing, empty or of another shape: such rows have to be looked at one by one.
    """
    flat = {}
    for statistic in (*VALUES, "count"):
        name = f"stats/{feature}/{statistic}"
        if name in table.column_names:
            flat[statistic] = _flattened(table[name])
        elif statistic not in QUANTILES:
            return None
    if any(column is None for column in flat.values()):
        return None
    known = {statistic: column for statistic, column in flat.items() if column is not None}
    counts, shape = known.pop("count")
    is_counted = shape == (1,) and counts.dtype.kind == "i" and bool((counts >= 1).all())
    shapes = {shape for _, shape in known.values()}
    if not is_counted or len(shapes) > 1 or math.prod(shapes.pop()) != channels:
        return None
    values = np.full((len(VALUES), len(lengths), channels), np.nan)
    for row, statistic in enumerate(VALUES):
        if statistic in known:
            values[row] = known[statistic][0].reshape(len(lengths), channels)
    is_known = np.isfinite(values[:_ALWAYS]).all(axis=(0, 2))
    return CameraBlock(values, np.where(is_known, np.minimum(counts, lengths), 0))


def _flattened(column: pa.ChunkedArray) -> tuple[npt.NDArray[Any], tuple[int, ...]] | None:
    """Return the numbers of nested lists and the shape that all rows have; None if one has another, or is empty."""
    array = joined_chunks(column)
    shape: list[int] = []
    while pa.types.is_list(array.type):
        sizes = plain_values(array.value_lengths(), np.dtype(np.int32))
        if array.null_count or not len(sizes) or not 0 < sizes.min() == sizes.max():
            return None
        shape.append(int(sizes[0]))
        array = array.flatten()
    dtype = {pa.float64(): np.float64, pa.int64(): np.int64}.get(array.type)
    if dtype is None or array.null_count:
        return None
    return plain_values(array, np.dtype(dtype)), tuple(shape)


def total_of(blocks: Sequence[CameraBlock], name: str) -> FeatureStats | None:
    """Return the statistics of all episodes together, weighted by count; None where those of no episode are known.

    Quantiles are the weighted average, as in LeRobot, and there only if every episode has them.
    """
    if len({block.values.shape[2] for block in blocks}) > 1:
        raise MetadataError(f"camera {name!r}: statistics of different numbers of channels")
    values = np.concatenate([block.values[:, block.counts > 0] for block in blocks], axis=1)
    counts = np.concatenate([block.counts[block.counts > 0] for block in blocks])
    if not len(counts):
        return None
    known = {
        name: own for name, own in zip(VALUES, values, strict=True) if name not in QUANTILES or np.isfinite(own).all()
    }
    return merge_columns(known, counts).mapped(lambda array: array.reshape(-1, 1, 1), int(counts.sum()))
