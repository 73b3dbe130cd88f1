"""The data files together: do they hold what the episode table says, in the order in which LeRobot reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lerotool.checking.gathering import Gathering
from lerotool.checking.rows import DataFileFacts, Runs, harm_of_times
from lerotool.checking.table import EpisodeTable
from lerotool.dataset.info import INFO, DatasetInfo
from lerotool.dataset.layout import Layout, inside
from lerotool.errors import DatasetError
from lerotool.features import cameras
from lerotool.findings import Code, Loading
from lerotool.wording import counted, listed, of_episodes

TOLERANCE_S = 1e-4
_FORGOTTEN = 1000
_GONE = (Code.DATA_MISSING, Code.LINK_OUTSIDE, Code.DATA_NO_FOOTER, Code.DATA_DAMAGED)
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
        own = set(fact.runs.episode.tolist()) if fact.runs is not None else set()
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
    """Note what is wrong with each data file, and with all of them together."""
    for fact in facts:
        gathering.add_problems(fact.path, fact.problems)
    if not info.codebase_version.has_files_of_episodes:
        facts = _in_order(_without_strays(facts, table, members, gathering), gathering)
    is_known = all(fact.runs is not None for fact in facts) and not gathering.has(*_GONE)
    lengths = _lengths(facts) if is_known else None
    first = 0
    for fact in facts:
        if fact.runs is not None:
            _check_file(fact, fact.runs, first, info, gathering, is_known=is_known)
            _check_tasks(fact, fact.runs, tasks, gathering)
        first += fact.rows
    view = DataView(lengths, tuple(facts))
    if table is not None:
        _check_against_table(info, table, view, members, gathering)
    _check_task_lists(table, tasks, facts, gathering)
    return view


def _without_strays(
    facts: Sequence[DataFileFacts], table: EpisodeTable | None, members: Members, gathering: Gathering
) -> list[DataFileFacts]:
    """Leave out files that nobody names and whose episodes are in other files."""
    if members.named is None or table is None:
        return list(facts)
    named = set(members.named)
    covered = {
        number
        for fact in facts
        if fact.path in named and fact.runs is not None
        for number in fact.runs.episode.tolist()
    }
    kept = []
    for fact in facts:
        own = set(fact.runs.episode.tolist()) if fact.runs is not None else set()
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
    firsts = [int(fact.runs.episode[0]) if fact.runs is not None and len(fact.runs) else None for fact in facts]
    known = [first for first in firsts if first is not None]
    if len(known) < len(facts) or len(set(known)) < len(known) or known == sorted(known):
        return facts
    right = [fact for _, fact in sorted(zip(known, facts, strict=True), key=lambda pair: pair[0])]
    wrong = next(place for place, fact in enumerate(facts) if fact is not right[place])
    text = f"episode {known[wrong]} is read before episode {min(known[wrong:])}: paths are sorted as texts"
    gathering.add(Code.FILE_ORDER, facts[wrong].path, text, episodes=[known[wrong]])
    return right


def _lengths(facts: Sequence[DataFileFacts]) -> Ints | None:
    """Return the rows of each episode, if the files have the episodes 0, 1, 2, … each in one run."""
    episodes = [number for fact in facts if fact.runs is not None for number in fact.runs.episode.tolist()]
    if episodes != list(range(len(episodes))):
        return None
    return np.array([n for fact in facts if fact.runs is not None for n in fact.runs.length.tolist()], np.int64)


def count_episodes(lengths: Ints, table: EpisodeTable | None) -> int:
    """Return how many episodes there are: those that have rows, and those without behind them in the table."""
    if table is None or len(table) <= len(lengths) or table.lengths[len(lengths) :].any():
        return len(lengths)
    return len(table)


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


def _check_against_table(
    info: DatasetInfo, table: EpisodeTable, view: DataView, members: Members, gathering: Gathering
) -> None:
    if any(fact.runs is None for fact in view.facts) or gathering.has(*_GONE):
        return
    if any(fact.runs is not None and fact.runs.is_permuted for fact in view.facts):
        return
    where: dict[int, list[tuple[DataFileFacts, int]]] = {}
    for fact in view.facts:
        assert fact.runs is not None
        for run, number in enumerate(fact.runs.episode.tolist()):
            where.setdefault(number, []).append((fact, run))
    lengths = dict(zip(table.numbers.tolist(), table.lengths.tolist(), strict=True))
    _check_rows(info, table, lengths, where, gathering)
    pointed: dict[Path, list[int]] = {}
    for number, path in zip(table.numbers.tolist(), members.named or (), strict=False):
        runs = where.get(number, [])
        if len(runs) == 1 and runs[0][0].path != path:
            pointed.setdefault(path, []).append(number)
    for path, episodes in pointed.items():
        holder = where[episodes[0]][0][0].path
        text = f"the table names it for {of_episodes(episodes)}, whose rows are in {gathering.name(holder)}"
        gathering.add(Code.DATA_POINTER, path, text, episodes=episodes)


Where = Mapping[int, Sequence[tuple[DataFileFacts, int]]]


def _check_rows(
    info: DatasetInfo, table: EpisodeTable, lengths: Mapping[int, int], where: Where, gathering: Gathering
) -> None:
    """Compare the rows of each episode with the table."""
    found = {n: sum(int(f.runs.length[r]) for f, r in runs if f.runs is not None) for n, runs in where.items()}
    odd = [n for n in where if found[n] != lengths.get(n) or len(where[n]) > 1]
    absent = [n for n, length in lengths.items() if length and n not in where]
    wrong = sorted({*odd, *absent})
    if not wrong:
        return
    fact, run = where[wrong[0]][0] if wrong[0] in where else next(iter(where.values()))[0] if where else (None, 0)
    path = fact.path if fact is not None else "data"
    rows = sum(found.values())
    have = counted(found.get(wrong[0], 0), "row")
    first = f"episode {wrong[0]} has {have}, the episode table says {lengths.get(wrong[0], 0)}"
    first += f"; so have {len(wrong) - 1} more" if len(wrong) > 1 else ""
    beyond = [number for number in odd if number not in lengths]
    if rows == sum(lengths.values()) and fact is not None and fact.runs is not None:
        # As many rows as there should be, but some say that they belong to another episode.
        text = f"rows of {of_episodes(wrong)} have other numbers than the episode table says"
        harms = None if set(range(info.total_episodes)) <= set(where) else Loading.REFUSED
        row = int(fact.runs.start[run])
        gathering.add(Code.WRONG_EPISODE, path, text, episodes=wrong, row=row, column="episode_index", harms=harms)
    elif beyond == odd and not absent:
        text = f"there are rows of {of_episodes(beyond)}, which the episode table lacks"
        harms = _harm_of_gap(info, table)
        gathering.add(Code.EPISODES_ORDER, path, text, episodes=beyond, harms=harms)
    elif rows == info.total_frames and not absent and not beyond:
        gathering.add(Code.EPISODE_LENGTH, table.places[0], first, episodes=wrong, column="length")
    else:
        gathering.add(Code.ROW_COUNT, path, first, episodes=wrong)


def _check_task_lists(
    table: EpisodeTable | None, tasks: Mapping[int, str] | None, facts: Sequence[DataFileFacts], gathering: Gathering
) -> None:
    if (
        table is None
        or table.tasks is None
        or tasks is None
        or gathering.has(Code.TASK_UNKNOWN, Code.TASKS_ORDER, Code.WRONG_EPISODE)
    ):
        return
    found: dict[int, set[str]] = {}
    for fact in facts:
        for number, numbers in zip(
            *((fact.runs.episode.tolist(), fact.runs.tasks) if fact.runs else ((), ())), strict=True
        ):
            found.setdefault(number, set()).update(tasks[task] for task in numbers if task in tasks)
    wrong = [
        (place, number)
        for place, number in enumerate(table.numbers.tolist())
        if number in found and found[number] != set(table.tasks[place])
    ]
    if wrong:
        place, number = wrong[0]
        text = f"the table says {list(table.tasks[place])}, the rows {sorted(found[number])}"
        gathering.add(
            Code.TASK_LIST,
            table.places[place],
            text,
            episodes=[number for _, number in wrong],
            row=table.rows[place],
            column="tasks",
        )


def check_totals(
    info: DatasetInfo, table: EpisodeTable | None, tasks: Mapping[int, str] | None, view: DataView, gathering: Gathering
) -> None:
    """Compare the totals of ``info.json`` with what is there: the rows if they can be read, else the table."""
    lengths = view.lengths if view.lengths is not None and len(view.lengths) else None
    if lengths is None and table is not None:
        lengths = table.lengths
    if lengths is None:
        return
    episodes = count_episodes(lengths, table)
    true = {"total_episodes": episodes, "total_frames": int(lengths.sum())}
    wrong = [key for key, value in true.items() if info.states(key) and getattr(info, key) != value]
    if wrong and not gathering.has(Code.ROW_COUNT):
        text = ", ".join(f"{key} is {getattr(info, key)}, found {true[key]}" for key in wrong)
        harms = Loading.REFUSED if info.total_episodes > episodes else None
        gathering.add(Code.TOTALS, INFO.as_posix(), text, column=wrong[0], harms=harms)
    counts: dict[str, object] = {"total_tasks": len(tasks)} if tasks is not None else {}
    found: dict[str, object] = {"total_tasks": info.total_tasks}
    if info.codebase_version.has_files_of_episodes:
        counts["total_videos"] = episodes * len(cameras(info.features))
        counts["total_chunks"] = -(-episodes // info.chunks_size)
        found |= {key: (info.model_extra or {}).get(key, counts[key]) for key in ("total_videos", "total_chunks")}
    if info.splits and set(info.splits) == {"train"}:
        counts["splits"], found["splits"] = {"train": f"0:{episodes}"}, info.splits
    odd = [key for key, value in counts.items() if info.states(key) and found[key] != value]
    if odd:
        text = ", ".join(f"{key} is {found[key]}, expected {counts[key]}" for key in odd)
        gathering.add(Code.COUNTS, INFO.as_posix(), text, column=odd[0])


def check_table(info: DatasetInfo, table: EpisodeTable, gathering: Gathering) -> None:
    """Check what the episode table says by itself."""
    numbers, expected = table.numbers, np.arange(len(table))
    if not np.array_equal(numbers, expected):
        row = int(np.flatnonzero(numbers != expected)[0])
        text = f"episode {numbers[row]} stands in place of episode {row}"
        episode = [int(numbers[row])]
        gathering.add(
            Code.EPISODES_ORDER,
            table.places[row],
            text,
            episodes=episode,
            row=table.rows[row],
            column="episode_index",
            harms=_harm_of_gap(info, table),
        )


def check_empty(table: EpisodeTable, lengths: Ints | None, gathering: Gathering) -> None:
    """Note episodes without frames: those that the table says have none, and that have no rows."""
    if not np.array_equal(table.numbers, np.arange(len(table))):
        return
    is_empty = table.lengths == 0
    if lengths is not None:
        known = min(len(lengths), len(table))
        is_empty[:known] &= lengths[:known] == 0
    empty = np.flatnonzero(is_empty).tolist()
    if empty:
        have = "episode has" if len(empty) == 1 else "episodes have"
        gathering.add(Code.EPISODE_EMPTY, table.places[empty[0]], f"{len(empty)} {have} no frames", episodes=empty)


def _harm_of_gap(info: DatasetInfo, table: EpisodeTable) -> Loading | None:
    """LeRobot asks for the videos of every episode that ``info.json`` counts."""
    is_asked = not info.codebase_version.has_files_of_episodes and bool(cameras(info.features))
    return Loading.REFUSED if is_asked and info.total_episodes > len(table) else None


def _shared_rows(ranges: Ints) -> str:
    """Return which two episodes claim the same rows first, if any do."""
    shared = np.flatnonzero(ranges[1:, 0] < ranges[:-1, 1])
    if not len(shared):
        return ""
    later = int(shared[0]) + 1
    return f"; episodes {later - 1} and {later} both claim rows from {ranges[later, 0]} on"


def check_ranges(table: EpisodeTable, lengths: Ints | None, gathering: Gathering) -> None:
    """Compare the ranges of rows in the episode table with the episodes' true lengths, as far as they are known."""
    if table.ranges is None or not np.array_equal(table.numbers, np.arange(len(table))):
        return
    known = lengths if lengths is not None and len(lengths) == len(table) else table.lengths
    stops = np.cumsum(known)
    true = np.stack([stops - known, stops], axis=1)
    wrong = np.flatnonzero((table.ranges != true).any(axis=1)).tolist()
    if wrong:
        row = wrong[0]
        text = f"rows {table.ranges[row].tolist()}, expected {true[row].tolist()}"
        text += _shared_rows(table.ranges)
        gathering.add(
            Code.EPISODE_RANGE,
            table.places[row],
            text,
            episodes=wrong,
            row=table.rows[row],
            column="dataset_from_index",
        )
