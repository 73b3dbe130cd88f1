"""Forgetting the files as they were before changes: never rows or pictures that the dataset does not have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa

from lerotool.checking.check import Sight, look
from lerotool.dataset.parquet import column_names, open_parquet, read_groups, read_whole
from lerotool.dataset.reading.footerless import has_footer, read_footerless
from lerotool.dataset.writing.history import KEPT, LEDGER, read_entries, remove
from lerotool.dataset.writing.staging import changing, has_leftovers
from lerotool.errors import CorruptDatasetError, LerotoolError
from lerotool.features import DEFAULT_FEATURES
from lerotool.findings import Severity
from lerotool.mending.taken_pictures import waiting_entries
from lerotool.storage import sync_directory, tree_bytes
from lerotool.wording import as_argument, counted
from lerotool.workspace import Workspace

_FIRST_RELEASE = "repaired"
"""Where repairs of the first release kept files."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of the files that changes had kept.

    Attributes:
        size: bytes that are free now, less what other names of the same files hold.
        only_here: files that stay, because the dataset does not have all of their rows or pictures.
        waiting: folders that stay, because episodes that were rescued are not in the dataset yet.
    """

    size: int
    only_here: tuple[Path, ...] = ()
    waiting: tuple[Path, ...] = ()


def forget(root: Path, *, edits: bool = False) -> Forgotten:
    """Remove what changes of a dataset have kept, but for rows and pictures that the dataset does not have."""
    workspace = Workspace(root)
    places = [place for place in (workspace.history, workspace.folder / _FIRST_RELEASE) if place.is_dir()]
    if not places and not has_leftovers(workspace):
        return Forgotten(0)
    with changing(workspace, "forgetting what changes have kept"):
        report, sight = look(root)
        if not report.is_sound:
            raise CorruptDatasetError(
                f"{str(root)!r} still has {counted(report.count(Severity.ERROR), 'error')}, "
                "and the files as they were may be needed to mend it; nothing was removed",
                hint=f"lerotool check {as_argument(root)}",
            )
        waiting = waiting_entries(root)
        entries = [entry for place in places for entry in sorted(place.iterdir()) if entry not in waiting]
        wanted = {entry.folder for entry in read_entries(workspace) if entry.leaves_out} if edits else set()
        looked_at = [entry for entry in entries if entry not in wanted]
        files = [path for entry in looked_at for path in sorted(entry.rglob(f"*{KEPT}")) if path.is_file()]
        only_here = find_only_here(files, sight)
        before = sum(map(tree_bytes, entries))
        for entry in entries:
            _remove(workspace, entry, only_here)
        for place in places:
            if not any(place.iterdir()):
                place.rmdir()
        sync_directory(workspace.folder)
        size = before - sum(tree_bytes(entry) for entry in entries if entry.is_dir())
    return Forgotten(size, tuple(only_here), tuple(waiting))


def _remove(workspace: Workspace, entry: Path, only_here: Sequence[Path]) -> None:
    """Remove an entry of the history, but for files that are nowhere else."""
    stay = {path for path in only_here if path.is_relative_to(entry)}
    if not stay:
        remove(workspace, entry)
        return
    for path in sorted(entry.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in stay and path.name != LEDGER:
            path.unlink()


def find_only_here(kept: Sequence[Path], sight: Sight) -> list[Path]:
    """Return the kept files with rows or pictures that the dataset does not have."""
    tables = [
        path
        for path in kept
        if path.name.endswith(f".parquet{KEPT}") and "meta" not in path.relative_to(sight.root).parts
    ]
    videos = [path for path in kept if path.name.endswith(f".mp4{KEPT}")]
    found = [path for path in videos if _has_more_pictures(path, sight)]
    if tables:
        rows = _Rows(sight)
        found += [path for path in tables if rows.lack(path)]
    return sorted(found)


def _has_more_pictures(kept: Path, sight: Sight) -> bool:
    """Whether a video had more pictures than the one that is in its place now."""
    from lerotool.media.probe import count_complete_packets

    parts = kept.relative_to(sight.root).parts
    # .lerotool/history/<entry>/<path>; the first release also had .lerotool/repaired/<time>/<round>/<path>
    places = [sight.root / PurePosixPath(*parts[start:]) for start in (3, 4)]
    present = [place.with_name(place.name.removesuffix(KEPT)) for place in places]
    now = max((count_complete_packets(path) for path in present if path.is_file()), default=0)
    return count_complete_packets(kept) > now


class _Rows:
    """The rows of a dataset, without the numbers and times that a repair changes."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._counts: dict[tuple[str, ...], Counter[int]] = {}

    def lack(self, path: Path) -> bool:
        """Whether the dataset does not have every row of a kept file, as often as the file has it."""
        info = self._sight.info
        try:
            if has_footer(path):
                table = read_whole(path)
            elif info is not None:
                table = pa.concat_tables(read_footerless(path, info.features).groups or [pa.table({})])
            else:
                return True
        except LerotoolError:
            return path.stat().st_size > 0  # nobody can tell what is in it
        names = tuple(sorted(set(table.column_names) - set(DEFAULT_FEATURES)))
        counts = self._counts.setdefault(names, Counter()) if names in self._counts else self._count(names)
        return any(number > counts[row] for row, number in Counter(_fingerprints(table, names)).items())

    def _count(self, names: tuple[str, ...]) -> Counter[int]:
        counts = self._counts[names] = Counter()
        data = self._sight.data
        for fact in data.facts if data is not None else ():
            with open_parquet(fact.path) as file:
                if not set(names) <= set(column_names(file, fact.path)):
                    continue
                for group in range(file.num_row_groups):
                    counts.update(_fingerprints(read_groups(file, fact.path, [group], list(names)), names))
        return counts


def _fingerprints(table: pa.Table, names: Iterable[str]) -> Iterator[int]:
    """Yield a number for each row that only equal values have."""
    columns = [table[name].to_pylist() for name in names]
    if not columns:
        yield from [0] * table.num_rows
    for row in zip(*columns, strict=True):
        yield hash(repr(row))
