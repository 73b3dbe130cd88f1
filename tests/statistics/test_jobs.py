"""What a job of measuring opens is the dataset as it was."""

from __future__ import annotations

from pathlib import Path

from lerotool.dataset.dataset import Dataset
from lerotool.statistics.sampling import opened
from tests.statistics.sets import arm_set, edit_data, moving


def test_a_fingerprint_changes_with_the_files_of_the_dataset_and_with_nothing_else(tmp_path: Path) -> None:
    dataset = arm_set(tmp_path / "set", [moving(0)])
    before = dataset.fingerprint()
    (dataset.root / ".lerotool").mkdir(exist_ok=True)
    (dataset.root / ".lerotool" / "note").write_text("of lerotool's own")
    assert dataset.fingerprint() == before
    edit_data(dataset.root, "action", lambda values: values + 1)
    assert dataset.fingerprint() != before


def test_a_dataset_is_opened_once_for_each_state(tmp_path: Path) -> None:
    root = arm_set(tmp_path / "set", [moving(0)]).root
    state = Dataset.open(root).fingerprint()
    assert opened(root, state) is opened(root, state)
    assert opened(root, "other") is not opened(root, state)
