"""Every single defect is found by its code and nothing else is; what does no harm is not flagged."""

from __future__ import annotations

from pathlib import Path

import pytest

from lerotool.checking import Report, Severity, check
from tests.checking.defects import DEFECTS, HARMLESS, Defect
from tests.dataset.reading import copy_set, tree_hash
from tests.shared import needs_shared

pytestmark = needs_shared


def flagged(report: Report) -> set[str]:
    return {finding.code for finding in report.findings if finding.severity is not Severity.NOTE}


@pytest.mark.parametrize("case", DEFECTS.values(), ids=DEFECTS.keys())
def test_a_single_defect_is_found_by_its_code_and_nothing_else_is(tmp_path: Path, case: Defect) -> None:
    root = case.make(tmp_path)
    before = tree_hash(root)

    report = check(root)

    assert flagged(report) == case.codes, report.findings
    assert tree_hash(root) == before


@pytest.mark.parametrize(("base", "change"), HARMLESS.values(), ids=HARMLESS.keys())
def test_what_lerobot_reads_right_is_not_flagged(tmp_path: Path, base: str, change: object) -> None:
    root = copy_set(base, tmp_path)
    assert callable(change)
    change(root)

    report = check(root)

    assert not flagged(report), report.findings
    assert report.loading == "right"
