"""Merging on many machines: a real Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lerotool
from harness.cluster import Cluster, run_cluster
from lerotool.execution import DaskCluster, WorkersLostError
from lerotool.rewriting.events import Advanced, Event
from tests.dataset.faults import contents
from tests.merging.sets import assert_is_concatenation, make_with_cameras

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with run_cluster(tmp_path_factory.mktemp("cluster"), workers=1) as cluster:
        yield cluster


def sources(folder: Path, lengths: tuple[int, ...] = (3, 4)) -> list[Path]:
    return [make_with_cameras(folder / name, lengths, seed=seed) for seed, name in enumerate("abc")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{}, {"files": "keep"}, {"to": "v2.1"}, {"fps": 20}], ids=["packed", "files kept", "v2.1", "resampled"]
)
def test_a_cluster_merges_to_the_bytes_that_one_machine_makes(
    cluster: Cluster, tmp_path: Path, options: dict[str, Any]
) -> None:
    parts = sources(tmp_path)
    lerotool.merge(parts, tmp_path / "local", **options)
    lerotool.merge(parts, tmp_path / "shared", place=DaskCluster(cluster.file), **options)
    assert contents(tmp_path / "shared") == contents(tmp_path / "local")


@pytest.mark.slow
def test_a_worker_killed_half_way_changes_nothing(tmp_path: Path) -> None:
    parts = sources(tmp_path, (60, 60, 60))
    lerotool.merge(parts, tmp_path / "local", fps=20, reencode=True)
    events: list[Event] = []
    with run_cluster(tmp_path, workers=2) as cluster:

        def kill_a_worker(event: Event) -> None:
            if isinstance(event, Advanced) and not any(isinstance(e, Advanced) for e in events):
                cluster.workers[0].kill()
            events.append(event)

        place = DaskCluster(cluster.file)
        lerotool.merge(parts, tmp_path / "shared", fps=20, reencode=True, on_event=kill_a_worker, place=place)
        assert cluster.workers[0].wait() != 0
    assert sum(isinstance(event, Advanced) for event in events) > 18  # videos, and tables after them
    assert contents(tmp_path / "shared") == contents(tmp_path / "local")


@pytest.mark.slow
def test_when_all_workers_are_gone_there_is_an_error_and_no_target(tmp_path: Path) -> None:
    parts = sources(tmp_path, (60, 60, 60))
    with run_cluster(tmp_path, workers=1) as cluster:

        def kill_the_worker(event: Event) -> None:
            if isinstance(event, Advanced):
                cluster.workers[0].kill()

        place = DaskCluster(cluster.file, patience_s=1)
        with pytest.raises(WorkersLostError):
            lerotool.merge(parts, tmp_path / "merged", fps=20, reencode=True, on_event=kill_the_worker, place=place)
    assert not [path.name for path in tmp_path.iterdir() if "merged" in path.name]
    lerotool.merge(parts, tmp_path / "merged")
    assert_is_concatenation(tmp_path / "merged", parts)
