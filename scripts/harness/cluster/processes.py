"""A real scheduler and real workers, processes on the loopback interface or other hosts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_SCRIPTS = Path(__file__).parents[2]
_CLONE = _SCRIPTS.parent
_HTTP = ["--no-dashboard", "--dashboard-address", "127.0.0.1:0"]


@dataclass(frozen=True)
class Host:
    """Where a process of a cluster runs: its address, and the command that starts others there."""

    address: str
    command: tuple[str, ...] = ()


LOOPBACK = Host("127.0.0.1")


@dataclass
class Cluster:
    """A scheduler and its workers; workers are ended with `subprocess.Popen.kill`."""

    scheduler: subprocess.Popen[bytes]
    file: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_worker(self, host: Host = LOOPBACK, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker of one thread."""
        where = ["--scheduler-file", str(self.file), "--host", host.address]
        worker = _start(host, ["worker", *where, "--nthreads", "1", "--no-nanny", *_HTTP], environment)
        self.workers.append(worker)
        return worker


@contextmanager
def run_cluster(folder: Path, workers: int = 0, hosts: Sequence[Host] | None = None) -> Iterator[Cluster]:
    """Run a cluster whose scheduler file lies in ``folder``; ``hosts`` are the scheduler's and those of the workers."""
    file = folder / "scheduler.json"
    first, *others = hosts or [LOOPBACK] * (workers + 1)
    where = ["--host", first.address, "--port", "0", "--scheduler-file", str(file)]
    cluster = Cluster(_start(first, ["scheduler", *where, *_HTTP], {}), file)
    try:
        _wait_for(cluster)
        for host in others:
            cluster.add_worker(host)
        yield cluster
    finally:
        for process in (*cluster.workers, cluster.scheduler):
            process.kill()
            process.wait()


def _wait_for(cluster: Cluster) -> None:
    """Wait until the scheduler has written its file."""
    while not (cluster.file.exists() and cluster.file.stat().st_size):
        if (code := cluster.scheduler.poll()) is not None:
            raise ChildProcessError(f"the scheduler ended at once, with {code}")
        time.sleep(0.01)


def _start(host: Host, arguments: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # So that workers find functions of tests, and what these import.
    paths = [*filter(None, [environment.get("PYTHONPATH")]), str(_CLONE), str(_SCRIPTS)]
    return subprocess.Popen(
        [*host.command, sys.executable, "-m", "dask", *arguments],
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=_CLONE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
