"""A dataset that the workers of a real Dask cluster look at is found to be what one machine finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cluster import run_cluster
from lerotool.cli.app import run
from tests.checking.defects import DEFECTS
from tests.dataset.reading import tree_hash

pytest.importorskip("distributed")


@pytest.mark.slow
def test_a_cluster_finds_what_one_machine_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = DEFECTS["total_frames too large"].make(tmp_path)
    before = tree_hash(root)
    monkeypatch.chdir(tmp_path)
    command = ["check", root.name, "--deep", "--json"]
    assert run(command) == 3
    here = json.loads(capsys.readouterr().out)["datasets"][0]
    (tmp_path / "cluster").mkdir()
    with run_cluster(tmp_path / "cluster", workers=1) as cluster:
        assert run([*command, "--dask-scheduler-file", str(cluster.file)]) == 3
    there = json.loads(capsys.readouterr().out)["datasets"][0]
    # Workers elsewhere have other current folders, so commands name the dataset by its absolute path.
    assert there["findings"] == json.loads(json.dumps(here["findings"]).replace(f" {root.name} ", f" {root} "))
    assert here["findings"]
    assert tree_hash(root) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([root.name, "cluster"])


@pytest.mark.parametrize("command", [["check", "x"], ["merge", "x", "-o", "y"]])
def test_a_cluster_and_a_number_of_jobs_exclude_each_other(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--dask", "tcp://h:1", "--jobs", "2"]) == 2
    assert "--jobs is for this machine" in capsys.readouterr().err
