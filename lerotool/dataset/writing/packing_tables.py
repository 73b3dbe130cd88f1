"""Packing the tables of a dataset: data files and measured times beside them, episodes files and their reports."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.parquet import open_parquet, read_groups, read_whole, schema_of
from lerotool.dataset.sidecar import joined_timing
from lerotool.dataset.writing.packing import (
    DATA,
    MB,
    Moves,
    NumberedFile,
    PackReport,
    Place,
    moved_table,
    numbered_table,
    pack_numbers,
    plan_packs,
)
from lerotool.dataset.writing.staging import Staging, verify_rows
from lerotool.dataset.writing.state import Pointers, WriterState, data_files, episodes_files, numbered, read_pointers
from lerotool.errors import CorruptDatasetError
from lerotool.storage import SPARE_BYTES, check_space
from lerotool.workspace import Workspace

_AT_ONCE = 16


def pack_tables(workspace: Workspace, state: WriterState) -> PackReport:
    """Pack data files and episodes files in one commit.

    `OSError`: the disk is full or fails; the dataset is the old one, or the next writer makes it the new one.
    """
    pointers = read_pointers(state.layout.root, [DATA])
    data = _numbered_data(state, pointers)
    episodes = _numbered_episodes(state)
    data_packs = plan_packs([f.size_bytes for f in data], _limit(state), partial(_have_equal_types, data))
    episode_packs = plan_packs([f.size_bytes for f in episodes], _limit(state), _joinable(episodes))
    changes = [
        [files[place] for place in pack]
        for files, packs in ((data, data_packs), (episodes, episode_packs))
        for pack in packs
        if len(pack) > 1
    ]
    if not changes:
        return PackReport()
    needed = SPARE_BYTES + sum(file.size_bytes for members in changes for file in members)
    check_space(state.layout.root, needed, "packing its files")
    with Staging(workspace) as staging:
        moves, removals = _stage_data(state, staging, data, data_packs)
        removals += stage_episodes(state, staging, moves, pointers, (episodes, episode_packs))
        staging.commit(removals=removals)
    return PackReport(sum(map(len, changes)), len(changes))


def _limit(state: WriterState) -> float:
    return state.info.data_files_size_in_mb * MB


def _numbered_data(state: WriterState, pointers: Sequence[Pointers]) -> list[NumberedFile]:
    """Return the data files with their numbers; none if the table does not tell the numbers of all of them."""
    numbers = {n for pointer in pointers for n in pointer.files.get(DATA, ())}
    known = {state.layout.data_path(n.chunk, n.file): n for n in sorted(numbers)}
    files = data_files(state.layout.root)
    if set(files) != set(known) or len(known) != len(numbers) or [known[f] for f in files] != sorted(numbers):
        return []
    return [NumberedFile(path, known[path], path.stat().st_size) for path in files]


def _numbered_episodes(state: WriterState) -> list[NumberedFile]:
    """Return the episodes files with their numbers; none if one is called otherwise."""
    found: list[NumberedFile] = []
    for path in episodes_files(state.layout.root):
        number = numbered(path)
        if number is None or state.layout.episodes_path(number.chunk, number.file) != path:
            return []
        found.append(NumberedFile(path, number, path.stat().st_size))
    return found


def _have_equal_types(files: Sequence[NumberedFile], place: int, pack: range) -> bool:
    """Whether a data file's columns have the types of the file after it."""
    older, newer = (schema_of(files[at].path) for at in (place, pack.start))
    return bool(older.equals(newer, check_metadata=False))


def _joinable(files: Sequence[NumberedFile]) -> Callable[[int, range], bool]:
    """Return what tells whether an episodes file can stand in one table with those after it; each is looked at once."""

    @functools.cache
    def schema(start: int, stop: int) -> pa.Schema:
        own = schema_of(files[start].path).remove_metadata()
        later = [schema(start + 1, stop)] if start + 1 < stop else []
        return pa.unify_schemas([own, *later], promote_options="permissive")

    def joins(place: int, pack: range) -> bool:
        try:
            schema(place, pack.stop)
        except MemoryError:
            raise
        except pa.ArrowException:
            return False
        return True

    return joins


def _stage_data(
    state: WriterState, staging: Staging, files: Sequence[NumberedFile], packs: Sequence[range]
) -> tuple[Moves, list[Path]]:
    """Stage the new data files and measured times; return where the old ones have gone and what is to be removed."""
    places: dict[FileNumber, Place] = {}
    targets: set[Path] = set()
    touched: list[Path] = []
    for number, pack in zip(pack_numbers(files, packs, state.info.chunks_size), packs, strict=True):
        members = [files[place] for place in pack]
        if len(pack) == 1 and members[0].number == number:
            continue
        target = state.layout.data_path(number.chunk, number.file)
        timing = state.layout.timing_path(number.chunk, number.file)
        if len(pack) > 1:
            _join_data([m.path for m in members], staging.file(target))
        else:
            staging.duplicate(members[0].path, target)
        if (table := _timing_of(state, members)) is not None:
            staging.write_table(timing, table)
            targets.add(timing)
        targets.add(target)
        places |= {member.number: Place(number) for member in members}
        touched += [member.path for member in members]
        touched += [state.layout.timing_path(m.number.chunk, m.number.file) for m in members]
    return {DATA: places}, [path for path in touched if path not in targets]


