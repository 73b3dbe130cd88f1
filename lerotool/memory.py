"""Memory that was freed goes back to the system: the C library keeps it for later, and what is kept adds up."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TypeVar

_T = TypeVar("_T")
_OFTEN = 64
"""Giving back takes some milliseconds."""


@cache
def _trim() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    # Other C libraries of Linux do not have it, and keep less.
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found


def give_back() -> None:
    """Give freed memory back to the system, where the C library can be asked to."""
    if (trim := _trim()) is not None:
        trim(0)


def giving_back(items: Iterable[_T]) -> Iterator[_T]:
    """Yield items and give memory back after every 64 of them, and at the end."""
    for number, item in enumerate(items, 1):
        yield item
        if number % _OFTEN == 0:
            give_back()
    give_back()
