"""Rows, tasks and the episode table are rewritten as they really are."""

from __future__ import annotations

from pathlib import Path

from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import EPISODE_LINES, EPISODE_STATS_LINES, EPISODES, TASKS
from lerotool.dataset.parquet import column_names, open_parquet, read_groups, whole_numbers
from lerotool.errors import CorruptDatasetError, IncompleteError, LerotoolError
from lerotool.findings import Code, Finding
from lerotool.mending.draft import Draft
from lerotool.mending.rebuilding import OPAQUE, Rebuilt, rebuild
from lerotool.rewriting.restoring import COUNTED
from lerotool.wording import counted, listed, of_episodes

_DATA = frozenset(
    [Code.DATA_NO_FOOTER, Code.FILE_ORDER, Code.WRONG_INDEX, Code.WRONG_EPISODE, Code.WRONG_FRAME, Code.TIMESTAMPS]
)
_TABLE = frozenset(
    [
        Code.EPISODES_MISSING,
        Code.EPISODES_UNREADABLE,
        Code.EPISODES_COLUMNS,
        Code.EPISODES_VALUES,
        Code.EPISODES_ORDER,
        Code.EPISODE_RANGE,
        Code.EPISODE_LENGTH,
        Code.DATA_POINTER,
        Code.TASK_LIST,
        Code.VIDEO_POINTER,
        Code.VIDEO_STOP,
        Code.VIDEO_OVERLAP,
        Code.VIDEO_TIMES,
        Code.VIDEO_SHORT,
    ]
)
_LOSS = frozenset([Code.VIDEO_TRUNCATED, Code.VIDEO_SHORT, Code.VIDEO_MISSING, Code.VIDEO_UNREADABLE, Code.ROW_COUNT])


def plan_tasks(draft: Draft, info: DatasetInfo) -> None:
    """Write the tasks in their order, with the text as the index."""
    codes = tuple(sorted(draft.report.codes & {Code.TASKS_INDEX, Code.TASKS_ORDER}))
    if not codes or info.codebase_version.has_files_of_episodes:
        return
    try:
        texts = _true_tasks(draft.root)
    except LerotoolError as error:
        draft.leave(codes, str(error))
        return
    draft.tasks = dict(enumerate(texts))
    draft.add(codes, TASKS.as_posix(), f"{len(texts)} tasks are written in order, with the text as the index")
    draft.new_tasks = texts


def _true_tasks(root: Path) -> list[str]:
    """Return the task texts of v3.0 by the numbers that stand beside them."""
    path = root / TASKS
    with open_parquet(path) as file:
        names = column_names(file, path)
        column = next((name for name in ("task", "__index_level_0__") if name in names), None)
        if column is None or "task_index" not in names:
            raise CorruptDatasetError(f"{path}: expected columns 'task_index' and 'task', found {names}")
        table = read_groups(file, path, range(file.num_row_groups), ["task_index", column])
    numbers = whole_numbers(table["task_index"], str(path)).tolist()
    texts = table[column].to_pylist()
    found = dict(zip(numbers, texts, strict=True))
    if sorted(numbers) != list(range(len(numbers))) or not all(isinstance(text, str) for text in texts):
        raise CorruptDatasetError(f"{path}: the tasks are not numbered 0 to {len(numbers) - 1}, each once")
    return [found[number] for number in range(len(numbers))]


def plan_tables(draft: Draft, info: DatasetInfo, *, drops: bool, measures: bool) -> None:
    """Rewrite the rows and the episode table, if one of them is wrong and it can be found out what is right."""
    codes = draft.report.codes
    uncounted = [f for f in draft.found(Code.COLUMN_MISSING) if f.place.column in COUNTED]
    wanted = _wanted(codes, info, has_uncounted=bool(uncounted), drops=drops)
    if not wanted:
        return
    if opaque := codes & OPAQUE:
        draft.leave(wanted, f"first this must be mended: {listed(sorted(opaque))}")
        return
    try:
        rebuilt = rebuild(draft.sight, _data_paths(draft), draft.tasks, drops=drops, measures=measures)
    except (LerotoolError, FileNotFoundError) as error:
        draft.leave(wanted, _why_not(codes, error))
        return
    if left := _still_pictures(draft, rebuilt):
        why = f"pictures of {of_episodes(left)} are still in images/; encode them: lerotool encode --pending DATASET"
        draft.leave(wanted, why)
        return
    draft.leave(
        rebuilt.problems, "the times in the video itself are wrong; write exact ones: lerotool encode DATASET -o TARGET"
    )
    wanted -= rebuilt.problems
    if not wanted:
        return
    draft.rebuilt = rebuilt
    _tell_data(draft, wanted, rebuilt, uncounted)
    _tell_losses(draft, wanted, rebuilt)
    _tell_table(draft, wanted, rebuilt, info)


