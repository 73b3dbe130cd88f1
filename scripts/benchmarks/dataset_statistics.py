"""What statistics cost: values a second of one core, memory, and the same work by numpy and by the real LeRobot.

    .venv/bin/python scripts/benchmarks/dataset_statistics.py [--quick] [--lerobot PYTHON] [--json FILE]

One run, one machine. Before any figure is printed the results are compared: with numpy's exactly, with LeRobot's within
the bound that its histograms imply.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from statistics_sets import write_joints, write_repeated

from lerotool import DatasetWriter
from lerotool.benchmarking.clips import make_pictures
from lerotool.dataset.dataset import Dataset
from lerotool.execution import ThisMachine
from lerotool.findings import Code
from lerotool.moments import QUANTILES
from lerotool.statistics.measure import Selection, measured, workers
from lerotool.statistics.rewrite import rewrite
from lerotool.statistics.tolerance import Scale
from lerotool.statistics.verify import verify

JOINTS, EPISODE = 14, 300
COLUMNS_ONLY = Selection(sampling=None)
CAMERA = "observation.images.front"
MANY = 2**40
_ASKER = "import subprocess, sys; subprocess.run(sys.argv[1:], check=True)"
"""A small process between: one that is started by a large process counts the memory of that as its own."""


def measure_columns(root: Path) -> dict[str, Any]:
    """Measure all columns in this process, and the same with numpy on columns that are in memory already."""
    dataset = Dataset.open(root)
    began = time.perf_counter(), time.process_time()
    with measured(dataset, COLUMNS_ONLY) as measurement:
        wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
        columns = {name: dataset.numpy(name) for name in measurement.features}
        values = sum(column.size for column in columns.values())
        began_numpy = time.perf_counter()
        for name, column in columns.items():
            if name != "timestamp":
                check_equal(name, column, measurement.features[name].stats)
        numpy_s = time.perf_counter() - began_numpy
    copied = np.concatenate([column.astype(np.float32).ravel() for column in columns.values()])
    began_copy = time.perf_counter()
    copied.sum()
    return {
        "values": values,
        "values_per_s": values / wall,
        "values_per_cpu_s": values / cpu,
        "numpy_values_per_s": values / numpy_s,
        "memory_values_per_s": copied.size / (time.perf_counter() - began_copy),
    }


def check_equal(name: str, column: np.ndarray, stats: Any) -> None:
    """Take a column's statistics with numpy and stop where ours differ."""
    rows = column.reshape(len(column), -1).astype(np.float64)
    quantiles = np.quantile(rows, list(QUANTILES.values()), axis=0)
    pairs = [
        (stats.min, rows.min(axis=0)),
        (stats.max, rows.max(axis=0)),
        *zip(stats.quantiles.values(), quantiles, strict=True),
    ]
    if any(not np.array_equal(ours, theirs) for ours, theirs in pairs):
        sys.exit(f"error: {name}: quantiles or extremes are not numpy's; no figures")
    scale = np.abs(rows).max()
    for ours, theirs in ((stats.mean, rows.mean(axis=0)), (stats.std, rows.std(axis=0))):
        if np.abs(ours - theirs).max() > 1e-12 * scale:
            sys.exit(f"error: {name}: mean or std differ from numpy's; no figures")


def measure_memory(work: Path, sizes: list[int]) -> list[dict[str, Any]]:
    """Measure datasets of growing size, each in a process of its own, and return the memory it took at most."""
    found = []
    for rows in sizes:
        root = work / f"rows-{rows}"
        write_repeated(root, rows, 1000)
        output = subprocess.run(
            [sys.executable, "-c", _ASKER, sys.executable, __file__, "--measure", str(root)],
            capture_output=True,
            text=True,
            check=True,
        )
        found.append({"rows": rows, **json.loads(output.stdout)})
    return found


def measure_here(root: Path) -> None:
    """Be the process of `measure_memory`."""
    began = time.perf_counter()
    with measured(Dataset.open(root), COLUMNS_ONLY):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"peak_mb": peak, "wall_s": time.perf_counter() - began}))


def measure_rewriting(root: Path, python: Path) -> dict[str, Any]:
    """Recompute statistics beside LeRobot's recompute_stats, on the same dataset."""
    peer = run_peer(python, "columns", root)
    findings = verify(Dataset.open(root), COLUMNS_ONLY).findings
    # LeRobot recomputes only some columns, and none of the episodes; what it computes must be right.
    stale = [f.text for f in findings if f.place.file == "meta/stats.json" and f.code is Code.STATS_STALE]
    if stale:
        sys.exit(f"error: LeRobot's statistics differ by more than its histograms imply: {stale[0]}; no figures")
    dataset = Dataset.open(root)
    began = time.perf_counter()
    with workers(dataset, COLUMNS_ONLY, ThisMachine(os.cpu_count())) as executor:
        rewrite(dataset, COLUMNS_ONLY, executor)
    all_cores = time.perf_counter() - began
    began = time.perf_counter()
    rewrite(dataset, COLUMNS_ONLY)
    return {
        "version": peer["version"],
        "lerobot_s": peer["wall_s"],
        "one_core_s": time.perf_counter() - began,
        "all_cores_s": all_cores,
    }


