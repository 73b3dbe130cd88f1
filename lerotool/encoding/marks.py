"""What a person has said about a pending episode, as a mark."""

from __future__ import annotations

from pathlib import Path

from lerotool.dataset.marks import Mark
from lerotool.errors import SpoolError
from lerotool.spool.documents import MARK, load_mark


def mark_of(folder: Path, frames: int) -> Mark:
    """Return the mark of a pending episode; an empty one where nothing was said."""
    try:
        return Mark.from_json(load_mark(folder), frames)
    except ValueError as error:
        raise SpoolError(
            f"{str(folder / MARK)!r}: {error}", hint="correct the file, or remove it for an unmarked episode"
        ) from None
