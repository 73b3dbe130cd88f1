"""Print pip constraints that name the oldest release of every library that lerotool declares it works with.

    python scripts/oldest.py > oldest.txt
    pip install --constraint oldest.txt --editable '.[test]'

The tools of the extras ``test`` and ``docs`` are left at their newest: users never meet them. Standard library only.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
_FOR_DEVELOPERS = {"test", "docs"}


def constraints(project: dict[str, object]) -> Iterator[str]:
    """Yield a line per library of ``[project]``, in the order of its first mention."""
    lists = [project["dependencies"]]
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    lists += [wanted for name, wanted in extras.items() if name not in _FOR_DEVELOPERS]
    seen = set()
    for wanted in lists:
        assert isinstance(wanted, list)
        for requirement in wanted:
            found = re.fullmatch(r"([\w.-]+)(?:\[[^\]]*\])?>=([\d.]+)(?:,[^;]*)?(?:;.*)?", requirement)
            if found is None:
                raise ValueError(f"{_PROJECT.name}: {requirement!r} has no lower bound, such as {'NAME>=1.0'!r}")
            if found[1] not in seen:
                seen.add(found[1])
                yield f"{found[1]}=={found[2]}"


if __name__ == "__main__":
    print("\n".join(constraints(tomllib.loads(_PROJECT.read_text("utf-8"))["project"])))
