"""What can be had from a pending episode after a crash. Nothing here deletes or changes what was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lerotool.errors import SpoolError
from lerotool.spool.documents import Header, load_header, load_saved, write_saved
from lerotool.spool.packets import RECORD_SIZE, PacketReader, read_entries, within
from lerotool.spool.pending import RECORDING_LOCK, PendingEpisode, pending_folders
from lerotool.spool.rows import ROWS, count_rows, picture_columns, read_rows
from lerotool.storage import ProcessLock, lock_owner
from lerotool.workspace import is_committed


class Kind(StrEnum):
    """What can be had from a pending episode."""

    COMPLETE = "complete"
    SALVAGEABLE = "salvageable"
    HOPELESS = "hopeless"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be had from a pending episode."""

    path: Path  # its folder
    # Complete: saved and sound, or committed; salvageable: not saved, or not all of what was saved is there, but
    # ``rows`` are; hopeless: nothing; live: a process is recording it.
    kind: Kind
    rows: int = 0  # that are there with all their pictures; 0 when live, because that is not looked at
    pictures: Mapping[str, int] = field(default_factory=dict)  # the same for each camera's packets
    reason: str = ""  # why, for people


@dataclass(frozen=True, slots=True)
class _Remains:
    """What is left of an episode: all complete records, and those of them that belong together."""

    rows: int
    usable: pa.Table
    packets: Mapping[str, int]
    usable_packets: Mapping[str, int]


def examine(path: Path) -> Verdict:
    """Tell what can be had from the pending episode in folder ``path``. Changes nothing.

    Of an episode that is not saved all packets are read, to be sure that none is damaged.
    """
    if not path.is_dir():
        return Verdict(path, Kind.HOPELESS, reason=f"{str(path)!r} is not a folder")
    if (owner := lock_owner(path / RECORDING_LOCK)) is not None:
        return Verdict(path, Kind.LIVE, reason=f"in use by {owner}")
    if is_committed(path):
        return Verdict(path, Kind.COMPLETE, reason="the dataset contains it; the folder can be removed")
    try:
        header = load_header(path)
        problem = _problem(path)
    except (SpoolError, OSError) as error:
        return Verdict(path, Kind.HOPELESS, reason=str(error))
    if problem is None:
        episode = PendingEpisode.open(path)
        packets = dict(episode.saved.packets) if episode.saved else {}
        return Verdict(path, Kind.COMPLETE, episode.length, packets, "saved")
    try:
        remains = _take_stock(path, header)
    except (SpoolError, OSError) as error:
        return Verdict(path, Kind.HOPELESS, reason=f"{problem}; {error}")
    if not len(remains.usable):
        reason = f"{problem}; no complete row with all its pictures"
        return Verdict(path, Kind.HOPELESS, 0, remains.usable_packets, reason)
    return Verdict(path, Kind.SALVAGEABLE, len(remains.usable), remains.usable_packets, problem)


def examine_all(root: Path) -> list[Verdict]:
    """Examine all pending episodes of the dataset at ``root``, readable or not."""
    return [examine(folder) for folder in pending_folders(root)]


def salvage(path: Path) -> PendingEpisode:
    """Mark what is there of a pending episode as saved: the rows up to the first that lacks a picture.

    The recorded files stay as they are; the new ``saved.json`` says how much of them counts, and its report what was
    cut (``salvaged``), beside the report of an earlier ``saved.json``. A complete episode is just opened.
    """
    if not path.is_dir():
        raise SpoolError(f"{str(path)!r} is not a pending episode: the folder does not exist")
    with ProcessLock(path / RECORDING_LOCK, "salvaging"):
        header = load_header(path)
        problem = _problem(path)
        if problem is None:
            return PendingEpisode.open(path)
        remains = _take_stock(path, header)
        if not len(remains.usable):
            raise SpoolError(f"nothing can be salvaged from {str(path)!r}: no complete row with all its pictures")
        write_saved(
            path,
            rows=len(remains.usable),
            packets=remains.usable_packets,
            file_bytes=_sizes(path, header, remains),
            not_finite=_count_not_finite(header, remains.usable),
            report={**_earlier_report(path), "salvaged": _describe(problem, remains)},
        )
        return PendingEpisode.open(path)


def _problem(path: Path) -> str | None:
    """Return why the episode, whose header is usable, cannot be used as it is; None when it can."""
    if is_committed(path):
        return None
    try:
        episode = PendingEpisode.open(path)
        if episode.saved is None:
            return "recording ended without saving"
        episode.rows()
        for key in episode.header.cameras:
            episode.camera(key).close()
    except SpoolError as error:
        return str(error)
    return None


def _take_stock(path: Path, header: Header) -> _Remains:
    rows = count_rows(path)
    table = read_rows(path, header.recorded, header.cameras, rows)
    packets, usable_packets = {}, {}
    for key in header.cameras:
        data, index = path / header.packets_file(key), path / header.index_file(key)
        entries = read_entries(index)
        packets[key] = len(entries)
        inside = within(entries, data.stat().st_size if data.exists() else 0)
        with PacketReader(path, key, data, index, inside) as reader:
            usable_packets[key] = reader.count_sound()
    return _Remains(rows, table[: _usable_rows(table, header, usable_packets)], packets, usable_packets)


def _usable_rows(table: pa.Table, header: Header, packets: Mapping[str, int]) -> int:
    usable = len(table)
    for key, name in picture_columns(header.cameras).items():
        numbers = table[name].to_numpy()
        wrong = np.flatnonzero((numbers < 0) | (numbers >= packets[key]))
        usable = min(usable, int(wrong[0]) if wrong.size else usable)
    return usable


def _sizes(path: Path, header: Header, remains: _Remains) -> dict[str, int]:
    sizes = {ROWS: (path / ROWS).stat().st_size}
    for key, count in remains.usable_packets.items():
        entries = read_entries(path / header.index_file(key))[:count]
        sizes[header.packets_file(key)] = int(entries["offset"][-1]) + int(entries["size"][-1]) if count else 0
        sizes[header.index_file(key)] = count * RECORD_SIZE
    return sizes


def _count_not_finite(header: Header, table: pa.Table) -> dict[str, int]:
    counts = {}
    for name, feature in header.recorded.items():
        if not feature.dtype.startswith("float"):
            continue
        column = table[name].combine_chunks()
        while pa.types.is_nested(column.type):
            column = column.flatten()
        finite = np.isfinite(column.to_numpy(zero_copy_only=False)).reshape(len(table), -1).all(axis=1)
        if not finite.all():
            counts[name] = int((~finite).sum())
    return counts


def _earlier_report(path: Path) -> dict[str, Any]:
    try:
        earlier = load_saved(path)
    except SpoolError:
        return {}
    return earlier.report if earlier else {}


def _describe(problem: str, remains: _Remains) -> dict[str, Any]:
    return {
        "reason": problem,
        "rows": len(remains.usable),
        "rows_cut": remains.rows - len(remains.usable),
        "pictures": dict(remains.usable_packets),
        "pictures_cut": {key: remains.packets[key] - count for key, count in remains.usable_packets.items()},
        "at": datetime.now(UTC).isoformat(),
    }
