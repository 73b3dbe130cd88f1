"""How fast the disk takes what a recording writes."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lerotool.benchmarking.figures import Better, Figure
from lerotool.storage import sync_file

GROUP = "disk"
CASE = "this folder's"
WRITE = "writing, synced"
NEEDED = "what the cameras need"
_CHUNK = 1 << 20
REPEATS = 3


def measure_disk(folder: Path, megabytes: int, needed_bytes_per_s: float) -> list[Figure]:
    """Write a file that cannot be compressed and sync it, several times."""
    chunk = os.urandom(_CHUNK)
    path = folder / "written"
    rates = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        with path.open("wb") as file:
            for _ in range(megabytes):
                file.write(chunk)
        sync_file(path)
        rates.append(megabytes * _CHUNK / 1e6 / (time.perf_counter() - began))
        path.unlink()
    return [
        Figure(GROUP, CASE, WRITE, "MB/s", tuple(rates), Better.MORE),
        Figure(GROUP, CASE, NEEDED, "MB/s", (needed_bytes_per_s / 1e6,), Better.NEITHER),
    ]
