"""Print what CHANGELOG.md says about the release that a tag names; refuse a tag that is not this version.

    python scripts/release_notes.py v0.1.0

Exit code 1 where the tag is not ``v`` and the version in pyproject.toml, or the changelog has no section for it, or
nothing in it. Standard library only.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

_CLONE = Path(__file__).resolve().parent.parent


def section(changelog: str, version: str) -> str:
    """Return what a changelog says about a version; raises ValueError where that is nothing."""
    heading = rf"(?ms)^## \[?{re.escape(version)}\]?(?: - \d{{4}}-\d\d-\d\d)$(.*?)(?=^## |\Z)"
    found = re.search(heading, changelog)
    if found is None or not found[1].strip():
        raise ValueError(f"CHANGELOG.md: no section '## {version} - YYYY-MM-DD' with entries; write it, then tag again")
    return found[1].strip()


def version_of(tag: str, project: str) -> str:
    """Return the version that a tag names; raises ValueError where it is another one than the project's."""
    version = str(tomllib.loads(project)["project"]["version"])
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag!r}, but pyproject.toml has version {version!r}: set it, then tag again")
    return version


def main() -> int:
    """Print the section, or say on stderr why there is none."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        version = version_of(sys.argv[1], (_CLONE / "pyproject.toml").read_text("utf-8"))
        print(section((_CLONE / "CHANGELOG.md").read_text("utf-8"), version))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
