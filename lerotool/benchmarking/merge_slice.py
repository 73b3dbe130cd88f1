"""How much faster a merge was than row by row: measured on a slice of the very sources that were merged."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from lerotool.benchmarking.clocks import wall_s
from lerotool.benchmarking.rowwise import merge_row_by_row
from lerotool.dataset.info import FormatVersion
from lerotool.features import DEFAULT_FEATURES, Feature, Kind
from lerotool.merging.events import MergeReport
from lerotool.merging.options import MergeOptions, MergeRequest, SourceArgument
from lerotool.merging.run import merge_datasets
from lerotool.merging.sources import Source

_SLICE_ROWS = 1500
WORTH_COMPARING = 10_000
"""Rows from which on a comparison says something and its own time does not matter."""


def speed_up(report: MergeReport) -> float | None:
    """Return how many times as fast as row by row a merge was; None for what is over at once.

    The slice is the vectors of the first source's first episodes, as a v2.1 dataset, which is what scripts merge.
    Videos, which cost lerotool its share, are left out of it.

    Raises:
        LerotoolError: the source cannot be read.
        OSError: the disk is full or fails.
    """
    source = report.plan.contributions[0].source
    if report.frames < WORTH_COMPARING or not any(map(_is_plain, source.dataset.features.values())):
        return None
    with tempfile.TemporaryDirectory(prefix="lerotool-") as folder:
        cut = Path(folder) / "slice"
        rows = _cut_slice(source, cut)
        seconds = wall_s(lambda: merge_row_by_row([cut], Path(folder) / "merged", lambda _: None))
    return (report.frames / report.wall_s) / (rows / seconds)


def _is_plain(feature: Feature) -> bool:
    return feature.kind is Kind.NUMERIC and len(feature.shape) == 1


def _cut_slice(source: Source, target: Path) -> int:
    """Make the slice; return its rows."""
    taken = int(np.searchsorted(np.cumsum(source.lengths), _SLICE_ROWS)) + 1
    episodes = tuple((number, number) for number in source.episodes[:taken].tolist())
    left_out = {n for n, f in source.dataset.features.items() if n not in DEFAULT_FEATURES and not _is_plain(f)}
    extra = source.dataset.episodes[0].extra
    options = MergeOptions(version=FormatVersion.V21, drop=frozenset(left_out | set(extra)), retime=True)
    argument = SourceArgument(source.label, source.dataset.root, episodes)
    return merge_datasets(MergeRequest((argument,), target, options)).frames
