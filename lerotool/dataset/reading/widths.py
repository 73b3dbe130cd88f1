"""Whether rows are as wide as declared, looked at before memory is taken for what is declared."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyarrow as pa

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.parquet import column_names, first_rows, open_parquet
from lerotool.dataset.reading.columns import to_numpy
from lerotool.features import Kind

_WIDE = 2**14
"""Values of a row that take little memory, true or not."""


def check_widths(dataset: Dataset, names: Sequence[str]) -> None:
    """Compare the declared shapes of wide numeric columns with the dataset's first row."""
    if not dataset.num_frames:
        return
    path = dataset.data_files.path(0)
    with open_parquet(path) as file:
        present = set(column_names(file, path))
        wide = [name for name in names if name in present and _is_wide(dataset, name)]
        row = first_rows(file, path, wide) if wide else pa.table({})
    for name in wide:
        to_numpy(row[name], name, dataset.features[name])


def _is_wide(dataset: Dataset, name: str) -> bool:
    feature = dataset.features[name]
    return feature.kind is Kind.NUMERIC and math.prod(feature.shape) > _WIDE
