"""Counts, sizes and faults in the words of people; texts from files for a terminal, and paths for a shell."""

from __future__ import annotations

import os
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_FIRST_LOST_BYTE, _LAST_LOST_BYTE = 0xDC80, 0xDCFF
"""How Python keeps the bytes of a path or argument that is not UTF-8."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which takes an s in the plural: "1 episode", "0 episodes"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(items: Iterable[object], most: int = 4) -> str:
    """Return a list in words, cut after some: "a, b, c, d and 3 more"."""
    texts = [str(item) for item in items]
    shown = ", ".join(texts[:most])
    return f"{shown} and {len(texts) - most} more" if len(texts) > most else shown


def of_episodes(numbers: Sequence[int]) -> str:
    """Return "episode 3", or "episodes 0, 1, 2, 3 and 7 more"."""
    return f"episode{'s' * (len(numbers) != 1)} {listed(numbers)}"


def ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers as the command line takes them: "0-4,6,8-20"."""
    breaks = [k for k in range(1, len(numbers)) if numbers[k] != numbers[k - 1] + 1]
    edges = [0, *breaks, len(numbers)]
    runs = [(numbers[a], numbers[b - 1]) for a, b in pairwise(edges)] if numbers else []
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)


def sized(size: float) -> str:
    """Return a number of bytes in decimal units: "999 B", "1.5 kB", "250 MB"."""
    unit = "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    digits = 0 if unit == "B" or size >= 99.95 else 1
    return f"{size:.{digits}f} {unit}"


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds, with hours where there are any: ``1:05``, ``2:01:05``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def problems(error: ValidationError) -> list[str]:
    """Return what is wrong with a document, each as "place: what"; without a place where it is all of it."""
    found = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        place, text = ".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")
        found.append(f"{place}: {text}" if place else text)
    return found


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8: an argument can hold bytes that are not."""
    return not any(0xD800 <= ord(letter) < 0xE000 for letter in text)


def printable(text: str) -> str:
    """Return a text with everything escaped that a terminal would act on or cannot show; line breaks stay."""
    if all(line.isprintable() for line in text.split("\n")):
        return text
    return "".join(letter if letter == "\n" else _shown(letter) for letter in text)


def one_line(text: str) -> str:
    """Return a text as `printable` does, its line breaks escaped too: for names and tasks within a line."""
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(letter: str) -> str:
    if letter.isprintable() or unicodedata.category(letter) == "Zs":
        return letter
    if _FIRST_LOST_BYTE <= ord(letter) <= _LAST_LOST_BYTE:
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return repr(letter)[1:-1]


def as_argument(path: str | Path) -> str:
    """Return a path as `shell_word` does; one that begins with ``-`` is not taken for an option."""
    text = os.fspath(path)
    return shell_word(f"./{text}" if text.startswith("-") else text)


def shell_word(text: str) -> str:
    """Return a text as one word of a command that can be copied to a shell, whatever is in it."""
    if one_line(text) == text:
        return shlex.quote(text)
    # ANSI-C quotes: bash, zsh, ksh and the shells of POSIX 2024 read them.
    return "$'" + "".join(map(_ansi_c, os.fsencode(text))) + "'"


def _ansi_c(byte: int) -> str:
    letter = chr(byte)
    return letter if 0x20 <= byte < 0x7F and letter not in "\\'" else f"\\{byte:03o}"


def flag(option: str, value: str) -> str:
    """Return an option with a value as it is typed in a shell."""
    return f"{option} {shell_word(value)}"
