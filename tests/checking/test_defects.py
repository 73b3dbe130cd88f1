"""Every single defect is found by its code and nothing else is; what does no harm is not flagged."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lerotool.checking import CheckReport, Code, Severity, check
from lerotool.storage import ProcessLock
from lerotool.workspace import Workspace
from tests.checking.defects import DEFECTS, HARMLESS, NOTES, Defect
from tests.dataset.reading import copy_set, tree_hash


def flagged(report: CheckReport) -> set[str]:
    return {finding.code for finding in report.findings if finding.severity is not Severity.NOTE}


ODD_COUNT = re.compile(
    r"(?<!of )\b1 (rows|pictures|episodes|frames|files|folders|columns|values|tasks)\b"
    r"|\b1 of \d+ \w+s (do|are|have|belong)\b|\bepisodes \d+(?!\d|,| and)"
)


def assert_counts_are_worded(report: CheckReport) -> None:
    assert [finding.text for finding in report.findings if ODD_COUNT.search(finding.text)] == []


@pytest.mark.parametrize("case", DEFECTS.values(), ids=DEFECTS.keys())
def test_a_single_defect_is_found_by_its_code_and_nothing_else_is(tmp_path: Path, case: Defect) -> None:
    root = case.make(tmp_path)
    before = tree_hash(root)

    report = check(root)

    assert flagged(report) == case.codes, report.findings
    assert report.loading == case.loading
    assert_counts_are_worded(report)
    assert tree_hash(root) == before


@pytest.mark.parametrize("case", NOTES.values(), ids=NOTES.keys())
def test_a_note_is_told_and_nothing_is_flagged(tmp_path: Path, case: Defect) -> None:
    root = case.make(tmp_path)

    report = check(root)

    assert case.codes <= report.codes
    assert_counts_are_worded(report)
    assert not flagged(report), report.findings
    assert report.loading == "right"


def test_what_could_not_be_looked_at_is_said(tmp_path: Path) -> None:
    root = DEFECTS["commit interrupted"].make(tmp_path)
    with ProcessLock(Workspace(root).writing_lock, "encoding"):
        report = check(root)

    assert report.codes == {Code.NOT_LOOKED_AT}
    assert "being changed right now by encoding" in report.findings[0].text


@pytest.mark.parametrize(("base", "change"), HARMLESS.values(), ids=HARMLESS.keys())
def test_what_lerobot_reads_right_is_not_flagged(tmp_path: Path, base: str, change: object) -> None:
    root = copy_set(base, tmp_path)
    assert callable(change)
    change(root)

    report = check(root)

    assert not flagged(report), report.findings
    assert report.loading == "right"
