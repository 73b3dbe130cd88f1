"""A repaired dataset is sound and has the values that it had; what cannot be repaired is left alone, and said."""

from __future__ import annotations

from pathlib import Path

import pytest

from lerotool.checking import Severity, check
from lerotool.mending.advice import advise
from lerotool.mending.repair import plan_repair, repair
from tests.checking.defects import DEFECTS, Defect
from tests.checking.judging import what_lerobot_does
from tests.dataset.reading import OLD_SET, copy_set, tree_hash
from tests.shared import GOLDEN

REPAIRED = {name: case for name, case in DEFECTS.items() if case.is_repaired}
LEFT = {name: case for name, case in DEFECTS.items() if not case.is_repaired}


QUICKLY = frozenset(list(REPAIRED)[::8])
"""Those that are repaired in the fast stage too."""


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=name, marks=() if name in QUICKLY else pytest.mark.slow) for name, case in REPAIRED.items()],
)
def test_a_repaired_dataset_is_sound(tmp_path: Path, case: Defect) -> None:
    root = case.make(tmp_path)
    before = tree_hash(root)
    plan = plan_repair(root)
    assert tree_hash(root) == before

    done = repair(root)

    assert not [f for f in done.after.findings if f.severity is not Severity.NOTE], (
        done.plan.steps,
        done.after.findings,
    )
    assert done.after.loading == "right"
    assert plan.steps
    assert {code for step in done.plan.steps for code in step.codes} >= {
        f.code for f in plan.before.findings
    } & case.codes
    assert not done.plan.left
    assert not plan_repair(root).steps


@pytest.mark.parametrize("case", LEFT.values(), ids=LEFT.keys())
def test_what_cannot_be_repaired_is_said_and_left_alone(tmp_path: Path, case: Defect) -> None:
    root = case.make(tmp_path)
    before = tree_hash(root)

    done = repair(root)

    assert {finding.code for finding, _ in done.plan.left} == case.codes
    assert all(why for _, why in done.plan.left)
    assert not done.plan.steps
    assert not [advice for advice in advise(done.left) if advice.command.endswith("--repair")]
    assert tree_hash(root) == before


@pytest.mark.lerobot
@pytest.mark.timeout(600)
def test_lerobot_reads_the_old_values_out_of_every_repaired_dataset(tmp_path: Path) -> None:
    truths: dict[Path, Path | None] = {}
    names: dict[Path, str] = {}
    for number, (name, case) in enumerate(REPAIRED.items()):
        if case.base == OLD_SET:
            continue  # another LeRobot reads these
        root = case.make(tmp_path / f"{number:03d}")
        repair(root)
        truths[root] = None if case.changes_values else GOLDEN / f"{case.base}.expected.json"
        names[root] = name
    crashed = copy_set("v30_lerobot061_crashed", tmp_path)
    repair(crashed)
    truths[crashed], names[crashed] = GOLDEN / "v30_lerobot061_crashed.expected.json", "killed while recording"

    answers = what_lerobot_does(truths)

    assert {names[root]: answer for root, answer in answers.items() if answer[0] != "right"} == {}


def test_nothing_is_done_to_a_sound_dataset(tmp_path: Path) -> None:
    root = DEFECTS["total_frames too large"].make(tmp_path)
    repair(root)
    before = tree_hash(root)

    assert repair(root).plan.steps == ()
    assert tree_hash(root) == before
    assert check(root).is_sound
