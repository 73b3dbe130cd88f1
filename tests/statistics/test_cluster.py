"""Statistics taken by the workers of a real Dask cluster are those of one machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cluster import run_cluster
from lerotool.cli.app import run
from lerotool.dataset.dataset import Dataset
from lerotool.statistics.rewrite import rewrite
from tests.dataset.faults import contents
from tests.dataset.reading import copy_set

pytest.importorskip("distributed")


@pytest.mark.slow
def test_a_cluster_writes_what_one_machine_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = (copy_set("v30_lerobot061_small_files", tmp_path / name) for name in ("here", "there"))
    rewrite(Dataset.open(here))
    monkeypatch.chdir(there.parent)
    with run_cluster(tmp_path, workers=1) as cluster:
        assert run(["stats", there.name, "--write", "--dask-scheduler-file", str(cluster.file)]) == 0
    assert contents(there) == contents(here)
