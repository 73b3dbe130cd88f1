"""Metadata as people have reported them: what `check` says, which command it names, and what that makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lerotool.checking import Code, Loading, check
from lerotool.dataset.dataset import Dataset
from tests.checking.advised import advised, run
from tests.checking.defects.defect import FRONT, REFUSED, RIGHT, WRONG
from tests.checking.defects.edits import both, set_value, stats
from tests.dataset.edits import Change, column, episodes, info, lines
from tests.dataset.reading import OLD_SET, SMALL_FILES_SET, VIDEO_SET, copy_set, edit_table
from tests.shared import GOLDEN

REPAIR, STATS = "check ROOT --repair", "stats ROOT --write"


@dataclass(frozen=True)
class Case:
    """One report.

    Attributes:
        base: the golden set that is changed.
        change: what is done to a copy of it.
        codes: what is found.
        loading: what LeRobot does with it.
        command: what is advised; "" is nothing.
        left: what is found after that.
    """

    base: str
    change: Change
    codes: frozenset[Code]
    loading: Loading
    command: str = ""
    left: frozenset[Code] = frozenset()


def case(
    base: str, change: Change, *codes: Code, loading: Loading = RIGHT, command: str = "", left: Iterable[Code] = ()
) -> Case:
    return Case(base, change, frozenset(codes), loading, command, frozenset(left))


def times(change: Callable[[int, float], float], *parts: str) -> Change:
    """Return what changes the times of both cameras by episode."""

    def edit(table: Any) -> Any:
        for camera in (FRONT, FRONT.replace("front", "wrist")):
            for part in parts:
                name = f"videos/{camera}/{part}"
                values = table[name].to_pylist()
                table = column(table, name, [change(number, value) for number, value in enumerate(values)])
        return table

    return episodes(edit)


def text(name: str, change: Callable[[bytes], bytes]) -> Change:
    return lambda root: (root / name).write_bytes(change((root / name).read_bytes()))


def raw_total(value: str) -> Change:
    return text(
        "meta/info.json", lambda content: content.replace(b'"total_episodes": 4', f'"total_episodes": {value}'.encode())
    )


def stale_pointer(root: Path) -> None:
    second = sorted((root / "meta/episodes").rglob("*.parquet"))[1]
    for name in ("data/chunk_index", "data/file_index"):
        edit_table(second, lambda table, name=name: column(table, name, [0] * table.num_rows))


def files_of_a_mac(root: Path) -> None:
    for path in [path for path in root.rglob("*") if path.is_file()]:
        (path.parent / f"._{path.name}").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X        \0\2")
    for folder in (root, root / "data", root / "meta/episodes", root / "videos"):
        (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")


def long_tasks(root: Path) -> None:
    whole = "Pick up the cube, then " * 5000 + "\nsecond line\t\u202e\x1b[31mred"
    names = {}

    def rename(entries: list[Any]) -> list[Any]:
        names.update({entry["task"]: f"{entry['task_index']} {whole}" for entry in entries})
        return [{**entry, "task": names[entry["task"]]} for entry in entries]

    lines("meta/tasks.jsonl", rename)(root)
    lines("meta/episodes.jsonl", lambda e: [{**one, "tasks": [names[t] for t in one["tasks"]]} for one in e])(root)


def in_code_page(content: bytes) -> bytes:
    entries = [json.loads(line) for line in content.decode().splitlines()]
    named = [json.dumps({**entry, "task": f"{entry['task']} naïve café"}, ensure_ascii=False) for entry in entries]
    return "\n".join(named).encode("cp1252")


def every_line(change: Callable[[bytes], bytes]) -> Change:
    return both(*(text(f"meta/{name}.jsonl", change) for name in ("episodes", "tasks", "episodes_stats")))


CASES = {
    "a pointer is null": case(
        VIDEO_SET,
        both(*(episodes(set_value(f"videos/{FRONT}/{part}_index", 1, None)) for part in ("chunk", "file"))),
        Code.EPISODES_VALUES,
        loading=REFUSED,
        command=REPAIR,
    ),
    "the data pointers of later files are stale": case(
        SMALL_FILES_SET, stale_pointer, Code.DATA_POINTER, command=REPAIR
    ),
    "times add up from rounded ones": case(
        VIDEO_SET,
        times(lambda number, value: value + 0.0004 * number, "from_timestamp", "to_timestamp"),
        Code.VIDEO_TIMES,
        loading=WRONG,
        command=REPAIR,
    ),
    "an episode begins one picture late": case(
        VIDEO_SET,
        episodes(set_value(f"videos/{FRONT}/from_timestamp", 2, 3.3)),
        Code.VIDEO_OVERLAP,
        Code.VIDEO_STOP,
        Code.VIDEO_KEYFRAMES,
        loading=WRONG,
        command=REPAIR,
    ),
    "a length is 0": case(VIDEO_SET, episodes(set_value("length", 1, 0)), Code.EPISODE_LENGTH, command=REPAIR),
    "a length is negative": case(VIDEO_SET, episodes(set_value("length", 1, -5)), Code.EPISODES_VALUES, command=REPAIR),
    **{
        f"total_episodes is {value}": case(VIDEO_SET, raw_total(value), Code.TOTALS, loading=loading, command=REPAIR)
        for value, loading in {
            "4.5": REFUSED,
            "4.0": REFUSED,
            "1e400": REFUSED,
            "true": WRONG,
            '"4"': REFUSED,
            "null": REFUSED,
            "-4": WRONG,
        }.items()
    },
    "statistics are renamed": case(
        OLD_SET,
        lambda root: (root / "meta/episodes_stats.jsonl").rename(root / "meta/episodes_stats.jsonl_bkp"),
        Code.STATS_UNREADABLE,
        loading=REFUSED,
        command=REPAIR,
    ),
    "lines end as on Windows": case(OLD_SET, every_line(lambda content: content.replace(b"\n", b"\r\n"))),
    "blank lines": case(OLD_SET, every_line(lambda content: content.replace(b"\n", b"\n\n") + b"   \n")),
    "tasks in a code page": case(
        OLD_SET, text("meta/tasks.jsonl", in_code_page), Code.TASKS_UNREADABLE, loading=REFUSED
    ),
    "NaN in stats.json": case(
        VIDEO_SET,
        stats(lambda document: document["action"].update(std=[float("nan")] * 6)),
        Code.STATS_IMPOSSIBLE,
        command=STATS,
    ),
    "files of a Mac": case(
        SMALL_FILES_SET, files_of_a_mac, Code.DATA_STRAY, Code.EPISODES_STRAY, loading=REFUSED, command=REPAIR
    ),
    "very long tasks": case(OLD_SET, long_tasks),
    "templates of Windows": case(
        OLD_SET,
        info(
            data_path="data\\chunk-{episode_chunk:03d}\\episode_{episode_index:06d}.parquet",
            video_path="videos\\chunk-{episode_chunk:03d}\\{video_key}\\episode_{episode_index:06d}.mp4",
        ),
        Code.TEMPLATE_WRONG,
        loading=REFUSED,
        command=REPAIR,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_finding_the_command_and_the_result_are_right(tmp_path: Path, case: Case) -> None:
    root = copy_set(case.base, tmp_path)
    case.change(root)

    report = check(root)
    assert (report.codes, report.loading) == (case.codes, case.loading), report.findings
    commands = [" ".join("ROOT" if word == str(root) else word for word in command) for command in advised(root)]
    assert [command for command in commands if "-o" not in command and "--verify" not in command] == (
        [case.command] if case.command else []
    )
    if not case.command:
        return
    code, _ = run(*case.command.replace("ROOT", str(root)).split())

    assert code == 0
    after = check(root)
    assert (after.codes, after.loading) == (case.left, RIGHT), after.findings
    mine, whole = Dataset.open(root), Dataset.open(GOLDEN / case.base)
    assert mine.num_episodes == whole.num_episodes
    for name in ("action", "index", "episode_index", "task_index", "timestamp"):
        np.testing.assert_array_equal(mine.numpy(name), whole.numpy(name))
    for number in range(whole.num_episodes):
        for picture, truth in zip(mine.frames(number, FRONT), whole.frames(number, FRONT), strict=True):
            np.testing.assert_array_equal(picture, truth)


def test_a_folder_with_a_name_of_any_script_is_checked_and_repaired(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    root = root.rename(tmp_path / "Ärger mit {Klammern} 100% 'n' 数据 #1")
    episodes(set_value("length", 1, 0))(root)

    (command,) = advised(root)
    assert command == ["check", str(root), "--repair"]
    assert run(*command)[0] == 0
    assert not check(root).findings
