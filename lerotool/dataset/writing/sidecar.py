"""What stays beside a dataset for those who ask how it was recorded: measured times and recording reports.

``meta/lerotool/timing/…`` mirrors the data file of the same numbers row by row; rows of episodes that were recorded
without measured times have nulls. ``meta/lerotool/recordings/…`` mirrors the episodes file of the same numbers, one
JSON line per episode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from lerotool.storage import json_lines

_KEYS = ("episode_index", "frame_index")


def timing_table(episode: int, length: int, measured: pa.Table | None) -> pa.Table:
    """Return the measured times of one episode, one row per frame."""
    table = pa.table(
        {"episode_index": pa.array([episode] * length, pa.int64()), "frame_index": pa.array(range(length), pa.int64())}
    )
    if measured is None:
        return table
    for name in measured.column_names:
        if name not in _KEYS:
            table = table.append_column(measured.schema.field(name), measured.column(name))
    return table


def joined_timing(tables: Sequence[pa.Table]) -> pa.Table | None:
    """Return the measured times of one data file; None if none were measured."""
    if all(len(table.column_names) == len(_KEYS) for table in tables):
        return None
    # Files must not carry the schema metadata of whoever made the first table.
    return pa.concat_tables(tables, promote_options="default").replace_schema_metadata(None)


def recording_lines(first: int, recordings: Sequence[Mapping[str, Any] | None]) -> bytes | None:
    """Return the reports that go with one episodes file; None if there are none."""
    if not any(recordings):
        return None
    lines = [{"episode_index": first + place, **(report or {})} for place, report in enumerate(recordings)]
    return json_lines(lines)
