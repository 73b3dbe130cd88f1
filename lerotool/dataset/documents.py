"""Metadata files that are JSON or JSON lines: read whole, every defect named with file and place."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lerotool.errors import CorruptDatasetError, MetadataError

RESTORE = "restore the file from a copy of the dataset"
BOM = codecs.BOM_UTF8
MOST = 2**40
"""No count or number in a dataset is as large; sums of what is smaller fit int64."""
_DEEPEST = 64
"""Objects and lists within each other; LeRobot's files have less than ten."""
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
_LARGEST_BYTES = 1 << 30
"""A metadata file of a million episodes is smaller; it is read into memory."""


def read_bytes(path: Path) -> bytes:
    """Return a metadata file's contents."""
    try:
        if (size := path.stat().st_size) > _LARGEST_BYTES:
            raise CorruptDatasetError(f"{path}: the file has {size} bytes, expected at most {_LARGEST_BYTES}")
        data = path.read_bytes()
    except FileNotFoundError:
        raise CorruptDatasetError(f"{path}: the file is missing", hint=RESTORE) from None
    if not data.strip():
        raise CorruptDatasetError(f"{path}: the file is empty ({len(data)} bytes)", hint=RESTORE)
    return data


def parse_object(data: bytes, place: str) -> dict[str, Any]:
    """Parse one JSON object.

    `MetadataError`: not UTF-8, not JSON, or not an object; the text starts with ``place``.
    """
    try:
        # Windows writes a byte order mark before UTF-8; it is not part of the text.
        document = json.loads(data.removeprefix(BOM).decode())
    except UnicodeDecodeError as error:
        raise MetadataError(
            f"{place}: expected UTF-8 text, found byte {data[error.start]:#04x}", hint=RESTORE
        ) from error
    except (ValueError, RecursionError) as error:
        raise MetadataError(f"{place}: expected JSON: {error}", hint=RESTORE) from error
    if not isinstance(document, dict):
        raise MetadataError(f"{place}: expected a JSON object, found {type(document).__name__}", hint=RESTORE)
    if data.count(b"[") + data.count(b"{") > _DEEPEST and _is_deep(document):
        raise MetadataError(f"{place}: expected at most {_DEEPEST} lists and objects within each other", hint=RESTORE)
    if _HALF_PAIR.search(data):
        try:
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = error.object[error.start]
            raise MetadataError(f"{place}: expected Unicode text, found half a character ({half!r})") from None
    return document


def _is_deep(document: object) -> bool:
    """Whether more lists and objects are within each other than can be walked through without care."""
    level = [document]
    for _ in range(_DEEPEST):
        level = [
            entry
            for holder in level
            for entry in (holder.values() if isinstance(holder, dict) else holder)  # type: ignore[attr-defined]
            if isinstance(entry, dict | list)
        ]
        if not level:
            return False
    return True


def read_object(path: Path) -> dict[str, Any]:
    """Read a file that is one JSON object."""
    return parse_object(read_bytes(path), str(path))


def read_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a JSON lines file, each with its place (file and line) for messages."""
    for number, line in enumerate(read_bytes(path).split(b"\n"), start=1):
        if line.strip():
            place = f"{path}, line {number}"
            yield place, parse_object(line, place)


def whole_number(entry: dict[str, Any], key: str, place: str) -> int:
    """Return a whole number >= 0 of a parsed object; ``3.0`` is one."""
    if key not in entry:
        raise MetadataError(f"{place}: {key!r} is missing")
    value = entry[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or not 0 <= value < MOST:
        raise MetadataError(f"{place}: {key!r} is {value!r}, expected a whole number from 0 to {MOST}")
    return int(value)
