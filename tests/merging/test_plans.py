"""A plan that says yes does not fail later for a reason that was there: rows and encoders are looked at first."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import lerotool
from lerotool.errors import CorruptDatasetError, IncompatibleDatasetError, LerotoolError
from lerotool.merging.options import MergeOptions, SourceArgument
from lerotool.merging.planning import make_plan, merge_datasets
from lerotool.rewriting.events import Event
from tests.dataset.reading import edit_json, edit_table
from tests.dataset.writing import FRONT
from tests.merging.sets import make, make_with_cameras

DATA = "data/chunk-000/file-000.parquet"


def asked(*sources: Path, target: Path, **options: object) -> tuple[tuple[SourceArgument, ...], Path, MergeOptions]:
    return tuple(map(SourceArgument.parse, sources)), target, MergeOptions(**options)


def with_column(root: Path, name: str, values: list[object]) -> Path:
    def change(table: pa.Table) -> pa.Table:
        place = table.column_names.index(name)
        return table.set_column(place, table.schema.field(place), pa.array(values, table.schema.field(place).type))

    edit_table(root / DATA, change)
    return root


def late_timestamps(root: Path) -> Path:
    """Only one row in the middle of an episode is off: no minimum or maximum tells."""
    return with_column(root, "timestamp", [0, 0.1, 0.2, 0, 0.1, 0.25, 0.3])


def not_a_number(root: Path) -> Path:
    state = np.ones((7, 2), np.float32)
    state[5, 1] = np.nan
    return with_column(root, "observation.state", state.tolist())


@pytest.mark.slow
@pytest.mark.parametrize("fps", [None, 5])
def test_timestamps_off_the_grid_are_a_difference_that_the_plan_tells_with_its_flag(tmp_path: Path, fps: int | None):
    source = late_timestamps(make_with_cameras(tmp_path / "a"))
    other = make_with_cameras(tmp_path / "b", seed=3)
    plan = make_plan(*asked(other, source, target=tmp_path / "new", fps=fps))
    (difference,) = plan.open_differences
    assert "a, episode 1, frame 2 has timestamp 0.25, expected 0.2" in str(difference)
    assert difference.flags == ("--retime",)
    assert make_plan(*asked(other, source, target=tmp_path / "new", fps=fps, retime=True)).problems == ()


@pytest.mark.parametrize("damage", [late_timestamps, not_a_number])
def test_nothing_is_encoded_before_rows_that_cannot_be_merged_are_told(tmp_path: Path, damage) -> None:
    source = damage(make_with_cameras(tmp_path / "a"))
    heard: list[Event] = []
    with pytest.raises(LerotoolError, match="episode 1, frame 2"):
        merge_datasets(*asked(source, target=tmp_path / "new", fps=5), heard.append)
    assert heard == []


@pytest.mark.slow
def test_a_dry_run_looks_at_all_values(tmp_path: Path) -> None:
    source = not_a_number(make(tmp_path / "a"))
    command = [sys.executable, "-m", "lerotool", "merge", str(source), "-o", str(tmp_path / "new"), "--dry-run"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 3
    assert "episode 1, frame 2, feature 'observation.state': a NaN or infinite number" in found.stderr


def test_timestamps_and_other_differences_are_told_at_once(tmp_path: Path) -> None:
    first = late_timestamps(make(tmp_path / "a"))
    second = make(tmp_path / "b", robot_type="other", fps=20)
    with pytest.raises(IncompatibleDatasetError) as caught:
        lerotool.merge([first, second], tmp_path / "new")
    assert all(flag in str(caught.value) for flag in ("retime=True", "robot_type='other'", "fps=20"))


def test_an_encoder_that_does_not_work_here_is_told_by_the_plan(tmp_path: Path) -> None:
    source = make_with_cameras(tmp_path / "a")
    edit_json(source / "meta/info.json", lambda info: info["features"][FRONT]["info"].update({"video.codec": "vp1"}))
    with pytest.raises(CorruptDatasetError, match=f"camera {FRONT!r}: no video encoder 'vp1'"):
        make_plan(*asked(source, target=tmp_path / "new", fps=5)).check()
    assert make_plan(*asked(source, target=tmp_path / "new")).problems == ()
    assert json.loads((source / "meta/info.json").read_text())["fps"] == 10
