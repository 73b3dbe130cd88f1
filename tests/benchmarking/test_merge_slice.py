"""The speed-up that `merge` tells is measured on a slice of any dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from lerotool.benchmarking import merge_slice
from lerotool.merging.api import merge
from tests.shared import GOLDEN, needs_shared

SETS = ["v21_lerobot033_two_cams", "v30_lerobot061_images", "v30_lerobot061_language", "v30_lerobot061_depth"]


@needs_shared
@pytest.mark.parametrize("name", SETS)
def test_a_slice_of_any_dataset_is_merged_row_by_row(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_slice, "WORTH_COMPARING", 1)
    report = merge([GOLDEN / name], tmp_path / "merged")
    assert (merge_slice.speed_up(report) or 0) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]


@needs_shared
def test_what_is_over_at_once_is_not_compared(tmp_path: Path) -> None:
    assert merge_slice.speed_up(merge([GOLDEN / SETS[0]], tmp_path / "merged")) is None