def write_video_set(root: Path, episodes: int, length: int) -> None:
    """Record pictures as a camera gives them and encode them."""
    pictures = make_pictures(length, 0)
    height, width = pictures.shape[1:3]
    features = {
        "observation.state": {"dtype": "float32", "shape": (2,), "names": ["a", "b"]},
        CAMERA: {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]},
    }
    with DatasetWriter.create(root, fps=30, features=features) as writer:
        for _ in range(episodes):
            for number, picture in enumerate(pictures):
                state = np.full(2, number, np.float32)
                writer.add_frame({"observation.state": state, CAMERA: picture}, task="benchmark")
            writer.save_episode()


def measure_pictures(root: Path, python: Path | None) -> dict[str, Any]:
    """Measure a camera by LeRobot's sampling rule, beside LeRobot's own parts put together."""
    dataset, selection = Dataset.open(root), Selection((CAMERA,))
    began = time.perf_counter()
    with (
        workers(dataset, selection, ThisMachine(os.cpu_count())) as executor,
        measured(dataset, selection, executor) as found,
    ):
        found_s = time.perf_counter() - began
        stats = found.features[CAMERA].stats
    result: dict[str, Any] = {"frames": dataset.num_frames, "wall_s": found_s}
    if python is not None:
        peer = run_peer(python, "pictures", root)
        scale = Scale(stats.min, stats.max, stats.std, np.array([[MANY]]))  # LeRobot sums millions of pixels in float32
        for name in ("mean", "std"):
            difference = np.abs(np.array(peer["stats"][CAMERA][name]) - getattr(stats, name))
            if (difference > scale.tolerance(name)).any():
                sys.exit(f"error: {name} of pictures differs from LeRobot's by {difference.max():.4f}; no figures")
        result["lerobot_s"] = peer["wall_s"]
    return result


def run_peer(python: Path, kind: str, root: Path) -> dict[str, Any]:
    """Run the real LeRobot and return what it printed."""
    peer = Path(__file__).with_name("statistics_peer.py")
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": cache}
        finished = subprocess.run(
            [python, peer, kind, root], capture_output=True, text=True, check=False, env=environment
        )
    if finished.returncode:
        sys.exit(f"error: {peer.name} failed:\n{finished.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return found


def show(results: dict[str, Any]) -> None:
    """Print the figures."""
    print(f"{results['machine']}{', --quick' if results['quick'] else ''}")
    columns = results["columns"]
    rows = [
        ("columns, from parquet, one core", f"{columns['values_per_s'] / 1e6:.1f} M values/s", "target >= 10 M"),
        ("  the same per second of CPU", f"{columns['values_per_cpu_s'] / 1e6:.1f} M values/s", ""),
        ("  numpy on columns in memory, whole set only", f"{columns['numpy_values_per_s'] / 1e6:.1f} M values/s", ""),
        ("  limit: one sum over float32 in memory", f"{columns['memory_values_per_s'] / 1e6:.0f} M values/s", ""),
    ]
    rows += [
        (f"memory, {entry['rows'] / 1e6:g} M rows", f"{entry['peak_mb']:.0f} MB", f"{entry['wall_s']:.1f} s")
        for entry in results["memory"]
    ]
    pictures = results["pictures"]
    rows.append((f"pictures, {pictures['frames']} frames 640x480, all cores", f"{pictures['wall_s']:.2f} s", ""))
    if peer := results.get("rewriting"):
        label = f"LeRobot {peer['version']}"
        ratio = peer["lerobot_s"] / peer["one_core_s"]
        rows += [
            ("columns, with writing, one core", f"{peer['one_core_s']:.2f} s", ""),
            ("columns, with writing, all cores", f"{peer['all_cores_s']:.2f} s", ""),
            (f"{label} recompute_stats", f"{peer['lerobot_s']:.2f} s", f"lerotool, one core: {ratio:.0f} x"),
            (
                f"{label}'s parts on the pictures",
                f"{pictures['lerobot_s']:.2f} s",
                f"lerotool: {pictures['lerobot_s'] / pictures['wall_s']:.1f} x",
            ),
        ]
    for name, value, note in rows:
        print(f"  {name:46s} {value:>20s}   {note}")


def main() -> None:
    """Measure, check that results agree, print."""
    parser = argparse.ArgumentParser(description="What statistics cost.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    parser.add_argument("--lerobot", type=Path, metavar="PYTHON", help="an interpreter that has the real LeRobot")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure_here(options.measure)
        return
    part = 10 if options.quick else 1
    with tempfile.TemporaryDirectory(prefix="lerotool-benchmark-") as folder:
        work = Path(folder)
        write_joints(work / "large", 1_000_200 // part // EPISODE * EPISODE, JOINTS, EPISODE)
        write_video_set(work / "video", 2, 300 // part)
        results: dict[str, Any] = {
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "quick": options.quick,
            "columns": measure_columns(work / "large"),
            "memory": measure_memory(work, [10**6 // part, 10**7 // part, 10**8 // part]),
            "pictures": measure_pictures(work / "video", options.lerobot),
        }
        if options.lerobot:
            write_joints(work / "peer", 300_000 // part, JOINTS, EPISODE)
            results["rewriting"] = measure_rewriting(work / "peer", options.lerobot)
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
