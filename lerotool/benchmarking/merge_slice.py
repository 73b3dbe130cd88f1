"""How much faster a merge was than row by row: measured on a slice of the very sources that were merged."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lerotool.benchmarking.bench import wall_s
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.selection import Selection
from lerotool.features import DEFAULT_FEATURES, Feature, Kind
from lerotool.merging.options import MergeOptions, MergeRequest, SourceArgument
from lerotool.merging.plan import Plan
from lerotool.merging.run import MergeReport, merge_datasets
from lerotool.rewriting.source import Source
from lerotool.storage import scratch_folder

_SLICE_ROWS = 1000
_LONGEST_SLICE_ROWS = 2000
"""An episode that is longer alone is not worth the wait."""
WORTH_COMPARING_S = 30.0
"""A slice takes a second or two, on a slow machine three: a tenth of a merge that takes as long as this."""
_LEAST = 1.5
"""A smaller difference is not worth showing."""


def speed_up(plan: Plan, report: MergeReport) -> float | None:
    """Return how many times as long the rows alone would take row by row; None where that says nothing.

    The slice is the vectors of the first source's first episodes, as a v2.1 dataset, which is what scripts merge.
    Videos, which cost lerotool its share, are left out of it.
    """
    source = plan.work.contributions[0].source
    if report.wall_s < WORTH_COMPARING_S or not any(map(_is_plain, source.dataset.features.values())):
        return None
    taken = max(1, int(np.searchsorted(np.cumsum(source.lengths), _SLICE_ROWS, side="right")))
    if int(source.lengths[:taken].sum()) > _LONGEST_SLICE_ROWS:
        return None
    # It imports pandas, which takes a small merge a third of its time.
    from lerotool.benchmarking.rowwise import merge_row_by_row

    with scratch_folder("lerotool-merge-slice-") as folder:
        cut = folder / "slice"
        rows = _cut_slice(source, taken, cut)
        seconds = wall_s(lambda: merge_row_by_row([cut], folder / "merged", lambda _: None))
    times = (report.frames / report.wall_s) / (rows / seconds)
    return times if times >= _LEAST else None


def _is_plain(feature: Feature) -> bool:
    return feature.kind is Kind.NUMERIC and len(feature.shape) == 1


def _cut_slice(source: Source, taken: int, target: Path) -> int:
    """Make the slice of the first ``taken`` episodes; return its rows."""
    episodes = tuple((number, number) for number in source.episodes[:taken].tolist())
    left_out = {n for n, f in source.dataset.features.items() if n not in DEFAULT_FEATURES and not _is_plain(f)}
    extra = source.dataset.episodes[0].extra
    options = MergeOptions(version=FormatVersion.V21, drop=frozenset(left_out | set(extra)), retime=True)
    argument = SourceArgument(source.label, source.dataset.root, Selection(episodes))
    return merge_datasets(MergeRequest((argument,), target, options)).frames
