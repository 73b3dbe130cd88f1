"""The episodes as the rows have them, compared with the episode table and the totals; copies, and those that rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lerotool.checking.data import GONE, DataView, Members
from lerotool.checking.report import Gathering
from lerotool.checking.rows import DataFileFacts
from lerotool.checking.table import EpisodeTable, Ints
from lerotool.dataset.info import INFO, DatasetInfo
from lerotool.dataset.joints import STILL
from lerotool.features import ACTION, STATE, cameras
from lerotool.findings import Code, Loading
from lerotool.wording import counted, of_episodes

_SHORTEST = 5


def check_episodes(
    info: DatasetInfo,
    table: EpisodeTable | None,
    tasks: Mapping[int, str] | None,
    view: DataView,
    members: Members,
    gathering: Gathering,
) -> Ints | None:
    """Compare the rows with the episode table, and both with the totals.

    Returns the rows of each episode; None where the files do not tell, or tell something else than the table.
    """
    if table is not None:
        _check_rows(info, table, view, members, gathering)
        _check_task_lists(table, tasks, view.facts, gathering)
    _check_totals(info, table, tasks, view, gathering)
    lengths = None if gathering.has(Code.ROW_COUNT) else view.lengths
    if table is not None:
        _check_ranges(table, lengths, gathering)
        _check_empty(table, lengths, gathering)
    return lengths


def _check_rows(info: DatasetInfo, table: EpisodeTable, view: DataView, members: Members, gathering: Gathering) -> None:
    """Compare the rows of each episode with the table: how many there are, and in which file."""
    if gathering.has(*GONE) or any(fact.runs is None or fact.runs.is_permuted for fact in view.facts):
        return
    where = runs_by_episode(view.facts)
    lengths = dict(zip(table.numbers.tolist(), table.lengths.tolist(), strict=True))
    _check_lengths(info, table, lengths, where, gathering)
    pointed: dict[Path, list[int]] = {}
    for number, path in zip(table.numbers.tolist(), members.named or (), strict=False):
        runs = where.get(number, [])
        if len(runs) == 1 and runs[0].path != path:
            pointed.setdefault(path, []).append(number)
    for path, episodes in pointed.items():
        holder = gathering.name(where[episodes[0]][0].path)
        text = f"the table names it for {of_episodes(episodes)}, whose rows are in {holder}"
        gathering.add(Code.DATA_POINTER, path, text, episodes=episodes)


class Run(NamedTuple):
    """Rows of one episode that stand side by side."""

    path: Path  # of the data file
    start: int  # first row in the file
    length: int  # rows


def runs_by_episode(facts: Iterable[DataFileFacts]) -> dict[int, list[Run]]:
    """Return the runs of rows of each episode, in the order of the files."""
    where: dict[int, list[Run]] = {}
    for fact in facts:
        if fact.runs is not None:
            starts, lengths = fact.runs.start.tolist(), fact.runs.length.tolist()
            for number, start, length in zip(fact.episodes, starts, lengths, strict=True):
                where.setdefault(number, []).append(Run(fact.path, start, length))
    return where


def _check_lengths(
    info: DatasetInfo,
    table: EpisodeTable,
    lengths: Mapping[int, int],
    where: Mapping[int, Sequence[Run]],
    gathering: Gathering,
) -> None:
    found = {number: sum(run.length for run in runs) for number, runs in where.items()}
    odd = [n for n in where if found[n] != lengths.get(n) or len(where[n]) > 1]
    absent = [n for n, length in lengths.items() if length and n not in where]
    wrong = sorted({*odd, *absent})
    if not wrong:
        return
    run = next(iter(where.get(wrong[0]) or next(iter(where.values()), ())), Run(gathering.root / "data", 0, 0))
    rows = sum(found.values())
    have = counted(found.get(wrong[0], 0), "row")
    first = f"episode {wrong[0]} has {have}, the episode table says {lengths.get(wrong[0], 0)}"
    first += f"; so have {len(wrong) - 1} more" if len(wrong) > 1 else ""
    beyond = [number for number in odd if number not in lengths]
    if where and rows == sum(lengths.values()):
        # As many rows as there should be, but some say that they belong to another episode.
        text = f"rows of {of_episodes(wrong)} have other numbers than the episode table says"
        harms = None if set(range(info.total_episodes)) <= set(where) else Loading.REFUSED
        column = "episode_index"
        gathering.add(Code.WRONG_EPISODE, run.path, text, episodes=wrong, row=run.start, column=column, harms=harms)
    elif beyond == odd and not absent:
        text = f"there are rows of {of_episodes(beyond)}, which the episode table lacks"
        harms = _harm_of_gap(info, table)
        gathering.add(Code.EPISODES_ORDER, run.path, text, episodes=beyond, harms=harms)
    elif rows == info.total_frames and not absent and not beyond:
        gathering.add(Code.EPISODE_LENGTH, table.places[0], first, episodes=wrong, column="length")
    else:
        gathering.add(Code.ROW_COUNT, run.path, first, episodes=wrong)


def check_part(table: EpisodeTable, facts: Sequence[DataFileFacts], gathering: Gathering) -> None:
    """Compare the rows of each episode with the table, where only a part of the dataset is here."""
    if any(fact.runs is None for fact in facts):
        return
    where = runs_by_episode(facts)
    found = {number: sum(run.length for run in runs) for number, runs in where.items()}
    lengths = zip(table.numbers.tolist(), table.lengths.tolist(), strict=True)
    wrong = [number for number, length in lengths if found.get(number, 0) != length]
    if wrong and facts:
        text = f"episode {wrong[0]} has {counted(found.get(wrong[0], 0), 'row')}, the table says otherwise"
        gathering.add(Code.ROW_COUNT, facts[0].path, text, episodes=wrong)


def _check_task_lists(
    table: EpisodeTable, tasks: Mapping[int, str] | None, facts: Sequence[DataFileFacts], gathering: Gathering
) -> None:
    """Compare the tasks of each episode in the table with those of its rows."""
    if table.tasks is None or tasks is None:
        return
    if gathering.has(Code.TASK_UNKNOWN, Code.TASKS_ORDER, Code.WRONG_EPISODE):
        return
    found: dict[int, set[str]] = {}
    for fact in facts:
        for number, numbers in zip(fact.episodes, fact.runs.tasks if fact.runs is not None else (), strict=True):
            found.setdefault(number, set()).update(tasks[task] for task in numbers if task in tasks)
    numbers = table.numbers.tolist()
    wrong = [row for row, n in enumerate(numbers) if n in found and found[n] != set(table.tasks[row])]
    if wrong:
        text = f"the table says {list(table.tasks[wrong[0]])}, the rows {sorted(found[numbers[wrong[0]]])}"
        _add_rows(Code.TASK_LIST, table, wrong, text, [numbers[row] for row in wrong], "tasks", gathering)


def count_episodes(lengths: Ints, table: EpisodeTable | None) -> int:
    """Return how many episodes there are: those that have rows, and those without behind them in the table."""
    if table is None or len(table) <= len(lengths) or table.lengths[len(lengths) :].any():
        return len(lengths)
    return len(table)


def _check_totals(
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
    wrong = np.flatnonzero(table.numbers != np.arange(len(table))).tolist()
    if wrong:
        number, harms = int(table.numbers[wrong[0]]), _harm_of_gap(info, table)
        text = f"episode {number} stands in place of episode {wrong[0]}"
        _add_rows(Code.EPISODES_ORDER, table, wrong, text, [number], "episode_index", gathering, harms)


def _add_rows(
    code: Code,
    table: EpisodeTable,
    rows: Sequence[int],
    text: str,
    episodes: Sequence[int],
    column: str,
    gathering: Gathering,
    harms: Loading | None = None,
) -> None:
    """Note what is wrong in rows of the episode table."""
    place, row = table.places[rows[0]], table.rows[rows[0]]
    gathering.add(code, place, text, episodes=episodes, row=row, column=column, harms=harms)


def _check_empty(table: EpisodeTable, lengths: Ints | None, gathering: Gathering) -> None:
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


def _check_ranges(table: EpisodeTable, lengths: Ints | None, gathering: Gathering) -> None:
    """Compare the ranges of rows in the episode table with the episodes' true lengths, as far as they are known."""
    if table.ranges is None or not np.array_equal(table.numbers, np.arange(len(table))):
        return
    known = lengths if lengths is not None and len(lengths) == len(table) else table.lengths
    stops = np.cumsum(known)
    true = np.stack([stops - known, stops], axis=1)
    wrong = np.flatnonzero((table.ranges != true).any(axis=1)).tolist()
    if wrong:
        text = f"rows {table.ranges[wrong[0]].tolist()}, expected {true[wrong[0]].tolist()}"
        shared = np.flatnonzero(table.ranges[1:, 0] < table.ranges[:-1, 1]) + 1
        for later in shared[:1].tolist():
            text += f"; episodes {later - 1} and {later} both claim rows from {table.ranges[later, 0]} on"
        _add_rows(Code.EPISODE_RANGE, table, wrong, text, wrong, "dataset_from_index", gathering)


