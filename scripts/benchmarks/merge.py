"""What merging costs beside `cp -r`, the real LeRobot, and merging row by row, all in one run.

    .venv/bin/python scripts/benchmarks/merge.py [--lerobot PYTHON] [--quick] [--work FOLDER]

Before any figure is printed the results are compared: as many rows, episodes and pictures as the sources have, rows
equal to theirs. Every run begins with nothing left for the disk to write; "cold" runs also with sources that must be
read from it. Ratios are taken round by round, the median of the rounds counts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from merge_sources import FPS, encode_noise, make_v21, make_v30, make_v30_with_videos

from lerotool.benchmarking.bench import find_peer
from lerotool.benchmarking.rowwise import merge_row_by_row
from lerotool.dataset.dataset import Dataset
from lerotool.features import Kind
from lerotool.media.join import join_videos
from lerotool.rewriting.build import sync_tree

_CHILD = (
    "import json, resource, sys, time, lerotool; a = json.loads(sys.argv[1]); t = time.perf_counter();"
    "r = lerotool.merge(a['sources'], a['target'], **a['options']);"
    "peaks = [resource.getrusage(w).ru_maxrss / 1024 for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)];"
    "print(json.dumps({'wall_s': time.perf_counter() - t, 'peak_mb': max(peaks)}))"
)


def merge(sources: Sequence[Path], target: Path, **options: Any) -> dict[str, float]:
    """Merge in a process of its own; return seconds (without the interpreter's start) and the peak of its memory."""
    shutil.rmtree(target, ignore_errors=True)
    asked = json.dumps({"sources": [str(s) for s in sources], "target": str(target), "options": options})
    found = subprocess.run([sys.executable, "-c", _CHILD, asked], capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    check_equal(sources, target)
    return result


def check_equal(sources: Sequence[Path], target: Path) -> None:
    """Make sure that a merged dataset has the rows of its sources.

    Raises:
        SystemExit: it has not.
    """
    merged, start = Dataset.open(target), 0
    for source in sources:
        part = Dataset.open(source)
        stop = start + part.num_frames
        for name, feature in part.features.items():
            if feature.kind is Kind.NUMERIC and feature.shape != (1,):
                own, found = part.numpy(name), merged.numpy(name, start, stop)
                if not np.array_equal(own, found[:, : own.shape[1]]):
                    sys.exit(f"error: {target}: feature {name!r} is not that of {source}")
        start = stop
    if start != merged.num_frames or merged.numpy("index").tolist() != list(range(start)):
        sys.exit(f"error: {target} has {merged.num_frames} rows, expected {start}")


def copy_tree(source: Path, target: Path) -> tuple[float, float]:
    """Copy a folder with ``cp -r``; return seconds, and seconds until the copy is on the disk, as a merge is."""
    began = time.perf_counter()
    subprocess.run(["cp", "-r", source, target], check=True)
    copied = time.perf_counter() - began
    sync_tree(target)
    return copied, time.perf_counter() - began


def settle(folder: Path, target: Path, *, cold: bool) -> None:
    """Remove the last result and let the disk come to rest; ``cold`` drops the sources from memory."""
    shutil.rmtree(target, ignore_errors=True)
    os.sync()
    for path in folder.rglob("*") if cold else ():
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def merge_with_lerobot(python: Path, sources: Sequence[Path], target: Path) -> dict[str, Any]:
    """Merge with the real LeRobot."""
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        request = {"sources": sources, "target": target}
        result = find_peer(python).run("merge", Path(folder), request, lambda _: None)
    check_equal(sources, target)
    return result


def files_case(work: Path, lerobot: Path | None, *, quick: bool) -> dict[str, Any]:
    """Many v3.0 datasets with two cameras, 15 MB each."""
    count, frames = (6, 60) if quick else (60, 180)
    clips = {name: work / f"{name}.mp4" for name in ("front", "wrist")}
    for clip in clips.values():
        encode_noise(clip, frames, 240, 320, 200)
    make_v30_with_videos(work / "base", 4, frames // 4, clips, 240, 320)
    sources = [work / "files" / f"{number:02d}" for number in range(count)]
    for source in sources:
        shutil.copytree(work / "base", source)
    results = beside_copying(work, work / "files", sources, 1 if quick else 3)
    if lerobot is not None:
        peer = merge_with_lerobot(lerobot, sources, work / "lerobot")
        results["lerobot"] = {**peer, "times_pack": peer["wall_s"] / results["warm"]["pack_s"]}
    return results


def beside_copying(work: Path, folder: Path, sources: Sequence[Path], repeats: int) -> dict[str, Any]:
    """Measure all ways to merge and ``cp -r`` in turns, so that what else the machine does falls on all of them."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    results: dict[str, Any] = {"datasets": len(sources), "mb": size / 1e6}
    for name, cold in (("warm", False), ("cold", True)):
        rounds = [_round(work, folder, sources, cold=cold) for _ in range(repeats)]
        results[name] = {key: median(found[key] for found in rounds) for key in rounds[0]}
    return results


def _round(work: Path, folder: Path, sources: Sequence[Path], *, cold: bool) -> dict[str, float]:
    settle(folder, work / "copied", cold=cold)
    plain, synced = copy_tree(folder, work / "copied")
    shutil.rmtree(work / "copied")
    found = {"cp_s": plain, "cp_and_sync_s": synced}
    for files in ("link", "keep", "pack"):
        settle(folder, work / files, cold=cold)
        run = merge(sources, work / files, files=files)
        found |= {f"{files}_s": run["wall_s"], f"{files}_peak_mb": run["peak_mb"]}
        found |= {f"{files}_of_cp": run["wall_s"] / plain, f"{files}_of_cp_and_sync": run["wall_s"] / synced}
        shutil.rmtree(work / files)
    return found


def large_case(work: Path, *, quick: bool) -> dict[str, Any]:
    """Few datasets of 150 MB each: fixed costs, such as imports, count for less."""
    count, times = (2, 2) if quick else (20, 10)
    clips = {}
    for name in ("front", "wrist"):
        clips[name] = work / f"large_{name}.mp4"
        frames = sum(join_videos([work / f"{name}.mp4"] * times, clips[name], FPS))
    make_v30_with_videos(work / "large_base", 10, frames // 10, clips, 240, 320)
    sources = [work / "large" / f"{number:02d}" for number in range(count)]
    for source in sources:
        shutil.copytree(work / "large_base", source)
    found = beside_copying(work, work / "large", sources, 1 if quick else 3)
    shutil.rmtree(work / "large")
    return found


def padding_case(work: Path, *, quick: bool) -> dict[str, Any]:
    """Two v2.1 datasets of 14 and 18 dimensions, one small video per episode."""
    episodes = 30 if quick else 500
    encode_noise(work / "small.mp4", 300, 48, 64, 6)
    folder, naive = work / "v21", work / "naive"
    sources = [folder / "v21_14", folder / "v21_18"]
    for source, width in zip(sources, (14, 18), strict=True):
        make_v21(source, episodes, 300, width, work / "small.mp4", 48, 64)
    settle(folder, work / "copied", cold=False)
    copied, _ = copy_tree(folder, work / "copied")
    settle(folder, naive, cold=False)
    began = time.perf_counter()
    merge_row_by_row(sources, naive, lambda _: None)
    naive_s = time.perf_counter() - began
    settle(folder, work / "padded", cold=False)
    run = merge(sources, work / "padded", pad=True, to="v2.1")
    times = naive_s / run["wall_s"]
    return {"episodes": 2 * episodes, "cp_s": copied, "row_by_row_s": naive_s, **run, "times": times}


def many_case(work: Path, *, quick: bool) -> dict[str, Any]:
    """Very many datasets of one episode."""
    count = 50 if quick else 1000
    make_v30(work / "single", 1, 300)
    sources = [work / "many" / f"{number:04d}" for number in range(count)]
    for source in sources:
        shutil.copytree(work / "single", source)
    return {"datasets": count, **merge(sources, work / "of_many")}


def long_case(work: Path, *, quick: bool) -> dict[str, Any]:
    """One dataset of very many episodes, without pictures."""
    episodes = 2000 if quick else 100_000
    make_v30(work / "long", episodes, 50, files=20)
    return {"episodes": episodes, **merge([work / "long"], work / "of_long")}


def main() -> None:
    """Run all cases and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lerobot", type=Path, help="an interpreter that has LeRobot")
    parser.add_argument("--quick", action="store_true", help="small data, once")
    parser.add_argument("--work", type=Path, help="a folder on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lerotool-merge-", dir=options.work) as folder:
        work = Path(folder)
        results = {
            "machine": {"platform": platform.platform(), "cores": os.cpu_count(), "load": os.getloadavg()},
            "files": files_case(work, options.lerobot, quick=options.quick),
            "large": large_case(work, quick=options.quick),
            "padding": padding_case(work, quick=options.quick),
            "many": many_case(work, quick=options.quick),
            "long": long_case(work, quick=options.quick),
        }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
