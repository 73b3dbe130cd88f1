"""Whether a pending episode belongs into a dataset, told by its header: before anything is encoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lerotool.dataset.info import DatasetInfo
from lerotool.encoding.events import Left
from lerotool.encoding.plan import Plan
from lerotool.errors import SpoolError
from lerotool.features import Feature, recorded_features
from lerotool.spool.header import Header, load_header

_HINT = "record into another dataset, or move the pending episode to one that it fits"


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
