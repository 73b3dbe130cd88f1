"""Picture files that were taken over from LeRobot, so that they are taken once and leave only when it is safe.

The entry that a rescue has in the dataset's history lists them in its details:

    {"taken": [{"episode": 12, "recording_id": "1f3a…",
                "pictures": {"images/observation.images.front/episode-000012": ["frame-000000.png", …]}}], …}

Once the dataset contains an episode, its pictures move into the entry's folder ``pictures``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, TypeAdapter, ValidationError

from lerotool.dataset.info import load_info
from lerotool.dataset.layout import check_relative, inside_for_writing
from lerotool.dataset.sidecar import committed_recordings
from lerotool.dataset.writing.history import DATASET, LEDGER, Entry, KeepingStaging, extend, read_entries
from lerotool.errors import CorruptDatasetError
from lerotool.mending.fates import RescuePlan
from lerotool.mending.picture_folders import IMAGES
from lerotool.spool.pending import PendingEpisode, list_pending
from lerotool.storage import make_directory, remove_empty_folders, sync_directory
from lerotool.workspace import Workspace

TAKEN = "taken"
_PICTURES = "pictures"


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
    """An episode whose picture files, by folder, were taken over.

    ``recording_id`` is that of the pending episode that it became; None where its videos were made in their place.
    """

    episode: int
    recording_id: str | None
    pictures: dict[Annotated[str, AfterValidator(_in_images)], list[Annotated[str, AfterValidator(_name)]]]


_EPISODES = TypeAdapter(list[TakenEpisode])


def taken_in(entry: Entry) -> list[TakenEpisode]:
    """Return the episodes that a change has taken over; none where it was not a rescue."""
    try:
        return _EPISODES.validate_python(entry.details.get(TAKEN, []))
    except ValidationError as error:
        raise CorruptDatasetError(
            f"{entry.folder / LEDGER}: cannot be understood: {error.errors(include_url=False)[0]['msg']}",
            hint="it lists pictures that were taken over; restore it or move its folder away",
        ) from None


def taken_folders(root: Path) -> frozenset[Path]:
    """Return the folders of pictures that were taken over and are safe: in the dataset, or in a pending episode."""
    safe = committed_recordings(root) | {episode.header.recording_id for episode in list_pending(root)}
    return frozenset(root / path for _, taken in _taken(root) if taken.recording_id in safe for path in taken.pictures)


def waiting_entries(root: Path) -> list[Path]:
    """Return the folders of rescues that have not come to their end.

    Episodes of theirs are still pending, or pictures that the dataset contains are still in ``images/``.
    """
    committed = committed_recordings(root)
    pending = {episode.header.recording_id for episode in list_pending(root)}
    waiting: dict[Path, None] = {}
    for entry, taken in _taken(root):
        if taken.recording_id in pending or (taken.recording_id in committed and any(_present(root, taken))):
            waiting[entry.folder] = None
    return list(waiting)


def pending_of(root: Path, entry: Entry) -> list[PendingEpisode]:
    """Return the pending episodes that a rescue has made and that are not in the dataset."""
    made = {taken.recording_id for taken in taken_in(entry)}
    return [episode for episode in list_pending(root) if episode.header.recording_id in made]


def move_committed(root: Path) -> int:
    """Move the picture files of all taken episodes that the dataset contains into the history; return how many.

    The caller holds the writing lock and has made sure that the dataset is sound.
    """
    committed = committed_recordings(root)
    return sum(move_pictures(root, entry, taken) for entry, taken in _taken(root) if taken.recording_id in committed)


def move_pictures(root: Path, entry: Entry, taken: TakenEpisode) -> int:
    """Move the picture files of an episode into the history, and remove folders that are empty then."""
    for name in (entry.folder.relative_to(root).as_posix(), *taken.pictures):
        inside_for_writing(root, name)
    count = 0
    for path in list(_present(root, taken)):
        _move(path, entry.folder / _PICTURES / path.relative_to(root / IMAGES))
        count += 1
    for folder in taken.pictures:
        if (root / folder).is_dir():
            sync_directory(root / folder)
            remove_empty_folders(root / folder, root)
    return count


def move_back(root: Path, entry: Entry) -> None:
    """Put the picture files that were moved into the history where they were; the caller holds the writing lock."""
    kept = entry.folder / _PICTURES
    folders = set()
    for path in sorted(path for path in kept.rglob("*") if path.is_file()):
        target = root / IMAGES / path.relative_to(kept)
        inside_for_writing(root, target.parent.relative_to(root).as_posix())
        if not target.exists():
            _move(path, target)
            folders.add(target.parent)
    for folder in folders:
        sync_directory(folder)


def _move(path: Path, target: Path) -> None:
    make_directory(target.parent)
    path.replace(target)


def _present(root: Path, taken: TakenEpisode) -> Iterator[Path]:
    yield from (
        root / folder / name
        for folder, names in taken.pictures.items()
        for name in names
        if (root / folder / name).is_file()
    )


def _taken(root: Path) -> Iterator[tuple[Entry, TakenEpisode]]:
    for entry in read_entries(Workspace(root)):
        yield from ((entry, taken) for taken in taken_in(entry))


RESCUE = f"lerotool encode --pending {DATASET}"
_STAYING = "staying"
_STAYING_EPISODES = "episodes"
_RECORDINGS = "recordings"


def rescue_details(plan: RescuePlan, taken: Sequence[TakenEpisode], staging: KeepingStaging) -> dict[str, Any]:
    """Return what the entry of a rescue says, and let the staging keep metadata that the encoding will replace."""
    root, staged = plan.root, staging.staged()
    staying: dict[str, int] = {}
    for path in _files(root):
        name = path.relative_to(root).as_posix()
        if name in staged or staging.removes(path):
            continue
        if name.startswith("meta/"):
            staging.keep(path)
        else:
            staying[name] = path.stat().st_size
    return {
        TAKEN: [episode.model_dump() for episode in taken],
        "findings": [asdict(finding) for finding in plan.findings],
        _STAYING: staying,
        _STAYING_EPISODES: len(plan.kept),
        _RECORDINGS: sorted(committed_recordings(root)),
    }


def finish_entry(root: Path) -> None:
    """Let the newest rescue answer for the files that came with its episodes, if the dataset has got no others since.

    The caller holds the writing lock.
    """
    entries = read_entries(Workspace(root))
    if not entries or entries[-1].folder not in waiting_entries(root) or not is_alone(root, entries[-1]):
        return
    staying = entries[-1].details[_STAYING]
    names = [path.relative_to(root).as_posix() for path in _files(root)]
    extend(root, entries[-1], [name for name in names if name not in staying])


def holds_packing(root: Path) -> bool:
    """Whether small files stay as they are, so that a rescue which has not come to its end can be taken back."""
    entries = read_entries(Workspace(root))
    return bool(entries) and entries[-1].folder in waiting_entries(root) and is_alone(root, entries[-1])


def is_alone(root: Path, entry: Entry) -> bool:
    """Whether a dataset has only what it had before a rescue, and episodes that this has made."""
    details, taken = entry.details, {episode.recording_id for episode in taken_in(entry)}
    if not isinstance(details.get(_STAYING), dict):
        return False
    committed = committed_recordings(root)
    if not committed <= {*details.get(_RECORDINGS, ()), *taken}:
        return False
    if load_info(root).total_episodes != details.get(_STAYING_EPISODES, 0) + len(committed & taken):
        return False
    return all(
        (root / name).is_file() and (root / name).stat().st_size == size for name, size in details[_STAYING].items()
    )


def _files(root: Path) -> Iterator[Path]:
    for folder in ("data", "meta", "videos"):
        yield from (path for path in sorted((root / folder).rglob("*")) if path.is_file())
