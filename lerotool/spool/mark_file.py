"""``mark.json``: what a person has said about a saved episode, which becomes a mark of the dataset with the commit.

Its keys are those of `lerotool.dataset.marks.Mark.to_json`; the file is not there where nothing was said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lerotool.errors import SpoolError
from lerotool.storage import write_json

MARK = "mark.json"


def write_mark(folder: Path, mark: Mapping[str, Any]) -> None:
    """Write what was said, atomically and durably, in place of what was said before."""
    write_json(folder / MARK, dict(mark))


def load_mark(folder: Path) -> dict[str, Any]:
    """Return what was said; empty where the file is not there."""
    path = folder / MARK
    try:
        mark = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise SpoolError(f"{str(path)!r} is not JSON: {error}", hint=_HINT) from error
    if not isinstance(mark, dict):
        raise SpoolError(f"{str(path)!r} is not a JSON object", hint=_HINT)
    return mark


_HINT = "correct the file, or remove it: the episode is then unmarked"
