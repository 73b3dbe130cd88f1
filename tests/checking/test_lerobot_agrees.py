"""Does LeRobot load it? What `check` answers without LeRobot is what LeRobot does."""

from __future__ import annotations

from pathlib import Path

import pytest

from lerotool.checking import check
from tests.checking.defects import DEFECTS, HARMLESS, NOTES
from tests.checking.judging import what_lerobot_does
from tests.dataset.reading import OLD_SET, copy_set
from tests.shared import GOLDEN, needs_shared

pytestmark = [needs_shared, pytest.mark.lerobot]


@pytest.mark.timeout(600)
def test_lerobot_does_with_every_defect_what_check_says(tmp_path: Path) -> None:
    made: dict[Path, str] = {}
    truths: dict[Path, Path | None] = {}
    for number, (name, case) in enumerate(DEFECTS.items()):
        # Another LeRobot reads v2.1; what it sees of an interrupted change depends on where that was.
        if case.base == OLD_SET or name.startswith("commit"):
            continue
        root = case.make(tmp_path / f"{number:03d}")
        made[root] = name
        truths[root] = None if case.changes_values else GOLDEN / f"{case.base}.expected.json"
    answers = what_lerobot_does(truths)

    said = {name: check(root).loading.value for root, name in made.items()}
    assert said == {name: answers[root][0] for root, name in made.items()}, answers


@pytest.mark.timeout(600)
def test_lerobot_reads_what_check_finds_harmless(tmp_path: Path) -> None:
    truths: dict[Path, Path | None] = {}
    for number, (base, change) in enumerate(HARMLESS.values()):
        if base != OLD_SET:
            root = copy_set(base, tmp_path / f"{number:03d}")
            change(root)
            truths[root] = GOLDEN / f"{base}.expected.json"

    for name, case in NOTES.items():
        truth = None if case.changes_values else GOLDEN / f"{case.base}.expected.json"
        truths[case.make(tmp_path / f"note {name}")] = truth

    answers = what_lerobot_does(truths)

    assert {verdict for verdict, _ in answers.values()} == {"right"}, answers
