"""Jobs on a Dask cluster: a real scheduler and real workers."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.cluster import Cluster, run_cluster
from lerotool.errors import SpoolError, UsageError
from lerotool.execution import (
    ClusterError,
    DaskCluster,
    ProgressFile,
    StoppedError,
    WorkerDiedError,
    WorkersLostError,
    open_executor,
    read_progress,
)
from lerotool.execution.cluster import connect
from tests.patience import PATIENCE_S, wait_for

pytest.importorskip("distributed")
from distributed import SchedulerPlugin

pytestmark = pytest.mark.slow


def double(number: int) -> int:
    return 2 * number


def raise_ours() -> None:
    raise SpoolError("packet 3 is damaged", hint="look at it")


def raise_full() -> None:
    raise OSError(28, "No space left on device", "somewhere")


def sign_and_wait(folder: Path) -> str:
    """Leave a file with this worker's process id, then wait for the file ``go``."""
    new = folder / "new"
    new.write_text(str(os.getpid()))
    new.rename(folder / f"worker-{os.getpid()}")
    wait_for((folder / "go").exists)
    return str(os.getpid())


def run_once(path: Path) -> int:
    """Add to a file; return how often that was done."""
    with path.open("a") as file:
        file.write("x")
    return len(path.read_text())


@contextmanager
def without_collector() -> Iterator[None]:
    """Leave nothing to the collector of garbage: it comes when it likes."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Interrupting(SchedulerPlugin):  # type: ignore[misc]
    """Tells the next client, with the scheduler's greeting, of jobs that another one has cancelled."""

    def add_client(self, scheduler: Any, client: str) -> None:  # noqa: ARG002 - the hook's signature
        news = {"op": "cancelled-keys", "keys": [], "reason": "", "msg": ""}
        scheduler.loop.add_callback(scheduler.report, news)
        scheduler.remove_plugin(name="interrupting")


def tasks_of(dask_scheduler: Any) -> int:
    return len(dask_scheduler.tasks)


def report_for_ever(folder: Path) -> None:
    progress = ProgressFile(folder / "run" / "progress", 1000, folder / "run" / "stop", interval_s=0)
    try:
        while True:
            progress.report(7)
    except StoppedError:
        (folder / "stopped").touch()
        raise


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with run_cluster(tmp_path_factory.mktemp("cluster"), workers=1) as cluster:
        yield cluster


def test_results_and_our_errors_come_back_whole(cluster: Cluster, tmp_path: Path) -> None:
    with open_executor(DaskCluster(cluster.file), tmp_path) as executor:
        assert list(executor.map(double, range(20))) == list(range(0, 40, 2))
        # Equal calls are run as often as they are asked for.
        assert [executor.submit(double, 4).result(), executor.submit(double, 4).result()] == [8, 8]
        with pytest.raises(SpoolError, match="packet 3") as raised:
            executor.submit(raise_ours).result()
        assert raised.value.hint == "look at it"
        with pytest.raises(OSError, match="somewhere") as full:
            executor.submit(raise_full).result()
        assert full.value.errno == 28
    assert list(tmp_path.iterdir()) == []


def test_a_lost_worker_means_a_repeated_job_and_nothing_else(tmp_path: Path) -> None:
    with run_cluster(tmp_path, workers=2) as cluster:
        folder = tmp_path / "jobs"
        folder.mkdir()
        with open_executor(DaskCluster(cluster.file), folder) as executor:
            futures = [executor.submit(sign_and_wait, folder) for _ in range(4)]
            wait_for(lambda: any(folder.glob("worker-*")))
            victim = next(w for w in cluster.workers if (folder / f"worker-{w.pid}").exists())
            victim.kill()
            (folder / "go").touch()
            survivor = next(str(w.pid) for w in cluster.workers if w is not victim)
            assert [future.result() for future in futures].count(survivor) >= 3
            assert str(victim.pid) not in [future.result() for future in futures]


