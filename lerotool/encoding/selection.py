"""Which pending episodes to encode: where there are some, which were asked for, and which fit their dataset."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.marks import SELECTIONS, count_marks
from lerotool.encoding.events import Left
from lerotool.encoding.marks import mark_of
from lerotool.encoding.plan import Plan
from lerotool.errors import SpoolError, UsageError
from lerotool.features import Feature, recorded_features
from lerotool.mending.picture_folders import has_picture_folders
from lerotool.spool.documents import Header, load_header
from lerotool.spool.pending import pending_folders
from lerotool.workspace import Workspace

_FOLDER = re.compile(r"episode-(\d+)-")
DEPTH = 3
_ANY_LENGTH = 2**53
_HINT = "record into another dataset, or move the pending episode to one that it fits"


def selected(plan: Plan, only: frozenset[int] | str | None) -> Plan:
    """Return the plan with nothing but the episodes of these numbers, or those that are marked so; None is all.

    An episode that is in the dataset already is not missed, so the same command can be repeated.
    """
    if only is None:
        return plan
    if isinstance(only, str):
        return _marked(plan, only)
    names = [task.name for task in plan.tasks] + [verdict.path.name for verdict in plan.salvageable]
    names += [left.episode for left in plan.left]
    pending = {name: number for name in names if (number := folder_number(name)) is not None}
    if pending and not only & set(pending.values()):
        numbers = ", ".join(str(number) for number in sorted(set(pending.values())))
        raise UsageError(f"{str(plan.root)!r}: no pending episode has one of these numbers; there are {numbers}")
    return replace(
        plan,
        tasks=tuple(task for task in plan.tasks if folder_number(task.name) in only),
        salvageable=tuple(verdict for verdict in plan.salvageable if folder_number(verdict.path.name) in only),
        left=tuple(left for left in plan.left if folder_number(left.episode) in only),
    )


def _marked(plan: Plan, word: str) -> Plan:
    if word not in SELECTIONS:
        raise UsageError(f"{word!r} chooses no episodes", hint=f"numbers, or one of {', '.join(SELECTIONS)}")
    folders = Workspace(plan.root).pending
    names = [task.name for task in plan.tasks] + [verdict.path.name for verdict in plan.salvageable]
    marks = {name: mark_of(folders / name, _ANY_LENGTH) for name in [*names, *(left.episode for left in plan.left)]}
    meant = {name for name, mark in marks.items() if SELECTIONS[word](mark)}
    if marks and not meant:
        counts = ", ".join(f"{count} {kind}" for kind, count in count_marks(marks.values()).items())
        raise UsageError(
            f"{str(plan.root)!r}: no pending episode is {word}; marks there: {counts or 'none'}",
            hint="lerotool encode --pending without --episodes takes all",
        )
    return replace(
        plan,
        tasks=tuple(task for task in plan.tasks if task.name in meant),
        salvageable=tuple(verdict for verdict in plan.salvageable if verdict.path.name in meant),
        left=tuple(left for left in plan.left if left.episode in meant),
    )


def folder_number(name: str) -> int | None:
    """Return the number in the folder name of a pending episode, None if it has been renamed."""
    return int(match[1]) if (match := _FOLDER.match(name)) else None


def find_pending_datasets(folders: Iterable[Path], depth: int = DEPTH) -> list[Path]:
    """Return the datasets in these folders, and up to ``depth`` levels below them, that have pending episodes.

    Symbolic links and hidden folders are not followed; inside a dataset nothing more is looked for.
    """
    return [root for root in _datasets(folders, depth) if pending_folders(root)]


def find_left_behind(folders: Iterable[Path], depth: int = DEPTH) -> list[Path]:
    """Return the datasets in and below these folders that have pictures of LeRobot's in ``images/``, by folders alone.

    Whether anything can be saved is decided by `lerotool.mending.rescue_plan.plan_rescue`.
    """
    return [root for root in _datasets(folders, depth) if has_picture_folders(root)]


def _datasets(folders: Iterable[Path], depth: int) -> Iterator[Path]:
    yield from dict.fromkeys(root for folder in folders for root in _walk(folder.resolve(), depth))


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / ".lerotool" / "pending").is_dir() or (folder / "meta" / "info.json").exists():
        yield folder
        return
    if depth == 0:
        return
    # Folders of others, and folders that vanish meanwhile, are none of our datasets.
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False))
        for name in names:
            yield from _walk(folder / name, depth - 1)


def without_misfits(plan: Plan, info: DatasetInfo) -> Plan:
    """Return the plan with those episodes left whose header says that they do not belong into the dataset."""
    fitting, left = [], list(plan.left)
    for task in plan.tasks:
        try:
            problems = list(_problems(load_header(task.path), info))
        except SpoolError as error:
            left.append(Left(task.name, str(error), error.hint))
            continue
        if problems:
            left.append(Left(task.name, f"does not fit the dataset: {'; '.join(problems)}", _HINT))
        else:
            fitting.append(task)
    return replace(plan, tasks=tuple(fitting), left=tuple(left))


def _problems(header: Header, info: DatasetInfo) -> Iterator[str]:
    if header.fps != info.fps:
        yield f"{header.fps:g} frames/s, expected {info.fps:g}"
    if info.robot_type is not None and header.robot_type != info.robot_type:
        yield f"robot {header.robot_type!r}, expected {info.robot_type!r}"
    expected, found = recorded_features(info.features), header.recorded
    yield from (f"feature {name!r} is missing" for name in expected if name not in found)
    yield from (f"feature {name!r} is not in the dataset" for name in found if name not in expected)
    for name in expected.keys() & found.keys():
        if (difference := _difference(expected[name], found[name])) is not None:
            yield f"feature {name!r}: {difference}"


def _difference(expected: Feature, found: Feature) -> str | None:
    if (found.dtype, found.shape) != (expected.dtype, expected.shape):
        return f"{found.dtype} {found.shape}, expected {expected.dtype} {expected.shape}"
    names = found.dimension_names, expected.dimension_names
    if None not in names and names[0] != names[1]:
        return f"names {found.names}, expected {expected.names}"
    return None
