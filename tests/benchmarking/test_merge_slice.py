"""The speed-up that `merge` tells is measured on a slice of any dataset."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lerotool import MergePlan, MergeReport, plan_merge
from lerotool.benchmarking import rowwise
from tests.shared import GOLDEN


def merged(name: str, folder: Path) -> tuple[MergePlan, MergeReport]:
    plan = plan_merge([GOLDEN / name], folder / "merged")
    return plan, plan.carry_out()


SETS = ["v21_lerobot033_two_cams", "v30_lerobot061_images", "v30_lerobot061_language", "v30_lerobot061_depth"]


@pytest.mark.parametrize("name", SETS)
def test_a_slice_of_any_dataset_is_merged_row_by_row(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rowwise, "WORTH_COMPARING_S", 0.0)
    monkeypatch.setattr(rowwise, "_LEAST", 0.0)
    plan, report = merged(name, tmp_path)
    assert (rowwise.speed_up(plan.details, report) or 0) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]


def test_nobody_waits_for_a_comparison_of_a_short_merge_or_of_long_episodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, report = merged(SETS[0], tmp_path)
    assert rowwise.speed_up(plan.details, replace(report, wall_s=rowwise.WORTH_COMPARING_S - 1)) is None
    monkeypatch.setattr(rowwise, "_LONGEST_SLICE_ROWS", int(plan.details.work.lengths[0]) - 1)
    assert rowwise.speed_up(plan.details, replace(report, wall_s=rowwise.WORTH_COMPARING_S + 1)) is None


def test_a_comparison_that_shows_no_difference_is_left_out(tmp_path: Path) -> None:
    plan, report = merged(SETS[0], tmp_path)
    assert rowwise.speed_up(plan.details, replace(report, wall_s=1e9)) is None
