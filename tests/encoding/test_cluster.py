"""Encoding on many machines: a real Dask cluster."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.cluster import Cluster, Host, NoNetworkError, run_cluster, run_network
from lerotool.cli import app
from lerotool.encoding.events import Ending, Event, JobDone, JobProgressed
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.execution import ClusterError, DaskCluster, WorkersLostError
from lerotool.spool.pending import list_pending
from tests.encoding.reading import all_numbers
from tests.encoding.recordings import FRONT, WRIST, record
from tests.encoding.test_job import flip_byte_of_packet
from tests.patience import PATIENCE_S

pytest.importorskip("distributed")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with run_cluster(tmp_path_factory.mktemp("cluster"), workers=1) as cluster:
        yield cluster


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    try:
        with run_network(hosts=3) as hosts:
            yield hosts
    except NoNetworkError as error:
        pytest.skip(str(error))


def contents(root: Path) -> tuple[pa.Table, dict[str, bytes]]:
    """Return the rows and the video files of a dataset; how many commits it took shows in neither."""
    rows = [pq.read_table(path, partitioning=None) for path in sorted(root.glob("data/*/*.parquet"))]
    videos = {str(path.relative_to(root)): path.read_bytes() for path in root.glob("videos/*/*/*.mp4")}
    return pa.concat_tables(rows).combine_chunks(), videos


def test_a_batch_with_a_worker_killed_half_way_is_what_one_machine_makes(tmp_path: Path) -> None:
    with run_cluster(tmp_path, workers=2) as cluster:
        assert_is_the_local_result(tmp_path, cluster)


def test_machines_on_a_network_make_what_one_machine_makes_with_a_worker_killed_half_way(
    hosts: list[Host], tmp_path: Path
) -> None:
    with run_cluster(tmp_path, hosts=hosts) as cluster:
        address = json.loads(cluster.file.read_text())["address"]
        assert address.startswith(f"tcp://{hosts[0].address}:")
        assert_is_the_local_result(tmp_path, cluster)


def assert_is_the_local_result(folder: Path, cluster: Cluster) -> None:
    """Encode a batch here and on a cluster of two, one of which is killed half-way, and compare."""
    local, shared = folder / "local", folder / "shared"
    for sequence, rows in enumerate([40, 300, 300, 20]):
        record(local, sequence, list(range(rows)), first_number=1000 * sequence)
    shutil.copytree(local, shared)
    assert encode_pending(local, EncodeOptions(jobs=1)).ending is Ending.COMPLETE
    events: list[Event] = []

    def kill_a_worker(event: Event) -> None:
        if not any(isinstance(e, JobProgressed) for e in events) and isinstance(event, JobProgressed):
            cluster.workers[0].kill()
        events.append(event)

    report = encode_pending(shared, on_event=kill_a_worker, place=DaskCluster(cluster.file))
    assert any(isinstance(event, JobProgressed) for event in events)
    assert report.failures == report.left == ()
    assert (report.ending, report.episodes, report.frames) == (Ending.COMPLETE, 4, 1320)
    rows, videos = contents(shared)
    assert videos == contents(local)[1]
    assert rows.equals(contents(local)[0])
    assert list_pending(shared) == []


def test_an_episode_that_fails_there_is_set_aside_and_the_others_go_on(cluster: Cluster, tmp_path: Path) -> None:
    damaged = record(tmp_path, 0, list(range(6)))
    record(tmp_path, 1, [0, 1], first_number=30)
    flip_byte_of_packet(damaged, 3)
    report = encode_pending(tmp_path, place=DaskCluster(cluster.file))
    assert "packet 3" in report.failures[0].reason
    assert all_numbers(tmp_path, FRONT) == all_numbers(tmp_path, WRIST) == [30, 31]


def test_a_cluster_that_goes_leaves_everything_for_the_next_run(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for sequence in range(3):
        record(root, sequence, list(range(200)))
    with run_cluster(tmp_path, workers=1) as cluster:
        done: list[Event] = []

        def end_the_scheduler(event: Event) -> None:
            # With the first episode's two cameras, and before it is committed: others would be ready by then.
            done.extend([event] if isinstance(event, JobDone) else [])
            if len(done) == 2:
                cluster.scheduler.kill()

        report = encode_pending(root, on_event=end_the_scheduler, place=DaskCluster(cluster.file))
    assert report.ending is Ending.INCOMPLETE
    assert (report.episodes, len(report.failures)) == (1, 2)
    assert all("has gone in the middle of the work" in left.reason for left in report.failures)
    assert encode_pending(root).ending is Ending.COMPLETE
    assert all_numbers(root, FRONT) == list(range(200)) * 3


def test_workers_that_are_gone_for_good_end_the_run_and_what_is_finished_is_kept(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for sequence in range(3):
        record(root, sequence, list(range(200)))
    said: list[str] = []
    with run_cluster(tmp_path, workers=1) as cluster:

        def end_the_worker(event: Event) -> None:
            if isinstance(event, JobDone):
                cluster.workers[0].kill()

        with pytest.raises(WorkersLostError, match="have gone, and none has come") as raised:
            encode_pending(
                root, on_event=end_the_worker, place=DaskCluster(cluster.file, patience_s=1, tell=said.append)
            )
    assert raised.value.hint
    assert len(said) == 1
    report = encode_pending(root)
    assert report.ending is Ending.COMPLETE
    assert report.frames <= 5 * 200  # of six videos
    assert all_numbers(root, FRONT) == all_numbers(root, WRIST) == list(range(200)) * 3


def test_nothing_is_made_when_the_cluster_is_not_there(tmp_path: Path) -> None:
    record(tmp_path, 0, [0, 1])
    with pytest.raises(ClusterError):
        encode_pending(tmp_path, place=DaskCluster(tmp_path / "no.json"))
    assert len(list_pending(tmp_path)) == 1
    assert encode_pending(tmp_path).ending is Ending.COMPLETE


def test_no_cluster_is_asked_when_there_is_nothing_to_encode(tmp_path: Path) -> None:
    record(tmp_path, 0, [0, 1])
    encode_pending(tmp_path)
    assert encode_pending(tmp_path, place=DaskCluster(tmp_path / "no.json")).ending is Ending.COMPLETE


@pytest.mark.parametrize("option", ["--dask", "--dask-scheduler-file"])
def test_the_command_sends_its_jobs_to_the_cluster(cluster: Cluster, tmp_path: Path, option: str) -> None:
    record(tmp_path, 0, [0, 1, 2])
    scheduler = json.loads(cluster.file.read_text())["address"] if option == "--dask" else str(cluster.file)
    command = [sys.executable, "-m", "lerotool", "encode", "--pending", str(tmp_path), option, scheduler, "--quiet"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("1 episode, 3 rows added in ")


def test_the_command_says_what_is_wrong_with_the_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path, 0, [0, 1, 2])
    for more, code, text in [
        (["--dask-scheduler-file", "no.json"], 1, "no Dask scheduler file 'no.json'"),
        (["--dask", "nonsense"], 2, "'nonsense' is not the address of a Dask scheduler"),
        (["--dask", "tcp://h:1", "--jobs", "2"], 2, "--jobs is for this machine"),
        (["--dask", "tcp://h:1", "--dask-scheduler-file", "f"], 2, "both name a cluster"),
    ]:
        assert app.run(["encode", "--pending", str(tmp_path), *more]) == code
        told = capsys.readouterr().err
        assert text in told
        assert "Traceback" not in told
