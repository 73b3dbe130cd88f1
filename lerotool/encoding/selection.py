"""Which pending episodes to encode: by their numbers, as ``episode-000012-1f3a9c0e`` has number 12."""

from __future__ import annotations

import re
from dataclasses import replace

from lerotool.encoding.plan import Plan
from lerotool.errors import UsageError

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_FOLDER = re.compile(r"episode-(\d+)-")
_MOST = 1_000_000


def parse_numbers(text: str) -> frozenset[int]:
    """Return the numbers that a text such as ``0-3,7`` names.

    Raises:
        UsageError: it is no list of numbers and ranges.
    """
    numbers: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < _MOST:
            raise UsageError(f"{part.strip()!r} is no episode number and no range of them", hint="such as 0-3,7")
        numbers.update(range(first, last + 1))
    return frozenset(numbers)


def selected(plan: Plan, only: frozenset[int] | None) -> Plan:
    """Return the plan with nothing but the episodes of these numbers; None is all.

    An episode that is in the dataset already is not missed, so the same command can be repeated.

    Raises:
        UsageError: there are pending episodes, but none of these.
    """
    if only is None:
        return plan
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


def folder_number(name: str) -> int | None:
    """Return the number in the folder name of a pending episode, None if it has been renamed."""
    return int(match[1]) if (match := _FOLDER.match(name)) else None
