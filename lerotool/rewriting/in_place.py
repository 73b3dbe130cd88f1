"""Carries a rewriting out where its dataset stands: in one commit, which keeps in the history what it replaces."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.layout import EPISODE_LINES, EPISODE_STATS_LINES, EPISODES, RECORDINGS, STATS, Files
from lerotool.dataset.marks import MARKS
from lerotool.dataset.reading.datafiles import parquet_files
from lerotool.dataset.sidecar import merge_notes
from lerotool.dataset.writing.history import Entry, KeepingStaging
from lerotool.dataset.writing.staging import changing
from lerotool.errors import CorruptDatasetError, DatasetError, DatasetLockedError
from lerotool.execution import Place, ignore_event
from lerotool.rewriting.carrying_out import check_sources, write_dataset
from lerotool.rewriting.events import Finishing, Listener
from lerotool.rewriting.rewriting import Rewriting
from lerotool.rewriting.verification import verify_rows
from lerotool.rewriting.video_plan import Method
from lerotool.storage import SPARE_BYTES, check_space, lock_owner
from lerotool.workspace import Workspace

_TIMING = Path("meta", "lerotool", "timing")


def rewrite_in_place(
    work: Rewriting,
    command: str,
    details: Mapping[str, Any],
    listen: Listener = ignore_event,
    place: Place | None = None,
) -> Entry | None:
    """Change a dataset in one step; interrupted at any time, it is the old one or the new one.

    All sources of the work are pieces of the one dataset, in order. Returns what is kept of the dataset as it was; None
    where nothing changes. `CorruptDatasetError`: it is damaged, or has changed since it was planned.
    """
    root = work.contributions[0].source.dataset.root
    workspace = Workspace(root)
    if (owner := lock_owner(workspace.recording_lock)) is not None:
        raise DatasetLockedError(f"{str(root)!r} is in use by {owner}", hint="wait until it has finished")
    with changing(workspace, "editing the dataset"):
        check_sources(work)
        check_space(root, SPARE_BYTES + work.written_bytes, "an edit")
        with KeepingStaging(workspace, command) as staging:
            staging.details = dict(details)
            new, scratch = staging.make_folder("new"), staging.make_folder("scratch")
            write_dataset(work, new, scratch, listen, place)
            shutil.rmtree(scratch)
            listen(Finishing("verifying and flushing to the disk"))
            leaving = _stage(work, new, staging)
            _verify(work, staging, leaving)
            check_sources(work)
            return staging.record()


def _stage(work: Rewriting, new: Path, staging: KeepingStaging) -> list[Path]:
    """Plan where the new files go, and which old ones leave; return those."""
    dataset = work.contributions[0].source.dataset
    same = [dataset.root / dataset.version.tasks_path] if work.tasks == dataset.tasks else []
    staying = _staying(work) | stage_new_files(new, dataset.root, staging, same)
    leaving = [path for path in dict.fromkeys(_own_files(dataset)) if path not in staying and path.is_file()]
    for path in leaving:
        staging.remove(path)
    return leaving


def stage_new_files(new: Path, root: Path, staging: KeepingStaging, same: Collection[Path] = ()) -> set[Path]:
    """Plan that the files in a folder take the places that they have there in a dataset; return these.

    What is there already with the same bytes, or is named as the same, stays as it is.
    """
    targets = set()
    for path in sorted(path for path in new.rglob("*") if path.is_file()):
        target = root / path.relative_to(new)
        targets.add(target)
        if target.is_dir():
            name = target.relative_to(root).as_posix()
            raise CorruptDatasetError(f"{name}: there is a folder where a file belongs; move it away by hand")
        if not target.is_file() or not (target in same or filecmp.cmp(path, target, shallow=False)):
            # Folders of the new files are not flushed; the staging folder is.
            path.replace(staging.file(target))
    return targets


def _staying(work: Rewriting) -> set[Path]:
    """Return the files that were not made, because they are there."""
    layout = work.contributions[0].source.dataset.layout
    staying = {path for file in work.data if (path := file.stays) is not None}
    staying |= {layout.timing_path(f.number.chunk, f.number.file) for f in work.data if f.stays is not None}
    for camera in work.cameras.values():
        staying |= {output.parts[0].path for output in camera.outputs if output.method is Method.STAY}
    return staying


def _own_files(dataset: Dataset) -> Iterator[Path]:
    """Yield the files that a rewriting makes; it leaves all others alone."""
    root, files = dataset.root, dataset.layout.files
    yield from (dataset.data_files.path(number) for number in range(len(dataset.data_files)))
    yield from parquet_files(files, EPISODES)
    yield from parquet_files(files, _TIMING)
    yield from (root / name for name in files.glob(RECORDINGS, "*/*.jsonl"))
    single = (EPISODE_LINES, EPISODE_STATS_LINES, dataset.version.tasks_path, STATS, MARKS)
    yield from (root / name for name in single)
    yield merge_notes(root)
    for episode in dataset.episodes:
        yield from (span.path for span in episode.videos.values())


def _verify(work: Rewriting, staging: KeepingStaging, leaving: list[Path]) -> None:
    """Compare the dataset as it will be with what is planned; `CorruptDatasetError`: it is something else."""
    root = work.contributions[0].source.dataset.root
    elsewhere = {name: path.relative_to(root).as_posix() for name, path in staging.staged().items()}
    nowhere = staging.make_folder("nowhere").relative_to(root)
    elsewhere |= {(name := path.relative_to(root).as_posix()): (nowhere / name).as_posix() for path in leaving}
    try:
        future = Dataset(root, Files(root, elsewhere))
        verify_rows(future)
        if not np.array_equal(future.episodes.lengths, work.lengths) or future.tasks != work.tasks:
            raise CorruptDatasetError("the tables do not have the episodes and tasks that were planned")
    except DatasetError as error:
        raise CorruptDatasetError(
            f"{str(root)!r} was not changed: what was written for it is wrong: {error}",
            hint="run the command again, and report it if it fails again",
        ) from error
