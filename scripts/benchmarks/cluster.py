"""How commands grow on a Dask cluster of two hosts, beside the same commands on this machine.

    sudo .venv/bin/python scripts/benchmarks/cluster.py [--most EPISODES] [--work FOLDER]

Scheduler and workers, of one thread each, are in network namespaces of Linux, joined by a bridge, so everything but the
files goes over a network; they share the cores of this machine, so what is seen is what a cluster costs, not what it
gains. Datasets are those of scale.py. What the cluster merges is compared with what this machine merges, byte for
byte, before any figure is printed. Prints a table of docs/scale.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from scale import PART, STEP, Cost, make_part, measure, sizes_up_to, table

from harness.cluster import run_cluster, run_network

COMMANDS = {
    "check": ("check", "SET"),
    "stats --verify --skip-images": ("stats", "SET", "--verify", "--skip-images"),
}


def contents(root: Path) -> dict[str, bytes]:
    """Return what a dataset's own files hold, by path."""
    paths = (path for part in ("data", "meta", "videos") for path in (root / part).rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def measure_set(work: Path, part: Path, episodes: int, scheduler: Path) -> dict[str, Cost]:
    """Make a set of so many episodes here and on the cluster, and run commands on it in both ways."""
    here, there = work / "here", work / "there"
    sources, cluster = [part] * (episodes // PART), ("--dask-scheduler-file", scheduler)
    found = {
        "merge": measure(["merge", *sources, "-o", here, "--quiet"]),
        "merge, on the cluster": measure(["merge", *sources, "-o", there, "--quiet", *cluster]),
    }
    if contents(here) != contents(there):
        raise SystemExit(f"error: the cluster made another dataset of {episodes} episodes than this machine")
    for name, words in COMMANDS.items():
        command = [str(there) if word == "SET" else word for word in words]
        found[name] = measure(command)
        found[f"{name}, on the cluster"] = measure([*command, *cluster])
    for root in (here, there):
        shutil.rmtree(root)
    return found


def main() -> None:
    """Measure all sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=PART * STEP**2, metavar="EPISODES", help="of the largest set")
    parser.add_argument("--work", type=Path, help="a folder on the disk to measure")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="lerotool-cluster-", dir=options.work) as folder,
        run_network(hosts=3) as hosts,
        run_cluster(Path(folder), hosts=hosts) as cluster,
    ):
        work = Path(folder)
        part = make_part(work)
        found = {size: measure_set(work, part, size, cluster.file) for size in sizes_up_to(options.most)}
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, two workers\n")
    print(table(found))


if __name__ == "__main__":
    main()
