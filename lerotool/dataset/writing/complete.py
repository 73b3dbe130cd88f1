"""``info.json`` and ``stats.json`` of a dataset that is written complete, elsewhere than where it will be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lerotool.dataset.info import INFO, DatasetInfo
from lerotool.dataset.layout import STATS
from lerotool.moments import FeatureStats
from lerotool.storage import json_bytes

_NONE: Mapping[str, Any] = MappingProxyType({})


def write_info(root: Path, info: DatasetInfo) -> None:
    """Write ``info.json``."""
    _write(root / INFO, info.to_json())


def write_stats(root: Path, stats: Mapping[str, FeatureStats], others: Mapping[str, Any] = _NONE) -> None:
    """Write ``stats.json``, in the order given, ``others`` behind where they are of something else."""
    document: dict[str, Any] = {name: entry.to_json() for name, entry in stats.items()}
    _write(root / STATS, document | {name: entry for name, entry in others.items() if name not in document})


def _write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Statistics of NaN are NaN, and a foreign key of info.json may hold anything that was read.
    path.write_bytes(json_bytes(document, allow_nan=True))
