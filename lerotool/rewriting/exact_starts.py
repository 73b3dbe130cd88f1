"""The episodes tables of a dataset whose videos have every picture at k/fps: so episodes begin at such times, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.episode_table import video_prefix
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.parquet import arrow_schema, open_parquet, read_groups
from lerotool.dataset.writing.pointers import Moves, Place, moved_table
from lerotool.dataset.writing.state import episodes_files

_EXACT_S = 1e-6


def put_starts_on_grid(root: Path, cameras: Sequence[str], fps: float) -> None:
    """Write exact times into those tables of v3.0 that have others for one of the cameras."""
    for path in episodes_files(root):
        with open_parquet(path) as file:
            schema = arrow_schema(file, path)
            table = read_groups(file, path, range(file.num_row_groups), schema.names)
        prefixes = [video_prefix(camera) for camera in cameras]
        off = [prefix for prefix in prefixes if _is_off(table, prefix, fps)]
        if off:
            moves: Moves = {prefix: {number: Place(number) for number in _numbers(table, prefix)} for prefix in off}
            exact = moved_table(table.replace_schema_metadata(schema.metadata), moves, fps)
            pq.write_table(exact, path)


def _is_off(table: pa.Table, prefix: str, fps: float) -> bool:
    name = f"{prefix}from_timestamp"
    if name not in table.column_names:
        return False
    starts = table[name].cast(pa.float64()).to_numpy()
    return bool((np.abs(starts - np.rint(starts * fps) / fps) > _EXACT_S).any())


def _numbers(table: pa.Table, prefix: str) -> set[FileNumber]:
    chunks, files = (table[f"{prefix}{part}"].to_pylist() for part in ("chunk_index", "file_index"))
    return {FileNumber(chunk, file) for chunk, file in zip(chunks, files, strict=True)}
