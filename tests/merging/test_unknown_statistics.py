"""Statistics that a source does not have are a column less in the target, never null: LeRobot's tools take no null."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lerotool
from lerotool.cli.app import run
from lerotool.dataset.dataset import Dataset
from lerotool.moments import QUANTILES
from tests.dataset.reading import OLD_SET, VIDEO_SET, copy_set
from tests.shared import GOLDEN


def _without_pictures(target: Path) -> Path:
    """Copy a v2.1 set and forget the statistics of its cameras."""
    root = copy_set(OLD_SET, target)
    path = root / "meta" / "episodes_stats.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["stats"] = {name: entry for name, entry in line["stats"].items() if "images" not in name}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


def _merged(target: Path, sources: Sequence[Path]) -> pa.Table:
    lerotool.merge(sources, target, robot_type="so_follower")
    tables = [pq.read_table(path) for path in sorted((target / "meta" / "episodes").glob("*/*.parquet"))]
    return pa.concat_tables(tables)


def _statistics(table: pa.Table, feature: str) -> set[str]:
    return {name.rpartition("/")[2] for name in table.column_names if name.startswith(f"stats/{feature}/")}


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [(OLD_SET,), (OLD_SET, VIDEO_SET), (VIDEO_SET, OLD_SET)],
    ids=["converted", "first", "last"],
)
def test_quantiles_that_no_source_measured_are_left_out(names: Sequence[str], tmp_path: Path) -> None:
    table = _merged(tmp_path / "set", [GOLDEN / name for name in names])
    nulls = [name for name in table.column_names if name.startswith("stats/") and table[name].null_count]

    assert nulls == []
    for camera in Dataset.open(tmp_path / "set").cameras:
        assert _statistics(table, camera) == {"min", "max", "mean", "std", "count"}
    assert _statistics(table, "action") == {"min", "max", "mean", "std", "count", *QUANTILES}


def test_a_camera_that_one_source_never_measured_has_no_statistics_of_episodes(tmp_path: Path) -> None:
    table = _merged(tmp_path / "set", [GOLDEN / OLD_SET, _without_pictures(tmp_path / "none")])
    cameras = Dataset.open(tmp_path / "set").cameras

    assert cameras
    assert [_statistics(table, camera) for camera in cameras] == [set()] * len(cameras)
    # The other source's numbers are still those of the whole, as far as there are any.
    stats = json.loads((tmp_path / "set" / "meta" / "stats.json").read_text())
    assert set(cameras) <= set(stats)


def test_statistics_that_may_be_wrong_are_not_called_wrong_and_the_command_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copy_set("v30_lerobot044_two_cams", tmp_path)
    assert run(["stats", str(root), "--write", "--quiet"]) == 0  # now they are right
    capsys.readouterr()
    assert run(["merge", str(root), "-o", str(tmp_path / "out"), "--dry-run", "--json"]) == 0
    said = " ".join(" ".join(capsys.readouterr()).split())

    assert "the standard deviation of its pictures may be wrong" in said
    command = re.search(r"lerotool (stats \S+ --verify) tells", said)
    assert command is not None
    assert run(shlex.split(command.group(1))) == 0
