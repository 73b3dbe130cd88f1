"""What lies beside the dataset: an interrupted change, pending episodes, what dead programs have left."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from lerotool.checking.report import Gathering
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.journal_file import is_decided
from lerotool.dataset.layout import Layout, inside
from lerotool.dataset.parquet import open_parquet
from lerotool.dataset.writing.state import numbered
from lerotool.errors import CorruptDatasetError, LerotoolError, SpoolError
from lerotool.features import Kind
from lerotool.findings import Code
from lerotool.spool.pending import pending_folders
from lerotool.spool.recovery import Kind as Fate
from lerotool.spool.recovery import examine
from lerotool.storage import DISCARDED, PARTIAL, lock_owner
from lerotool.wording import counted, listed
from lerotool.workspace import Workspace, is_committed


def check_own(gathering: Gathering) -> bool:
    """Note symbolic links in lerotool's own folder; return whether there are none, so that it may be looked into."""
    links = list(_own_links(Workspace.place(gathering.root)))
    for path in links:
        text = f"it leads to {str(path.readlink())!r}; lerotool refuses to write to this dataset"
        gathering.add(Code.LINK_OUTSIDE, path, text)
    return not links


def _own_links(folder: Path) -> Iterator[Path]:
    if folder.is_symlink():
        yield folder
        return
    for path in (*folder.glob("*"), *folder.glob("pending/*")):
        if path.is_symlink() and path.is_dir():
            yield path


def check_journal(gathering: Gathering) -> bool:
    """Note an interrupted change; return whether there is one that has to be finished before anything else."""
    path = Workspace(gathering.root).journal
    if not path.exists():
        return False
    owner = lock_owner(Workspace(gathering.root).writing_lock)
    if owner is not None:
        gathering.add(Code.NOT_LOOKED_AT, path, f"the dataset is being changed right now by {owner}; check it again")
        return True
    try:
        is_unfinished = is_decided(Workspace(gathering.root))
    except LerotoolError as error:
        gathering.add_error(Code.JOURNAL, path, error)
        return False
    if is_unfinished:
        gathering.add(Code.UNFINISHED_COMMIT, path, "the change is complete on the disk and only has to be carried out")
    return is_unfinished


def check_links(gathering: Gathering) -> None:
    """Note symbolic links in the dataset that lead out of it."""
    for folder in ("meta", "data", "videos"):
        for parent, folders, files in os.walk(gathering.root / folder):
            for name in (*folders, *files):
                path = Path(parent, name)
                if path.is_symlink():
                    _check_link(path, gathering)
        if (gathering.root / folder).is_symlink():
            _check_link(gathering.root / folder, gathering)


def _check_link(path: Path, gathering: Gathering) -> None:
    try:
        inside(gathering.root, gathering.name(path))
    except CorruptDatasetError as error:
        gathering.add_error(Code.LINK_OUTSIDE, path, error)


def _check_pending(gathering: Gathering) -> None:
    """Note recorded episodes that are not part of the dataset yet."""
    waiting: list[str] = []
    frames = 0
    for folder in pending_folders(gathering.root):
        if is_committed(folder):
            gathering.add(Code.LEFTOVERS, folder, "the dataset contains this recorded episode; the folder can go")
            continue
        try:
            verdict = examine(folder)
        except (SpoolError, OSError) as error:
            gathering.add(Code.PENDING_BROKEN, folder, str(error))
            continue
        if verdict.kind is Fate.COMPLETE:
            waiting.append(folder.name)
            frames += verdict.rows
        elif verdict.kind is Fate.LIVE:
            gathering.add(Code.PENDING, folder, "it is being recorded")
        else:
            text = f"{verdict.kind.value}: {verdict.reason}; {counted(verdict.rows, 'row')} can be used"
            gathering.add(Code.PENDING_BROKEN, folder, text)
    if waiting:
        text = f"{counted(len(waiting), 'episode')} with {counted(frames, 'frame')}: {listed(waiting, 2)}"
        gathering.add(Code.PENDING, Workspace(gathering.root).pending, text)


def find_leftovers(root: Path) -> list[Path]:
    """Return what interrupted programs have left and nobody needs: files and folders, without pending episodes."""
    workspace = Workspace(root)
    found: list[Path] = []
    if lock_owner(workspace.writing_lock) is None and not workspace.journal.exists():
        found += workspace.staging.glob("*")
    if workspace.pending.is_dir():
        found += (path for path in workspace.pending.iterdir() if path.name.startswith((".creating-", DISCARDED)))
    for folder in (root, root / "meta", root / "data", root / "videos", workspace.folder):
        depth = "*" if folder in (root, workspace.folder) else "**/*"
        found += (path for path in folder.glob(depth) if PARTIAL in path.name and not path.is_symlink())
    found += (path for path in root.glob("tmp*") if path.is_dir() and any(path.glob("*.mp4")))
    return sorted(set(found))


def check_sidecar(layout: Layout, files: Sequence[tuple[Path, int]], gathering: Gathering) -> None:
    """Compare the measured times with the data files that they belong to."""
    for path, rows in files:
        number = numbered(path)
        if number is None or layout.version.has_files_of_episodes:
            continue
        timing = layout.timing_path(number.chunk, number.file)
        if not timing.is_file():
            continue
        try:
            with open_parquet(timing) as file:
                found = file.metadata.num_rows
        except CorruptDatasetError as error:
            gathering.add_error(Code.SIDECAR, timing, error)
            continue
        if found != rows:
            gathering.add(Code.SIDECAR, timing, f"{counted(found, 'row')}, the data file has {rows}")


def check_leftovers(info: DatasetInfo | None, gathering: Gathering) -> None:
    """Note recorded episodes that wait, leftovers, and pictures that LeRobot has not encoded."""
    _check_pending(gathering)
    found = find_leftovers(gathering.root)
    if found:
        names = [gathering.name(path) for path in found]
        gathering.add(Code.LEFTOVERS, found[0], f"left behind: {listed(names)}")
    if info is None or info.codebase_version.has_files_of_episodes:
        return
    videos = [name for name, feature in info.features.items() if feature.kind is Kind.VIDEO]
    folders = [path for name in videos for path in sorted((gathering.root / "images" / name).glob("episode*"))]
    if folders:
        text = f"pictures in {counted(len(folders), 'folder')}"
        gathering.add(Code.PICTURES_LEFT, folders[0], text)
