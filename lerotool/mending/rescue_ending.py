"""What the history has to know of a rescue: so that it can be taken back when its episodes have been encoded, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lerotool.dataset.info import load_info
from lerotool.dataset.reading.committed import committed_recordings
from lerotool.dataset.writing.history import DATASET, Entry, KeepingStaging, extend, read_entries
from lerotool.mending.fates import RescuePlan
from lerotool.mending.taken_pictures import TAKEN, TakenEpisode, taken_in, waiting_entries
from lerotool.workspace import Workspace

RESCUE = f"lerotool encode --pending {DATASET}"
_STAYING = "staying"
_EPISODES = "episodes"
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
        _EPISODES: len(plan.kept),
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
    if load_info(root).total_episodes != details.get(_EPISODES, 0) + len(committed & taken):
        return False
    return all(
        (root / name).is_file() and (root / name).stat().st_size == size for name, size in details[_STAYING].items()
    )


def _files(root: Path) -> Iterator[Path]:
    for folder in ("data", "meta", "videos"):
        yield from (path for path in sorted((root / folder).rglob("*")) if path.is_file())
