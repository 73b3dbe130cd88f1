"""What the last look at each dataset found: kept in the user's cache, because looking changes no dataset.

<cache>/lerotool/found/<hash of the folder>-check.json       {"root", "made", "edition", "found"}
<cache>/lerotool/found/<hash of the folder>-quality.json
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from lerotool.dataset.reading.changes import edition
from lerotool.storage import make_directory, remove_left_partials, replacing
from lerotool.workspace import user_cache

MOST = 2000
"""Files in the folder; the oldest leave."""


class Look(StrEnum):
    """How a dataset was looked at."""

    CHECK = "check"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found."""

    made: datetime  # when it began
    edition: str  # of the dataset then
    document: Mapping[str, Any]  # the report's `to_json`


class Keeper:
    """Keeps what is found in a dataset; made before the look, so that what changes meanwhile counts as changed."""

    def __init__(self, root: Path, look: Look) -> None:
        self._root = root
        self._look = look
        self._made = datetime.now(UTC)
        self._edition = edition(root)

    def keep(self, document: Mapping[str, Any]) -> None:
        """Keep a report; nothing is kept where the cache cannot be written to: the report itself has been given."""
        path = _path(self._root, self._look)
        kept = {"root": str(self._root), "made": self._made.isoformat(), "edition": self._edition, "found": document}
        with suppress(OSError):
            make_directory(path.parent)
            remove_left_partials(path)
            with replacing(path) as partial:
                partial.write_text(json.dumps(kept))
            _forget_oldest(path.parent)


def found(root: Path, look: Look) -> Found | None:
    """Return what the last look of a kind found; None where nobody has looked, or the cache was emptied or damaged."""
    try:
        kept = json.loads(_path(root, look).read_bytes())
        made, of, document = datetime.fromisoformat(kept["made"]), kept["edition"], kept["found"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    is_whole = made.tzinfo is not None and isinstance(of, str) and isinstance(document, dict)
    return Found(made, of, document) if is_whole else None


def _path(root: Path, look: Look) -> Path:
    # Links stay as they are: a dataset is what a person calls it.
    place = os.path.abspath(root)  # noqa: PTH100
    digest = hashlib.sha256(os.fsencode(place)).hexdigest()[:32]
    return user_cache() / "found" / f"{digest}-{look}.json"


def _forget_oldest(folder: Path) -> None:
    files = list(folder.glob("*.json"))
    if len(files) > MOST:
        for path in sorted(files, key=lambda path: path.stat().st_mtime_ns)[:-MOST]:
            path.unlink(missing_ok=True)
