"""``saved.json``: how much of a pending episode counts, and its report. Its presence means "saved".

``mark.json``: what a person has said about it, which becomes a mark of the dataset with the commit. Its keys are those
of `lerotool.dataset.marks.Mark.to_json`; the file is not there where nothing was said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lerotool.errors import SpoolError
from lerotool.storage import write_json

SAVED = "saved.json"
Count = Annotated[int, Field(ge=0)]


class Saved(BaseModel):
    """How much of a pending episode counts. What the files hold beyond that is not part of the episode."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    schema_version: int = Field(default=1, alias="schema")  # ``schema`` in the file
    rows: Annotated[int, Field(gt=0)]  # rows, from the first
    packets: dict[str, Count]  # packets of each camera, from the first
    file_bytes: dict[str, Count] = Field(default_factory=dict, alias="bytes")  # sizes of the files, by name
    not_finite: dict[str, Count] = Field(default_factory=dict)  # rows with NaN or infinite numbers, by feature
    report: dict[str, Any] = Field(default_factory=dict)
    saved_at: str  # ISO 8601, UTC


def write_saved(
    folder: Path,
    *,
    rows: int,
    packets: Mapping[str, int],
    file_bytes: Mapping[str, int],
    not_finite: Mapping[str, int],
    report: Mapping[str, Any],
) -> None:
    """Write ``saved.json``, atomically and durably. All that it counts must be on the disk already."""
    document = {
        "schema": 1,
        "rows": rows,
        "packets": dict(packets),
        "bytes": dict(file_bytes),
        "not_finite": dict(not_finite),
        "report": dict(report),
        "saved_at": datetime.now(UTC).isoformat(),
    }
    try:
        write_json(folder / SAVED, document)
    except (TypeError, ValueError, RecursionError) as error:
        raise SpoolError(f"the report of {str(folder)!r} cannot be written as JSON: {error}") from error


def load_saved(folder: Path) -> Saved | None:
    """Return what ``saved.json`` says, None when it is not there."""
    path = folder / SAVED
    try:
        return Saved.model_validate(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise SpoolError(f"{str(path)!r} cannot be understood: {place}: {problem['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise SpoolError(f"{str(path)!r} is not JSON: {error}") from error


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