def _wanted(codes: frozenset[Code], info: DatasetInfo, *, has_uncounted: bool, drops: bool) -> frozenset[Code]:
    wanted = codes & (_DATA | _TABLE)
    if info.codebase_version.has_episode_statistics:
        wanted |= codes & {Code.STATS_UNREADABLE}
    wanted |= codes & (_LOSS if drops else {Code.VIDEO_TRUNCATED, Code.VIDEO_SHORT, Code.ROW_COUNT})
    return wanted | ({Code.COLUMN_MISSING} if has_uncounted else frozenset())


def _why_not(codes: frozenset[Code], error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and not isinstance(error, LerotoolError):
        return f"{error.filename}: the file is missing"
    if Code.PICTURES_LEFT in codes and isinstance(error, IncompleteError):
        lost = str(error).split(";", maxsplit=1)[0]
        return f"{lost} or still in images/; encode those: lerotool encode --pending DATASET"
    return str(error)


def _still_pictures(draft: Draft, rebuilt: Rebuilt) -> list[int]:
    """Return episodes that would be left out although their pictures are files that LeRobot has not encoded."""
    folders = {path.name for path in (draft.root / "images").glob("*/episode*")}
    return [number for number in sorted(rebuilt.truth.lost) if f"episode-{number:06d}" in folders]


def _data_paths(draft: Draft) -> list[Path]:
    """Return the data files without those that are moved away."""
    strays = {draft.root / finding.place.file for finding in draft.found(Code.DATA_STRAY)}
    data = draft.sight.data
    return [fact.path for fact in data.facts if fact.path not in strays] if data is not None else []


def _tell_data(draft: Draft, wanted: frozenset[Code], rebuilt: Rebuilt, uncounted: list[Finding]) -> None:
    mended = [*uncounted, *draft.found(*(wanted & _DATA))]
    codes = tuple(sorted(wanted & (_DATA | {Code.COLUMN_MISSING})))
    for file in rebuilt.tables.files:
        moved = file.path != file.rows.path
        if not file.is_changed and not moved:
            continue
        text = f"rows are rewritten ({sum(e.found.length for e in file.episodes)} of {len(file.rows)})"
        if file.rows.lost_bytes:
            text += f"; the last {file.rows.lost_bytes} bytes hold no complete row"
        if file.has_other_times:
            text += "; the measured times are kept in meta/lerotool/timing"
        text = f"becomes {draft.name(file.path)}" if moved and not file.is_changed else text
        draft.add(codes, draft.name(file.rows.path), text, *mended)


def _tell_losses(draft: Draft, wanted: frozenset[Code], rebuilt: Rebuilt) -> None:
    if numbers := sorted(rebuilt.truth.lost):
        are = "is" if len(numbers) == 1 else "are"
        text = f"{of_episodes(numbers)} {are} left out: {rebuilt.truth.lost[numbers[0]]}"
        draft.add(tuple(sorted(wanted & _LOSS)), "data", text)
    for path, frames in rebuilt.truth.shortened.items():
        text = f"cut behind its last complete picture that is needed; it has {frames}"
        draft.add(tuple(sorted(wanted & {Code.VIDEO_TRUNCATED})), draft.name(path), text)


def _tell_table(draft: Draft, wanted: frozenset[Code], rebuilt: Rebuilt, info: DatasetInfo) -> None:
    is_old = info.codebase_version.has_files_of_episodes
    if is_old and Code.STATS_UNREADABLE in wanted:
        text = "the statistics of the episodes are measured again where they are lost"
        draft.add((Code.STATS_UNREADABLE,), EPISODE_STATS_LINES.as_posix(), text)
    name = EPISODE_LINES if is_old else EPISODES
    others = wanted - _DATA - {Code.STATS_UNREADABLE, Code.COLUMN_MISSING}
    draft.add(
        tuple(sorted(others)), name.as_posix(), f"rewritten with {counted(len(rebuilt.truth.episodes), 'episode')}"
    )
