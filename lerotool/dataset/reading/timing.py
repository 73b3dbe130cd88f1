"""Measured times of rows, kept beside the dataset in ``meta/lerotool/timing``: one file per data file, row by row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from lerotool.dataset.documents import RESTORE
from lerotool.dataset.layout import Layout
from lerotool.dataset.parquet import column_names, open_parquet, read_groups
from lerotool.dataset.reading.datafiles import cumulated
from lerotool.dataset.reading.episodes import DataSpan
from lerotool.errors import CorruptDatasetError


def read_timing(layout: Layout, span: DataSpan) -> pa.Table | None:
    """Return the measured times of the rows of a span, or None where that file does not exist."""
    if span.chunk_index is None or span.file_index is None:
        return None
    path = layout.timing_path(span.chunk_index, span.file_index)
    if not path.exists():
        return None
    with open_parquet(path) as file:
        starts = cumulated([file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)])
        if span.row_stop > starts[-1]:
            raise CorruptDatasetError(
                f"{path}: expected at least {span.row_stop} rows as in the data file, found {starts[-1]}", hint=RESTORE
            )
        first = int(np.searchsorted(starts, span.row_start, side="right")) - 1
        after = int(np.searchsorted(starts, span.row_stop, side="left"))
        table = read_groups(file, path, range(first, max(first, after)), column_names(file, path))
    return table.slice(span.row_start - int(starts[first]), span.row_stop - span.row_start)
