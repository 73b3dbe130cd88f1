"""The data files together: which there are, and whether their rows count on from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lerotool.checking.report import Gathering
from lerotool.checking.rows import DataFileFacts, Runs, harm_of_times
from lerotool.checking.table import EpisodeTable
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import Layout, inside
from lerotool.errors import DatasetError
from lerotool.features import cameras
from lerotool.findings import Code, Loading
from lerotool.wording import counted, listed, of_episodes

TOLERANCE_S = 1e-4
_FORGOTTEN = 1000
GONE = (Code.DATA_MISSING, Code.LINK_OUTSIDE, Code.DATA_NO_FOOTER, Code.DATA_DAMAGED)
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """The data files that belong to the dataset."""

    paths: tuple[Path, ...]  # in the order in which LeRobot reads them
    named: tuple[Path, ...] | None  # by episode, the path that the episode table names; None where it does not tell
    missing: Mapping[int, Path] = field(default_factory=dict)  # by episode, the named paths that do not exist
    strays: tuple[Path, ...] = ()  # other files below data/, in v2.x


def find_members(info: DatasetInfo, layout: Layout | None, table: EpisodeTable | None, gathering: Gathering) -> Members:
    """Find the data files: in v3.0 all that are there, in v2.x those that the episode table names."""
    is_new = not info.codebase_version.has_files_of_episodes
    found = sorted((gathering.root / "data").glob("*/*.parquet" if is_new else "**/*.parquet"))
    found = [path for path in found if _is_inside(path, gathering)]
    hidden = [path for path in found if path.name.startswith(".")]
    for path in hidden:
        text = "a hidden file, such as macOS leaves; LeRobot reads it as data"
        gathering.add(Code.DATA_STRAY, path, text, harms=Loading.REFUSED)
    found = [path for path in found if path not in hidden]
    named = named_paths(info, layout, table, gathering)
    if named is None:
        return Members(tuple(found), None)
    assert table is not None
    missing = {n: path for n, path in zip(table.numbers.tolist(), named, strict=True) if not path.is_file()}
    found = [path for path in found if path not in missing.values()]
    for path in dict.fromkeys(missing.values()):
        episodes = [number for number, own in missing.items() if own == path]
        is_elsewhere = is_new and bool(set(found) - set(named))
        if not is_elsewhere:
            text = f"the file is missing; it has {of_episodes(episodes)}"
            gathering.add(Code.DATA_MISSING, path, text, episodes=episodes)
    if is_new:
        return Members(tuple(found), named, missing)
    forgotten = [path for path in _unnamed(info, layout, table) if path in found]
    strays = sorted(set(found) - set(named) - set(forgotten))
    present = sorted(path for path in {*named, *forgotten} if path.is_file())
    return Members(tuple(present), named, missing, tuple(strays))


def check_strays(members: Members, facts: Sequence[DataFileFacts], gathering: Gathering) -> None:
    """Note the files below data/ that no episode of a v2.x table has, and those that have the rows that are missing."""
    for fact in facts:
        own = set(fact.episodes)
        if own and own <= set(members.missing):
            targets = [gathering.name(members.missing[number]) for number in sorted(own)]
            text = f"it has the rows of {of_episodes(sorted(own))}, which data_path expects in {listed(targets)}"
            gathering.add(Code.TEMPLATE_WRONG, fact.path, text, episodes=sorted(own), column="data_path")
        else:
            text = "no episode has this file; LeRobot reads every parquet file below data/"
            gathering.add(Code.DATA_STRAY, fact.path, text)


def _unnamed(info: DatasetInfo, layout: Layout | None, table: EpisodeTable) -> list[Path]:
    """Return the data files that episodes would have which a table of v2.x has not."""
    last = min(max([info.total_episodes, *(table.numbers + 1).tolist()]), len(table) + _FORGOTTEN)
    missing = sorted(set(range(last)) - set(table.numbers.tolist()))
    return [layout.data_path(number // info.chunks_size, number) for number in missing] if layout is not None else []


def _is_inside(path: Path, gathering: Gathering) -> bool:
    try:
        inside(gathering.root, path.relative_to(gathering.root).as_posix())
    except DatasetError as error:
        gathering.add_error(Code.LINK_OUTSIDE, path, error)
        return False
    return True


def named_paths(
    info: DatasetInfo, layout: Layout | None, table: EpisodeTable | None, gathering: Gathering
) -> tuple[Path, ...] | None:
    """Return the data file of each episode as the table names it, in v2.x by its number; None where it does not."""
    if layout is None or table is None:
        return None
    if not info.codebase_version.has_files_of_episodes:
        numbers = table.data
    else:
        numbers = np.stack([table.numbers // info.chunks_size, table.numbers], axis=1)
    if numbers is None:
        return None
    try:
        paths = {pair: layout.data_path(*pair) for pair in dict.fromkeys(map(tuple, numbers.tolist()))}
    except DatasetError as error:
        gathering.add_error(Code.LINK_OUTSIDE, "data", error)
        return None
    return tuple(paths[tuple(pair)] for pair in numbers.tolist())


@dataclass(frozen=True, slots=True, eq=False)
class DataView:
    """The episodes as the data files have them."""

    lengths: Ints | None  # rows of each episode, by its number: int64; None where the files do not tell
    facts: tuple[DataFileFacts, ...]  # of the files that hold them, in their right order


def check_data(
    info: DatasetInfo,
    table: EpisodeTable | None,
    tasks: Mapping[int, str] | None,
    members: Members,
    facts: Sequence[DataFileFacts],
    gathering: Gathering,
) -> DataView:
    """Note what is wrong with each data file, and with all of them one after another."""
    for fact in facts:
        gathering.add_problems(fact.path, fact.problems)
    if not info.codebase_version.has_files_of_episodes:
        facts = _in_order(_without_strays(facts, table, members, gathering), gathering)
    is_known = all(fact.runs is not None for fact in facts) and not gathering.has(*GONE)
    lengths = _lengths(facts) if is_known else None
    first = 0
    for fact in facts:
        if fact.runs is not None:
            _check_file(fact, fact.runs, first, info, gathering, is_known=is_known)
            _check_tasks(fact, fact.runs, tasks, gathering)
        first += fact.rows
    return DataView(lengths, tuple(facts))


def _without_strays(
    facts: Sequence[DataFileFacts], table: EpisodeTable | None, members: Members, gathering: Gathering
) -> list[DataFileFacts]:
    """Leave out files that nobody names and whose episodes are in other files."""
    if members.named is None or table is None:
        return list(facts)
    named = set(members.named)
    covered = {number for fact in facts if fact.path in named for number in fact.episodes}
    kept = []
    for fact in facts:
        own = set(fact.episodes)
        # Rows that are nowhere else are rows of the dataset, whatever the table says.
        is_needed = bool(own - covered) or (fact.runs is None and bool(set(table.numbers.tolist()) - covered))
        if fact.path in named or is_needed:
            kept.append(fact)
        else:
            text = f"no episode has this file; its {fact.rows} rows are read as further frames"
            harms = None if any(other.path > fact.path for other in facts if other.path in named) else Loading.RIGHT
            gathering.add(Code.DATA_STRAY, fact.path, text, harms=Loading.REFUSED if fact.runs is None else harms)
    return kept


def _in_order(facts: list[DataFileFacts], gathering: Gathering) -> list[DataFileFacts]:
    """Return the files in the order of their episodes, which should be that of their paths."""
    firsts = [fact.episodes[0] for fact in facts if fact.episodes]
    if len(set(firsts)) < len(facts) or firsts == sorted(firsts):
        return facts
    right = sorted(facts, key=lambda fact: fact.episodes[0])
    wrong = next(place for place, fact in enumerate(facts) if fact is not right[place])
    text = f"episode {firsts[wrong]} is read before episode {min(firsts[wrong:])}: paths are sorted as texts"
    gathering.add(Code.FILE_ORDER, facts[wrong].path, text, episodes=[firsts[wrong]])
    return right


def _lengths(facts: Sequence[DataFileFacts]) -> Ints | None:
    """Return the rows of each episode, if the files have the episodes 0, 1, 2, … each in one run."""
    runs = [fact.runs for fact in facts if fact.runs is not None]
    episodes = np.concatenate([np.empty(0, np.int64), *(own.episode for own in runs)])
    if not np.array_equal(episodes, np.arange(len(episodes))):
        return None
    return np.concatenate([np.empty(0, np.int64), *(own.length for own in runs)])


def _check_file(
    fact: DataFileFacts, runs: Runs, first: int, info: DatasetInfo, gathering: Gathering, *, is_known: bool
) -> None:
    if runs.is_permuted:
        text = "the rows are not in the order of their index"
        gathering.add(Code.WRONG_INDEX, fact.path, text, column="index")
        return
    wrong = ~runs.is_counted | ((runs.first_index != first + runs.start) & (is_known and runs.is_indexed))
    if wrong.any():
        run = int(np.flatnonzero(wrong)[0])
        text = f"index is {runs.first_index[run]} where row {first + runs.start[run]} of the dataset begins an episode"
        if not runs.is_counted[run]:
            text = "index does not go up by one from row to row"
        _add_runs(Code.WRONG_INDEX, fact, runs, wrong, text, "index", gathering)
    if (~runs.is_framed).any():
        _add_runs(Code.WRONG_FRAME, fact, runs, ~runs.is_framed, "frames are not 0, 1, 2, …", "frame_index", gathering)
    off = runs.off_grid_s >= TOLERANCE_S
    if off.any():
        worst, start = float(runs.off_grid_s[off].max()), float(runs.first_time[off][0])
        text = f"up to {worst:.6g} s away from frame_index / {info.fps:g}; the first episode starts at {start:.6g} s"
        harms = harm_of_times(info.codebase_version, bool(cameras(info.features)))
        _add_runs(Code.TIMESTAMPS, fact, runs, off, text, "timestamp", gathering, harms)
    inner = np.setdiff1d(fact.row_group_starts, runs.start)
    if len(inner) and not info.codebase_version.has_files_of_episodes:
        text = f"{len(inner)} of {len(fact.row_group_starts)} row groups"
        gathering.add(Code.ROW_GROUPS, fact.path, text, row=int(inner[0]))


def _add_runs(
    code: Code,
    fact: DataFileFacts,
    runs: Runs,
    wrong: npt.NDArray[np.bool_],
    text: str,
    column: str,
    gathering: Gathering,
    harms: Loading | None = None,
) -> None:
    row = int(runs.start[wrong][0])
    episodes = sorted(set(runs.episode[wrong].tolist()))
    text = f"{text} ({of_episodes(episodes)})"
    gathering.add(code, fact.path, text, episodes=episodes, row=row, column=column, harms=harms)


def _check_tasks(fact: DataFileFacts, runs: Runs, tasks: Mapping[int, str] | None, gathering: Gathering) -> None:
    if tasks is None:
        return
    unknown: dict[int, list[int]] = {}
    for episode, numbers in zip(runs.episode.tolist(), runs.tasks, strict=True):
        for number in numbers:
            if number not in tasks:
                unknown.setdefault(number, []).append(episode)
    for number, episodes in list(unknown.items())[:3]:
        text = f"rows have task {number}, the dataset has {counted(len(tasks), 'task')}"
        gathering.add(Code.TASK_UNKNOWN, fact.path, text, episodes=sorted(set(episodes)), column="task_index")