def _join_data(sources: Sequence[Path], target: Path) -> None:
    """Copy the row groups of data files into one file."""
    schema = schema_of(sources[0])
    rows = 0
    with target.open("wb") as sink, pq.ParquetWriter(sink, schema, compression="snappy") as writer:
        for path in sources:
            with open_parquet(path) as file:
                for group in range(file.num_row_groups):
                    table = read_groups(file, path, [group], schema.names)
                    rows += table.num_rows
                    writer.write_table(
                        pa.Table.from_arrays(table.columns, schema=schema), row_group_size=max(1, table.num_rows)
                    )
    verify_rows(target, rows)


def _timing_of(state: WriterState, members: Sequence[NumberedFile]) -> pa.Table | None:
    """Return the measured times of several data files; rows that were not measured have nulls."""
    tables = []
    for member in members:
        path = state.layout.timing_path(member.number.chunk, member.number.file)
        is_measured = path.exists()
        tables.append(read_whole(path) if is_measured else read_whole(member.path, ["episode_index", "frame_index"]))
    return joined_timing(tables)


def stage_episodes(
    state: WriterState,
    staging: Staging,
    moves: Moves,
    pointers: Sequence[Pointers],
    plan: tuple[Sequence[NumberedFile], Sequence[range]] | None = None,
) -> list[Path]:
    """Stage the episodes files that change because files have moved or they are packed themselves.

    `plan`: the episodes files and their packs; None leaves them apart. Returns the files to remove.
    """
    files, packs = plan if plan is not None and plan[0] else (_as_they_are(state, pointers), None)
    packs = packs if packs is not None else [range(place, place + 1) for place in range(len(files))]
    removals: set[Path] = set()
    targets: set[Path] = set()
    for number, pack in zip(pack_numbers(files, packs, state.info.chunks_size), packs, strict=True):
        members = [files[place] for place in pack]
        stays = len(pack) == 1 and members[0].number == number
        if stays and not pointers[pack.start].touches(moves):
            continue
        target = members[0].path if stays else state.layout.episodes_path(number.chunk, number.file)
        table = moved_table(_read_joined([m.path for m in members]), moves, state.info.fps)
        staging.write_table(target, table if stays else numbered_table(table, number))
        targets.add(target)
        if not stays:
            targets |= _stage_reports(state, staging, members, number)
            removals |= {m.path for m in members}
            removals |= {state.layout.recordings_path(m.number.chunk, m.number.file) for m in members}
    return sorted(removals - targets)


def _as_they_are(state: WriterState, pointers: Sequence[Pointers]) -> list[NumberedFile]:
    """Return the episodes files where only their contents matter: their numbers stay whatever they are."""
    return _numbered_episodes(state) or [
        NumberedFile(pointer.path, FileNumber(0, place), 0) for place, pointer in enumerate(pointers)
    ]


def _stage_reports(
    state: WriterState, staging: Staging, members: Sequence[NumberedFile], number: FileNumber
) -> set[Path]:
    old = [state.layout.recordings_path(member.number.chunk, member.number.file) for member in members]
    lines = b"".join(path.read_bytes() for path in old if path.exists())
    if not lines:
        return set()
    target = state.layout.recordings_path(number.chunk, number.file)
    staging.write(target, lines)
    return {target}


def _read_joined(paths: Sequence[Path]) -> pa.Table:
    """Read episodes files as one table, a few at a time: a table of one row takes 200 kB, of 100 rows not much more."""
    joined: list[pa.Table] = []
    for start in range(0, len(paths), _AT_ONCE):
        joined = [_joined([*joined, *map(read_whole, paths[start : start + _AT_ONCE])])]
    return joined[0]


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Join episodes tables by the columns of all, in the order of the first; if need be, integers become doubles."""
    if len(tables) == 1:
        return tables[0]
    # Metadata of one table would describe the others wrongly.
    bare = [table.replace_schema_metadata(None) for table in tables]
    joined = pa.concat_tables(bare, promote_options="permissive")
    if joined.num_rows != sum(table.num_rows for table in tables):
        raise CorruptDatasetError(f"{joined.num_rows} episodes after joining tables")
    return joined.combine_chunks()
