"""What the old episode table says, as far as it can be read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from lerotool.dataset.documents import read_lines
from lerotool.dataset.episode_table import STATS_PREFIX, stats_of_row, video_prefix
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.layout import EPISODE_LINES, EPISODE_STATS_LINES, EPISODES
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.parquet import read_whole
from lerotool.errors import DatasetError
from lerotool.features import Feature, cameras
from lerotool.rewriting.restoration import Place


@dataclass(slots=True)
class OldRows:
    """What the old table says, by the episode's number."""

    plain: dict[int, dict[str, Any]] = field(default_factory=dict)  # all columns but the statistics
    stats: dict[int, dict[str, dict[str, Any]]] = field(default_factory=dict)  # entries of the statistics by feature
    types: dict[str, pa.DataType] = field(default_factory=dict)  # of the columns


def read_old_rows(root: Path, version: FormatVersion) -> OldRows:
    """Read what can be read of the old table; of several rows of an episode the first counts."""
    old = OldRows()
    if version.has_files_of_episodes:
        _read_lines(root, old)
        return old
    for path in sorted((root / EPISODES).glob("*/*.parquet")):
        if path.name.startswith("."):
            continue
        try:
            table = read_whole(path)
        except DatasetError:
            continue  # what is unreadable is a finding, and is rewritten
        old.types = {field_.name: field_.type for field_ in table.schema} | old.types
        for row in table.to_pylist():
            number = row.get("episode_index")
            number = len(old.plain) if number is None else int(number)
            if number not in old.plain:
                old.plain[number] = {name: value for name, value in row.items() if not name.startswith(STATS_PREFIX)}
                old.stats[number] = stats_of_row(row.items())
    return old


def _read_lines(root: Path, old: OldRows) -> None:
    for path, takes in ((root / EPISODE_LINES, old.plain), (root / EPISODE_STATS_LINES, old.stats)):
        try:
            for _, entry in read_lines(path) if path.is_file() else ():
                number = entry.get("episode_index")
                if isinstance(number, int) and number not in takes:
                    takes[number] = entry if takes is old.plain else dict(entry.get("stats") or {})
        except DatasetError:
            continue


@dataclass(frozen=True, slots=True)
class KnownEpisode:
    """What a readable row of the episodes table says."""

    length: int  # frames
    # By camera, where its pictures are; cameras whose pictures were never encoded are left out.
    places: Mapping[str, Place]


def known_episodes(old: OldRows, features: Mapping[str, Feature], fps: float) -> dict[int, KnownEpisode]:
    """Return what the readable rows of an episodes table say of lengths and videos, by episode."""
    return {
        number: KnownEpisode(int(row["length"]), _places(row, features, fps))
        for number, row in old.plain.items()
        if row.get("length") is not None
    }


def _places(row: Mapping[str, Any], features: Mapping[str, Feature], fps: float) -> dict[str, Place]:
    places: dict[str, Place] = {}
    for key in cameras(features):
        numbers = [row.get(f"{video_prefix(key)}{part}") for part in ("chunk_index", "file_index", "from_timestamp")]
        if all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
            chunk, file, begin = (float(number) for number in numbers if number is not None)
            places[key] = FileNumber(int(chunk), int(file)), round(begin * fps)
    return places
