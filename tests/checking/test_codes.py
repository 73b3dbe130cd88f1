"""The manual lists every code with its meaning; codes never change."""

from __future__ import annotations

from pathlib import Path

from lerotool.checking.codes import MEANINGS, Code, Loading, Remedy, Severity
from tests.checking.defects import DEFECTS, NOTES

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "checking.md"


def row(code: Code) -> str:
    """Return a code's line of the table in the manual."""
    meaning = MEANINGS[code]
    loads = {Loading.RIGHT: "yes", Loading.WRONG: "wrong frames", Loading.REFUSED: "no"}[meaning.loading]
    remedy = f"`{meaning.remedy}`" if meaning.remedy is not Remedy.NONE else ""
    advice = "; ".join(part for part in (remedy, meaning.advice) if part)
    return f"| `{code}` | {meaning.severity} | {loads} | {meaning.text} | {advice} |"


def test_every_code_has_a_meaning_and_the_manual_lists_it() -> None:
    assert set(MEANINGS) == set(Code)
    lines = [line for line in MANUAL.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert lines == [row(code) for code in Code]


def test_what_breaks_loading_is_an_error() -> None:
    for code, meaning in MEANINGS.items():
        if meaning.loading is not Loading.RIGHT:
            assert meaning.severity is Severity.ERROR, code


def test_every_code_has_a_defect_that_shows_it() -> None:
    """And is an error or a warning there, or a note."""
    flagged = {code for case in DEFECTS.values() for code in case.codes}
    noted = {code for case in NOTES.values() for code in case.codes}

    assert flagged == {code for code, meaning in MEANINGS.items() if meaning.severity is not Severity.NOTE}
    # What is not looked at is so because of something else: test_defects.py.
    assert noted == set(Code) - flagged - {Code.NOT_LOOKED_AT}