def test_a_finished_job_is_not_repeated_when_its_worker_goes(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    folder.mkdir()
    with (
        run_cluster(tmp_path, workers=1) as cluster,
        without_collector(),
        open_executor(DaskCluster(cluster.file), folder) as executor,
    ):
        assert executor.submit(run_once, folder / "first").result() == 1
        with connect(cluster.file, PATIENCE_S) as client:
            wait_for(lambda: client.run_on_scheduler(tasks_of) == 0)
        cluster.workers[0].kill()
        cluster.add_worker()
        assert executor.submit(run_once, folder / "second").result(PATIENCE_S) == 1
        assert (folder / "first").read_text() == "x"


def test_a_job_that_kills_every_worker_fails_alone(tmp_path: Path) -> None:
    with run_cluster(tmp_path, workers=5) as cluster:
        with open_executor(DaskCluster(cluster.file), tmp_path) as executor:
            deadly = executor.submit(die)
            with pytest.raises(WorkerDiedError, match="worker after worker"):
                deadly.result()
            assert executor.submit(double, 2).result() == 4
        assert sum(worker.poll() is None for worker in cluster.workers) >= 1


def test_a_scheduler_that_goes_is_told_by_every_job(tmp_path: Path) -> None:
    with (
        run_cluster(tmp_path, workers=1) as cluster,
        open_executor(DaskCluster(cluster.file), tmp_path) as executor,
    ):
        futures = [executor.submit(sign_and_wait, tmp_path) for _ in range(2)]
        wait_for(lambda: any(tmp_path.glob("worker-*")))
        cluster.scheduler.kill()
        for future in futures:
            with pytest.raises(ClusterError, match="has gone in the middle"):
                future.result()


def test_a_worker_that_comes_back_goes_on_when_all_were_gone(tmp_path: Path) -> None:
    said: list[str] = []
    with (
        run_cluster(tmp_path, workers=1) as cluster,
        open_executor(DaskCluster(cluster.file, tell=said.append), tmp_path) as executor,
    ):
        futures = [executor.submit(sign_and_wait, tmp_path) for _ in range(2)]
        wait_for(lambda: any(tmp_path.glob("worker-*")))
        cluster.workers[0].kill()
        wait_for(lambda: said)
        (tmp_path / "go").touch()
        back = cluster.add_worker()
        assert [future.result(PATIENCE_S) for future in futures] == [str(back.pid)] * 2
    assert said == [f"no worker is left at {cluster.file}; waiting up to 30 min for one"]


def test_nobody_waits_for_ever_when_all_workers_are_gone(tmp_path: Path) -> None:
    with (
        run_cluster(tmp_path, workers=1) as cluster,
        open_executor(DaskCluster(cluster.file, patience_s=1), tmp_path) as executor,
    ):
        futures = [executor.submit(sign_and_wait, tmp_path) for _ in range(2)]
        wait_for(lambda: any(tmp_path.glob("worker-*")))
        cluster.workers[0].kill()
        for future in futures:
            with pytest.raises(WorkersLostError, match="have gone, and none has come for 1 s") as raised:
                future.result(PATIENCE_S)
            assert raised.value.hint
        with connect(cluster.file, PATIENCE_S) as client:
            wait_for(lambda: client.run_on_scheduler(tasks_of) == 0)
        # Who is asked later is patient anew.
        cluster.add_worker()
        # On a busy machine it may take longer to come than this executor waits.
        with connect(cluster.file, PATIENCE_S) as client:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        assert executor.submit(double, 2).result(PATIENCE_S) == 4


def test_a_client_that_comes_while_another_cancels_jobs_is_connected(cluster: Cluster, tmp_path: Path) -> None:
    with connect(cluster.file, PATIENCE_S) as other:
        other.register_plugin(Interrupting(), name="interrupting")
    with open_executor(DaskCluster(cluster.file), tmp_path) as executor:
        assert executor.submit(double, 2).result(PATIENCE_S) == 4


def test_cancelled_jobs_do_not_start(cluster: Cluster, tmp_path: Path) -> None:
    with open_executor(DaskCluster(cluster.file), tmp_path) as executor:
        running = executor.submit(sign_and_wait, tmp_path)
        wait_for(lambda: any(tmp_path.glob("worker-*")))
        waiting = executor.submit(Path.touch, tmp_path / "ran")
        assert waiting.cancel()
        with connect(cluster.file, PATIENCE_S) as client:
            wait_for(lambda: client.run_on_scheduler(tasks_of) == 1)
        (tmp_path / "go").touch()
        running.result()
        with pytest.raises(CancelledError):
            waiting.result()
        executor.submit(double, 1).result()
    assert not (tmp_path / "ran").exists()


def test_running_jobs_end_when_the_block_does(cluster: Cluster, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    with (  # noqa: PT012 - what is tested is the end of the block
        pytest.raises(KeyboardInterrupt),
        open_executor(DaskCluster(cluster.file), run) as executor,
    ):
        executor.submit(report_for_ever, tmp_path)
        wait_for(lambda: read_progress(run / "progress"))
        raise KeyboardInterrupt
    (run / "progress").unlink(missing_ok=True)
    run.rename(tmp_path / "over")
    wait_for((tmp_path / "stopped").exists)


@pytest.mark.skipif(sys.platform != "linux", reason="a path that every process sees differently")
def test_a_worker_without_the_files_is_refused_before_work(cluster: Cluster) -> None:
    with tempfile.TemporaryDirectory() as folder:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            with (
                pytest.raises(ClusterError, match=r"all workers need to read and write .*: tcp://"),
                open_executor(DaskCluster(cluster.file), Path(f"/proc/self/fd/{descriptor}")),
            ):
                raise AssertionError
        finally:
            os.close(descriptor)
        assert os.listdir(folder) == []  # noqa: PTH208


def test_a_worker_with_another_lerotool_is_named(tmp_path: Path) -> None:
    fake = tmp_path / "site" / "lerotool-0.0.1.dist-info"
    fake.mkdir(parents=True)
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: lerotool\nVersion: 0.0.1\n")
    with run_cluster(tmp_path, workers=0) as cluster:
        cluster.add_worker(PYTHONPATH=str(fake.parent))
        with (
            pytest.raises(ClusterError, match=r"all workers need lerotool .*tcp://.* has 0\.0\.1") as raised,
            open_executor(DaskCluster(cluster.file), tmp_path),
        ):
            raise AssertionError
        assert raised.value.hint


def test_a_worker_that_joins_later_is_asked_for_its_lerotool_too(tmp_path: Path) -> None:
    fake = tmp_path / "site" / "lerotool-0.0.1.dist-info"
    fake.mkdir(parents=True)
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: lerotool\nVersion: 0.0.1\n")
    with (
        run_cluster(tmp_path, workers=1) as cluster,
        open_executor(DaskCluster(cluster.file), tmp_path) as executor,
    ):
        first = executor.submit(sign_and_wait, tmp_path)
        wait_for(lambda: any(tmp_path.glob("worker-*")))
        cluster.add_worker(PYTHONPATH=str(fake.parent))
        with pytest.raises(ClusterError, match=r"a worker has lerotool 0\.0\.1"):
            executor.submit(double, 1).result(PATIENCE_S)
        (tmp_path / "go").touch()
        first.result()


@pytest.mark.parametrize(
    ("scheduler", "kind", "message"),
    [
        ("tcp://127.0.0.1:9", ClusterError, "no Dask scheduler answers at 'tcp://127.0.0.1:9'"),
        ("node17", UsageError, "'node17' is not the address of a Dask scheduler"),
        (Path("nowhere.json"), ClusterError, "no Dask scheduler file 'nowhere.json'"),
    ],
)
def test_a_scheduler_that_is_not_there_is_named(
    tmp_path: Path, scheduler: str | Path, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message), open_executor(DaskCluster(scheduler, wait_s=1), tmp_path):
        raise AssertionError


def test_a_cluster_without_workers_is_told(tmp_path: Path) -> None:
    with (
        run_cluster(tmp_path, workers=0) as cluster,
        pytest.raises(ClusterError, match="has no worker after 1 s"),
        open_executor(DaskCluster(cluster.file, wait_s=1), tmp_path),
    ):
        raise AssertionError


def test_the_logs_of_the_cluster_are_as_before(cluster: Cluster, tmp_path: Path) -> None:
    level = logging.getLogger("distributed").level
    with open_executor(DaskCluster(cluster.file), tmp_path):
        pass
    assert logging.getLogger("distributed").level == level
