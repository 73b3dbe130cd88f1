"""Options of the command line as arguments of the Python API: for messages."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

_PLAIN = ("pad", "ignore-names", "retime", "reencode", "keep-sizes", "gr00t")
_NUMBERS = ("fps",)
_TEXTS = ("to", "fill-camera", "robot-type", "units")
_SCOPED = ("rename", "source-units", "calibration")
_LISTS = ("drop", *_SCOPED)
_QUOTED = r"'[^']*'|\"[^\"]*\""
_VALUE = rf"(?:{_QUOTED}|[^\s,;()'\"])*(?:{_QUOTED}|[^\s,;:()'\"])"
_OPTION = rf"--(?:(?:{'|'.join(_PLAIN)})(?![\w-])|(?:{'|'.join((*_NUMBERS, *_TEXTS, *_LISTS))})(?: {_VALUE}|(?![\w-])))"
_OPTIONS = re.compile(rf"{_OPTION}(?: {_OPTION})*")
_NUMBERED = re.compile(r"(\d+):(.+)")


def in_python(text: str, labels: Sequence[str] = ()) -> str:
    """Return a message with options as the arguments of `lerotool.merge` that mean the same.

    ``--fps 30`` becomes ``fps=30``, and ``--rename 1:a=b --rename 1:c=d`` ``rename={'ds': {'a': 'b', 'c': 'd'}}``.
    """
    return _OPTIONS.sub(lambda match: _arguments(match[0], labels), text)


def _arguments(options: str, labels: Sequence[str]) -> str:
    found: dict[str, list[str]] = {}
    name = ""
    for word in shlex.split(options):
        if word.startswith("--"):
            name = word.removeprefix("--")
            found.setdefault(name, [])
        else:
            found[name].append(word)
    return ", ".join(_argument(name, values, labels) for name, values in found.items())


def _argument(name: str, values: list[str], labels: Sequence[str]) -> str:
    argument = name.replace("-", "_")
    if name in _PLAIN:
        return f"{argument}=True"
    if not values:
        return argument
    if name == "rename" and "=" not in values[0]:
        return f"{argument} of {values[0]!r}"
    if name in _SCOPED:
        return f"{argument}={_mapping(name, values, labels)!r}"
    if name in _LISTS:
        return f"{argument}={values!r}"
    return f"{argument}={values[0] if name in _NUMBERS else repr(values[0])}"


def _mapping(name: str, values: list[str], labels: Sequence[str]) -> object:
    """Return what the values of an option for some or all sources are in Python."""
    found: dict[object, object] = {}
    for value in values:
        key, rest = _scope(value, labels)
        if name != "rename":
            if key is None:
                return rest
            found[key] = rest
            continue
        old, _, new = rest.partition("=")
        names = found if key is None else found.setdefault(key, {})
        assert isinstance(names, dict)
        names[old] = new
    return found


def _scope(value: str, labels: Sequence[str]) -> tuple[object, str]:
    for label in labels:
        if value.startswith(f"{label}:"):
            return label, value.removeprefix(f"{label}:")
    numbered = _NUMBERED.fullmatch(value)
    if numbered is None:
        return None, value
    place = int(numbered[1]) - 1
    return labels[place] if place < len(labels) else place, numbered[2]
