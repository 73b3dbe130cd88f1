"""The manual's pages are all reached from the site's navigation and from its first page."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

CLONE = Path(__file__).parents[2]


def test_every_page_of_the_manual_is_in_the_navigation() -> None:
    named = re.findall(r"[\w-]+\.md", yaml.dump(yaml.safe_load((CLONE / "mkdocs.yml").read_text())["nav"]))
    assert sorted(named) == sorted(path.name for path in (CLONE / "docs").glob("*.md"))
