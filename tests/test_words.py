"""Turns of phrase that readers stumble over do not come back: docs/development.md has them with better ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_CLONE = Path(__file__).parents[1]
_FORBIDDEN = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\banew\b",
        r"\b(is|are|was|were|be|been|being) told\b(?! apart)",
        r"\bthere (is|are|was|were) no such\b",
        r"[:\"'] ?there (is|are|was|were) no\b",
        r"(?<!there )\b(is|are|was|were) no (?!longer|more\b|less\b|better\b|use\b|help\b|time\b)[a-z]+",
        r"\bnothing (is|stands) in the way\b",
    )
]
_SUFFIXES = {".py", ".md", ".js", ".html"}


def _texts() -> list[Path]:
    """All that people read, but for the list of what is forbidden."""
    found = [_CLONE / "README.md", _CLONE / "CHANGELOG.md"]
    for folder in ("lerotool", "docs", "scripts"):
        found += [path for path in (_CLONE / folder).rglob("*") if path.suffix in _SUFFIXES]
    return [path for path in found if path.name != "development.md"]


def _forbidden(text: str) -> list[str]:
    """Return what a text uses of them, also across the end of a line."""
    joined = re.sub(r"\s*\n[ #*]*", " ", text)
    return [match.group() for pattern in _FORBIDDEN for match in pattern.finditer(joined)]


@pytest.mark.parametrize(
    "text",
    [
        "statistics taken anew",
        "The user is told\n    what happened",
        "UsageError: there is no feature of that name",
        "None where there is no such column",
        "'x' is no dataset",
        "nothing stands in the way",
    ],
)
def test_the_rules_find_what_they_are_for(text: str) -> None:
    assert _forbidden(text)


@pytest.mark.parametrize("text", ["this is no longer so", "None if there is none", "ports are told apart by a cable"])
def test_idioms_are_left_alone(text: str) -> None:
    assert not _forbidden(text)


def test_forbidden_turns_of_phrase_do_not_come_back() -> None:
    found = [
        f"{path.relative_to(_CLONE)}: {words!r}" for path in _texts() for words in _forbidden(path.read_text("utf-8"))
    ]
    assert not found, "\n".join(["docs/development.md says what to write instead:", *found])
