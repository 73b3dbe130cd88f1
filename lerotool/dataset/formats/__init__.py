"""The versions of LeRobot's dataset format. A new one is a class and a row here."""

from __future__ import annotations

from lerotool.dataset.formats.v2x import V20, V21
from lerotool.dataset.formats.v30 import V30
from lerotool.dataset.formats.version import EpisodeTableWriter, FormatVersion, Sizes, Totals

__all__ = ["EpisodeTableWriter", "FormatVersion", "Sizes", "Totals", "find_format"]

FormatVersion.V20 = FormatVersion.register(V20("v2.0"))
FormatVersion.V21 = FormatVersion.register(V21("v2.1"))
FormatVersion.V30 = FormatVersion.register(V30("v3.0"))


def find_format(name: object) -> FormatVersion | None:
    """Return the version of a name, or the one that it is read like; None where nobody knows how to read it."""
    if not isinstance(name, str):
        return None
    known = FormatVersion.registered()
    if name in known:
        return FormatVersion(name)
    return next((found for version in reversed(known) if (found := version.following(name)) is not None), None)
