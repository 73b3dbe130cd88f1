"""Where the reference data lie: golden datasets in this repository, recordings of other people beside the clone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).resolve().parent / "golden"
REALDATA = Path(__file__).resolve().parents[2] / "shared" / "realdata"
REAL_SETS = (
    "g1_v21_b",
    "g1_v30conv_b",
    "gr1_sim_v20",
    "ioai_lerobotv2",
    "ioai_lerobotv2-image",
    "ioai_lerobotv3",
    "koch_v21_novideo",
    "koch_v21_state",
    "koch_v30conv_state",
    "pusht_v30_state",
)

needs_realdata = pytest.mark.skipif(
    not REALDATA.is_dir(), reason="no recordings of other people in ../shared/realdata beside the clone"
)


def golden_sets() -> list[Path]:
    """Return the golden datasets that LeRobot finished."""
    return sorted(path for path in GOLDEN.iterdir() if path.is_dir() and "crashed" not in path.name)


def all_sets() -> list[Any]:
    """Return parameters for a test of every finished set; recordings of other people are skipped where they lack."""
    mine = [pytest.param(path, id=path.name) for path in golden_sets()]
    return mine + [pytest.param(REALDATA / name, marks=needs_realdata, id=name) for name in REAL_SETS]