def moving_episodes(view: DataView) -> npt.NDArray[np.bool_] | None:
    """Return in which episodes a joint or its command moves; None where that is unknown."""
    if view.lengths is None or not len(view.lengths):
        return None
    moves: npt.NDArray[np.bool_] | None = None
    for name in (STATE, ACTION):
        if not all(name in fact.low for fact in view.facts):
            continue
        low, high = (np.concatenate([getattr(fact, side)[name] for fact in view.facts]) for side in ("low", "high"))
        with np.errstate(invalid="ignore"):
            whole = high.max(axis=0) - low.min(axis=0)
            own = ((high - low) > STILL * whole).any(axis=1)
        moves = own if moves is None else moves | own
    return moves


def check_motion(view: DataView, gathering: Gathering) -> None:
    """Note episodes of more than a few rows in which nothing moves, and copies of others in which something does."""
    moves = moving_episodes(view)
    if moves is None or view.lengths is None:
        return
    is_long = view.lengths >= _SHORTEST
    idle = np.flatnonzero(~moves & is_long).tolist()
    if idle:
        text = f"no joint moves by more than {STILL:.0%} of its range in {of_episodes(idle)}"
        gathering.add(Code.EPISODE_IDLE, "data", text, episodes=idle)
    if any(fact.marks is None for fact in view.facts):
        return
    marks = np.concatenate([fact.marks for fact in view.facts if fact.marks is not None]).tolist()
    first: dict[tuple[int, int], int] = {}
    doubles: dict[int, int] = {}
    for number, key in enumerate(zip(marks, view.lengths.tolist(), strict=True)):
        if moves[number] and is_long[number] and first.setdefault(key, number) != number:
            doubles[number] = first[key]
    if doubles:
        copy, original = next(iter(doubles.items()))
        text = f"episode {copy} has the rows of episode {original}"
        text += f"; {of_episodes(list(doubles))} are copies" if len(doubles) > 1 else ""
        gathering.add(Code.EPISODE_DOUBLED, "data", text, episodes=list(doubles))
