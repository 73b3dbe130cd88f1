"""Golden sets with one thing changed: single defects, each with what must be found, and changes that do no harm."""

from __future__ import annotations

from tests.checking.defects import beside, metadata, old, rows, videos
from tests.checking.defects.defect import Defect
from tests.checking.defects.harmless import HARMLESS

__all__ = ["DEFECTS", "HARMLESS", "NOTES", "Defect"]

DEFECTS: dict[str, Defect] = {
    **metadata.DEFECTS,
    **rows.DEFECTS,
    **videos.DEFECTS,
    **beside.DEFECTS,
    **old.DEFECTS,
}
"""Each has errors or warnings."""

NOTES: dict[str, Defect] = {**metadata.NOTES, **rows.NOTES, **videos.NOTES, **beside.NOTES}
"""Each has a note and nothing worse; LeRobot loads them right."""
