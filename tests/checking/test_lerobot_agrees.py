"""Does LeRobot load it? What `check` answers without LeRobot is what LeRobot does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lerotool.checking import check
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.info import load_info
from lerotool.mending.repair import repair
from tests.checking.advised import advised, run
from tests.checking.defects import DEFECTS, HARMLESS, NOTES
from tests.checking.judging import what_lerobot_does
from tests.dataset.reading import OLD_SET, copy_set
from tests.shared import GOLDEN, REAL_SETS, REALDATA, needs_realdata

pytestmark = pytest.mark.lerobot
MADE = [path for path in sorted(GOLDEN.iterdir()) if path.is_dir() and path.name.startswith("v30")]
RECORDED = [REALDATA / name for name in REAL_SETS if (REALDATA / name).is_dir()]


def writable(root: Path, target: Path) -> Path:
    """Return a copy that may be changed, whatever the rights of the files are."""
    shutil.copytree(root, target, copy_function=shutil.copyfile)
    for folder in [target, *(path for path in target.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)
    return target


def assert_agreement(roots: list[Path]) -> None:
    answers = what_lerobot_does(dict.fromkeys(roots))
    said = {root.name: check(root).loading.value for root in roots}
    assert said == {root.name: answers[root][0] for root in roots}, answers


@pytest.mark.timeout(900)
def test_check_and_lerobot_agree_on_golden_sets_before_and_after_a_repair(tmp_path: Path) -> None:
    roots = [writable(path, tmp_path / path.name) for path in MADE]
    assert_agreement(roots)
    broken = [root for root in roots if repair(root).plan.steps]
    assert {root.name for root in broken} == {"v30_lerobot061_crashed"}
    assert_agreement(broken)


@needs_realdata
@pytest.mark.timeout(900)
def test_check_and_lerobot_agree_on_recordings_of_other_people_before_and_after_a_repair(tmp_path: Path) -> None:
    """LeRobot 0.6 reads v3.0; of older sets it judges what the command that is left makes of them, in v3.0."""
    roots = [writable(path, tmp_path / path.name) for path in RECORDED]
    new = [root for root in roots if load_info(root).codebase_version is FormatVersion.V30]
    assert_agreement(new)
    changed = [root for root in roots if repair(root).plan.steps]
    assert_agreement([root for root in new if root in changed])
    made = []
    for root in (root for root in roots if root not in new and not check(root).is_sound):
        command = next(words for words in advised(root) if words[0] == "merge")
        code, _ = run(*(word for word in command if word not in ("--to", "v2.1")))
        assert code == 0, command
        made.append(Path(f"{root}-new"))
    assert {root.name for root in made} == {
        f"{name}-new" for name in ("gr1_sim_v20", "ioai_lerobotv2", "ioai_lerobotv2-image", "koch_v21_novideo")
    }
    assert_agreement(made)
    assert all(check(root).is_sound for root in made)


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
