"""Kinds of robots and cameras that other packages bring, by entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TypeVar

from lerotool.errors import UsageError

_Row = TypeVar("_Row")


def load_plugin(point: EntryPoint, row: type[_Row]) -> _Row:
    """Import what an entry point names; it must be a row of the table of its group."""
    origin = f"{point.name!r} of {point.dist.name if point.dist is not None else point.value}"
    try:
        found = point.load()
    except Exception as error:
        raise UsageError(f"{origin} cannot be loaded: {error!r}", hint="update or remove that package") from error
    if not isinstance(found, row):
        raise UsageError(f"{origin}: expected a {row.__name__}, found {found!r}", hint="update or remove that package")
    return found
