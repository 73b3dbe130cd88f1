"""The manual lists every code with its meaning; codes never change."""

from __future__ import annotations

from pathlib import Path

import pytest

from lerotool.findings import Code, Loading, Page, Remedy, Severity
from tests.checking.defects import DEFECTS, NOTES

DOCS = Path(__file__).resolve().parents[2] / "docs"
CHECKED = [code for code in Code if code.meaning.page is Page.CHECKING]


def row(code: Code) -> str:
    """Return a code's line of the table in the manual."""
    meaning = code.meaning
    loads = {Loading.RIGHT: "yes", Loading.WRONG: "wrong frames", Loading.REFUSED: "no"}[meaning.loading]
    if meaning.page is not Page.CHECKING:
        return f"| `{code}` | {meaning.severity} | {meaning.text} |"
    remedy = f"`{meaning.remedy}`" if meaning.remedy is not Remedy.NONE else ""
    advice = "; ".join(part for part in (remedy, meaning.advice) if part)
    return f"| `{code}` | {meaning.severity} | {loads} | {meaning.text} | {advice} |"


@pytest.mark.parametrize("page", Page)
def test_the_manual_lists_every_code_with_its_meaning(page: Page) -> None:
    file, _, heading = page.partition("#")
    text = (DOCS / file).read_text(encoding="utf-8")
    _, _, section = text.partition(f"\n## {heading.capitalize()}\n")
    lines = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    assert lines == [row(code) for code in Code if code.meaning.page is page]


def test_what_breaks_loading_is_an_error() -> None:
    for code in Code:
        if code.meaning.loading is not Loading.RIGHT:
            assert code.meaning.severity is Severity.ERROR, code


def test_every_code_has_a_defect_that_shows_it() -> None:
    """And is an error or a warning there, or a note."""
    flagged = {code for case in DEFECTS.values() for code in case.codes}
    noted = {code for case in NOTES.values() for code in case.codes}

    assert flagged == {code for code in CHECKED if code.meaning.severity is not Severity.NOTE}
    # What is not looked at is so because of something else: test_defects.py. A part comes from the Hub: tests/sharing.
    assert noted == set(CHECKED) - flagged - {Code.NOT_LOOKED_AT, Code.PARTIAL}
