"""What programs pass to the public functions, looked at before anything is done with it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar

from lerotool.errors import UsageError

_Choice = TypeVar("_Choice", bound=StrEnum)
_SLOWEST, _FASTEST = 0.001, 1_000_000
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_MOST_NUMBER = 1_000_000


def as_path(name: str, value: object) -> Path:
    """Return a path as it was given."""
    if isinstance(value, str | os.PathLike) and isinstance(path := os.fspath(value), str):
        return Path(path)
    raise _wrong(name, value, "a path")


def as_rate(name: str, value: object) -> int | float:
    """Return a rate per second as a plain number."""
    if isinstance(value, Real) and not _is_bool(value) and _SLOWEST <= (rate := float(value)) <= _FASTEST:
        return int(value) if isinstance(value, Integral) else rate
    raise _wrong(name, value, f"a number from {_SLOWEST} to {_FASTEST}")


def as_count(name: str, value: object, least: int) -> int:
    """Return a whole number as a plain one."""
    if isinstance(value, Integral) and not _is_bool(value) and (count := int(value)) >= least:
        return count
    raise _wrong(name, value, f"a whole number, {least} or more")


def parse_numbers(text: str) -> frozenset[int]:
    """Return the numbers that a text such as ``0-3,7`` names."""
    numbers: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < _MOST_NUMBER:
            raise UsageError(f"{part.strip()!r} is not an episode number or a range of them", hint="such as 0-3,7")
        numbers.update(range(first, last + 1))
    return frozenset(numbers)


def as_text(name: str, value: object) -> str:
    """Return a text."""
    if isinstance(value, str):
        return value
    raise _wrong(name, value, "a text")


def as_texts(name: str, value: object) -> tuple[str, ...]:
    """Return texts; one text alone is not taken for a list of letters."""
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        texts = tuple(value)
        if all(isinstance(text, str) for text in texts):
            return texts
        value = list(texts)
    raise _wrong(name, value, "a list of texts")


def as_list(name: str, value: object) -> list[object]:
    """Return values one after another; a text is not taken for a list of letters."""
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        return list(value)
    raise _wrong(name, value, "a list")


def as_instance(name: str, value: object, kind: type[Any] | UnionType, expected: str) -> Any:
    """Return a value of a class."""
    if isinstance(value, kind):
        return value
    raise _wrong(name, value, expected)


def as_choice(name: str, value: object, kind: type[_Choice]) -> _Choice:
    """Return one of some choices, given as itself or by its text."""
    try:
        return kind(str(value))
    except ValueError:
        known = " or ".join(repr(choice.value) for choice in kind)
        raise UsageError(f"{name} is {value!r}, expected {known}") from None


def _is_bool(value: object) -> bool:
    return type(value).__name__ in ("bool", "bool_")


def _wrong(name: str, value: object, expected: str) -> UsageError:
    found = repr(value)
    return UsageError(f"{name} is {found if len(found) <= 100 else found[:97] + '…'}, expected {expected}")
