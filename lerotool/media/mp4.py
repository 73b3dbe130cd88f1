"""What the header of an mp4 says, read without FFmpeg: counts, times, keyframes, and whether the file is complete.

FFmpeg decodes pictures whenever it opens a file, which takes milliseconds; the header takes a twentieth of that, and a
merge looks at every file. Only what recorders write is understood: one ``moov`` box, no fragments, at most one edit.
For everything else `read_header` returns None, and the caller asks FFmpeg. Boxes: ISO/IEC 14496-12.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_BOX = struct.Struct(">I4s")
_LARGEST_HEADER = 1 << 28
_MOST_PICTURES = 1 << 25
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Mp4Header:
    """The video track of an mp4; pictures in the order in which they are stored and decoded."""

    time_base: Fraction  # seconds per tick
    description: bytes  # the ``stsd`` box: codec, size and configuration. Equal bytes mean equal streams.
    times: Ints  # when each picture is shown, in ticks after the start of the edit: int64
    is_keyframe: npt.NDArray[np.bool_]
    sizes: Ints  # of each picture in bytes: int64
    stop: int  # byte behind the last picture; a file that is shorter has been cut

    @property
    def frames(self) -> int:
        """How many pictures there are."""
        return len(self.times)

    @property
    def is_reordered(self) -> bool:
        """Whether pictures are stored in another order than they are shown in."""
        return bool((np.diff(self.times) < 0).any())

    def shown(self) -> Ints:
        """Return the times at which pictures are shown, ascending, in ticks; an edit hides those before 0."""
        return np.sort(self.times[self.times >= 0])


def read_header(path: Path) -> Mp4Header | None:
    """Read the header of an mp4; None if it is not of the plain kind that is understood here."""
    with path.open("rb") as file:
        moov = _find_moov(file)
    if moov is None:
        return None
    try:
        return _parse_moov(moov)
    except (struct.error, ValueError, LookupError, ZeroDivisionError, OverflowError):
        return None


def _find_moov(file: Any) -> bytes | None:
    size = file.seek(0, os.SEEK_END)
    position = 0
    while position + _BOX.size <= size:
        file.seek(position)
        length, kind = _BOX.unpack(file.read(_BOX.size))
        head = _BOX.size
        if length == 1:
            raw = file.read(8)
            if len(raw) < 8:
                return None
            length, head = struct.unpack(">Q", raw)[0], head + 8
        elif length == 0:
            length = size - position
        if length < head:
            return None
        if kind == b"moov":
            if length > _LARGEST_HEADER or position + length > size:
                return None
            return bytes(file.read(length - head))
        position += length
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + _BOX.size <= len(data):
        length, kind = _BOX.unpack_from(data, position)
        if length < _BOX.size or position + length > len(data):
            raise ValueError("a box is larger than what it is in")
        yield kind, data[position + _BOX.size : position + length]
        position += length


def _parse_moov(moov: bytes) -> Mp4Header | None:
    boxes = list(_boxes(moov))
    tracks = [dict(_boxes(data)) for kind, data in boxes if kind == b"trak"]
    video = [track for track in tracks if _handler(track) == b"vide"]
    if any(kind == b"mvex" for kind, _ in boxes) or len(video) != 1:
        return None
    track = video[0]
    media = dict(_boxes(track[b"mdia"]))
    table = dict(_boxes(dict(_boxes(media[b"minf"]))[b"stbl"]))
    start = _edit_start(track)
    needed = (b"stsd", b"stts", b"stsz", b"stsc")
    if start is None or any(name not in table for name in needed):
        return None
    sizes = _sizes(table[b"stsz"])
    count = len(sizes)
    times = np.concatenate([[0], np.cumsum(_runs(table[b"stts"], count))[:-1]]) if count else np.empty(0, np.int64)
    if b"ctts" in table:
        times = times + _runs(table[b"ctts"], count, signed=True)
    keyframes = np.ones(count, np.bool_)
    if b"stss" in table:
        keyframes = np.zeros(count, np.bool_)
        keyframes[np.frombuffer(table[b"stss"], ">u4", offset=8).astype(np.int64) - 1] = True
    scale = Fraction(1, _timescale(media[b"mdhd"]))
    stop = _stop(table, sizes)
    return Mp4Header(scale, table[b"stsd"], times.astype(np.int64) - start, keyframes, sizes, stop)


def _handler(track: dict[bytes, bytes]) -> bytes:
    return dict(_boxes(track[b"mdia"]))[b"hdlr"][8:12] if b"mdia" in track else b""


def _timescale(header: bytes) -> int:
    (scale,) = struct.unpack_from(">I", header, 20 if header[0] == 1 else 12)
    return int(scale)


def _edit_start(track: dict[bytes, bytes]) -> int | None:
    """Return the tick at which the one edit starts; None if the edits are of another kind."""
    if b"edts" not in track:
        return 0
    edits = dict(_boxes(track[b"edts"])).get(b"elst", b"")
    if len(edits) < 8:
        return 0
    (count,) = struct.unpack_from(">I", edits, 4)
    if count != 1:
        return None
    start, rate = struct.unpack_from(">qi", edits, 16) if edits[0] == 1 else struct.unpack_from(">ii", edits, 12)
    return int(start) if start >= 0 and rate == 1 << 16 else None


def _runs(box: bytes, count: int, *, signed: bool = False) -> Ints:
    """Return the values of a run-length table, one per picture."""
    pairs = np.frombuffer(box, ">u4", offset=8).reshape(-1, 2)
    values = pairs[:, 1].astype(np.uint32).view(np.int32) if signed else pairs[:, 1]
    if int(pairs[:, 0].astype(np.int64).sum()) != count:
        raise ValueError("the tables of the header contradict each other")
    return np.repeat(values.astype(np.int64), pairs[:, 0].astype(np.int64))


def _sizes(box: bytes) -> Ints:
    size, count = struct.unpack_from(">II", box, 4)
    if count > _MOST_PICTURES:
        raise ValueError("no video has as many pictures")
    if size:
        return np.full(count, size, np.int64)
    sizes = np.frombuffer(box, ">u4", offset=12)
    if len(sizes) != count:
        raise ValueError("the header is cut")
    return sizes.astype(np.int64)


def _stop(table: dict[bytes, bytes], sizes: Ints) -> int:
    """Return the byte behind the last picture."""
    wide = table.get(b"co64")
    raw = np.frombuffer(wide, ">u8", offset=8) if wide is not None else np.frombuffer(table[b"stco"], ">u4", offset=8)
    offsets = raw.astype(np.int64)
    runs = np.frombuffer(table[b"stsc"], ">u4", offset=8).reshape(-1, 3).astype(np.int64)
    if not len(offsets) or not len(sizes):
        return 0
    chunks = np.append(runs[:, 0] - 1, len(offsets))
    if (np.diff(chunks) < 0).any() or chunks[0] != 0 or runs[:, 1].max(initial=0) > len(sizes):
        raise ValueError("the tables of the header contradict each other")
    per_chunk = np.repeat(runs[:, 1], np.diff(chunks))
    if per_chunk.sum() != len(sizes):
        raise ValueError("the tables of the header contradict each other")
    starts = np.concatenate([[0], np.cumsum(per_chunk)[:-1]])
    chunk_bytes = np.add.reduceat(sizes, starts)
    return int((offsets + chunk_bytes).max())
