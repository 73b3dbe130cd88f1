"""Options that had another name until the last release: the old one works for one more, and says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

RENAMED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "encode": {"--only": "--episodes"},
        "stats": {"--only": "--feature", "--episodes": "--per-episode", "--pad": "--pad-to"},
        "benchmark": {"--only": "--part"},
    }
)
"""New names by old ones, by command."""


def with_new_names(command: str, words: Sequence[str], warn: Callable[[str], None]) -> list[str]:
    """Return the words behind a command as they are spelled now; what stands behind ``--`` is not lerotool's."""
    names = RENAMED.get(command, {})
    own = words.index("--") if "--" in words else len(words)
    spelled = [_renamed(word, names) for word in words[:own]]
    for old in dict.fromkeys(word.partition("=")[0] for word in words[:own]):
        if old in names:
            warn(f"{old} is called {names[old]} now; the old name goes with the next release")
    return [*spelled, *words[own:]]


def _renamed(word: str, names: Mapping[str, str]) -> str:
    name, sign, value = word.partition("=")
    return f"{names[name]}{sign}{value}" if name in names else word
