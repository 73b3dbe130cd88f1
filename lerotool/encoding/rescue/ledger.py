"""What has been taken over from LeRobot's leftovers, so that it is taken once and removed only when it is safe.

Every rescue that changes a dataset has a folder ``.lerotool/rescued/<time>-<random>/``: the tables as they were, and

    {"schema": 1,
     "episodes": [{"episode": 12, "recording_id": "1f3a…",
                   "pictures": {"images/observation.images.front/episode-000012": ["frame-000000.png", …]}}],
     "findings": […]}

in ``rescue.json``, which appears in the same step as the change itself.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from lerotool.dataset.layout import check_relative
from lerotool.encoding.committed import committed_recordings
from lerotool.encoding.rescue.leftovers import IMAGES
from lerotool.errors import CorruptDatasetError
from lerotool.spool.pending import list_pending
from lerotool.storage import sync_directory
from lerotool.workspace import Workspace

LEDGER = "rescue.json"


def _in_images(text: str) -> str:
    check_relative(text, LEDGER)
    if text.split("/", maxsplit=1)[0] != IMAGES:
        raise ValueError(f"{text!r} is not in {IMAGES}/")
    return text


def _name(text: str) -> str:
    check_relative(text, LEDGER)
    if "/" in text:
        raise ValueError(f"{text!r} is not a file name")
    return text


class TakenEpisode(BaseModel):
    """An episode that became a pending episode, and the picture files that it was made of, by folder."""

    episode: int
    recording_id: str
    pictures: dict[Annotated[str, AfterValidator(_in_images)], list[Annotated[str, AfterValidator(_name)]]]


class _Ledger(BaseModel):
    version: Literal[1] = Field(alias="schema")
    episodes: list[TakenEpisode]


def new_folder(root: Path) -> Path:
    """Return the name of a fresh folder for one rescue; it is not made."""
    now = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    return _folder(root) / f"{now}-{secrets.token_hex(2)}"


def ledger_document(episodes: Sequence[TakenEpisode], findings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is written into ``rescue.json``."""
    return {"schema": 1, "episodes": [episode.model_dump() for episode in episodes], "findings": list(findings)}


def taken_folders(root: Path) -> frozenset[Path]:
    """Return the folders of pictures that were taken over and are safe: in the dataset, or in a pending episode.

    Raises:
        CorruptDatasetError: a ledger cannot be understood.
    """
    safe = committed_recordings(root) | {episode.header.recording_id for episode in list_pending(root)}
    return frozenset(root / path for taken in _taken(root) if taken.recording_id in safe for path in taken.pictures)


def has_sources(root: Path) -> bool:
    """Return whether there are picture files that `remove_sources` would remove."""
    committed = committed_recordings(root)
    return any(
        (root / folder / name).exists()
        for taken in _taken(root)
        if taken.recording_id in committed
        for folder, names in taken.pictures.items()
        for name in names
    )


def remove_sources(root: Path) -> int:
    """Remove the picture files of all episodes that the dataset contains, and folders that are empty then.

    The caller holds the writing lock and has made sure that the dataset is sound.

    Returns:
        How many files were removed.
    """
    committed, count = committed_recordings(root), 0
    for taken in _taken(root):
        if taken.recording_id not in committed:
            continue
        for folder, names in taken.pictures.items():
            if (root / folder).is_dir():
                count += sum(_remove(root / folder / name) for name in names)
                remove_empty(root / folder, root)
    return count


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def remove_empty(path: Path, root: Path) -> None:
    """Remove a folder and those above it up to the dataset's, as far as nothing is in them."""
    with contextlib.suppress(OSError):
        while path != root:
            path.rmdir()
            path = path.parent
            sync_directory(path)


def _taken(root: Path) -> Iterator[TakenEpisode]:
    for path in sorted(_folder(root).glob(f"*/{LEDGER}")):
        try:
            yield from _Ledger.model_validate_json(path.read_bytes()).episodes
        except ValidationError as error:
            raise CorruptDatasetError(
                f"{path}: cannot be understood: {error.errors(include_url=False)[0]['msg']}",
                hint="it lists pictures that were taken over; restore it or move it away",
            ) from None


def _folder(root: Path) -> Path:
    return Workspace(root).folder / "rescued"
