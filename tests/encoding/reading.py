"""Reading what an encoding run has written, without the code under test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.encoding.recordings import FPS, numbers_of


def _tables(root: Path, pattern: str) -> pa.Table:
    tables = [pq.read_table(path, partitioning=None) for path in sorted(root.glob(pattern))]
    return pa.concat_tables(tables, promote_options="default")


def episode_lengths(root: Path) -> list[int]:
    """Return the lengths of all episodes."""
    return list(_tables(root, "meta/episodes/*/*.parquet")["length"].to_pylist())


def column(root: Path, name: str) -> np.ndarray[Any, Any]:
    """Return a data column over the whole dataset."""
    return np.array(_tables(root, "data/*/*.parquet")[name].to_pylist())


def all_numbers(root: Path, camera: str) -> list[int]:
    """Return the numbers that the pictures of a camera carry, row by row over the whole dataset."""
    numbers: list[int] = []
    for episode in _tables(root, "meta/episodes/*/*.parquet").to_pylist():
        chunk, file = (episode[f"videos/{camera}/{part}_index"] for part in ("chunk", "file"))
        start = round(episode[f"videos/{camera}/from_timestamp"] * FPS)
        video = root / f"videos/{camera}/chunk-{chunk:03d}/file-{file:03d}.mp4"
        numbers += numbers_of(video, start, start + episode["length"])
    return numbers
