"""What merging costs beside `cp -r`, the real LeRobot, and merging row by row, all in one run.

    .venv/bin/python scripts/benchmarks/merge.py [--lerobot PYTHON] [--quick] [--work FOLDER]

Before any figure is printed the results are compared: as many rows, episodes and pictures as the sources have, rows
equal to theirs. Ratios are taken side by side; the best of the repeats counts.
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
from typing import Any

import numpy as np
from merge_sources import FPS, encode_noise, make_v21, make_v30, make_v30_with_videos

from lerotool.benchmarking.peers import find_peer
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.build import sync_tree
from lerotool.features import Kind
from lerotool.media.join import join_videos
from lerotool.merging.options import MergeRequest, SourceArgument
from lerotool.merging.planning import make_plan
from lerotool.merging.reference import merge_episode

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
    shutil.rmtree(target, ignore_errors=True)
    began = time.perf_counter()
    subprocess.run(["cp", "-r", source, target], check=True)
    copied = time.perf_counter() - began
    sync_tree(target)
    return copied, time.perf_counter() - began


def merge_with_lerobot(python: Path, sources: Sequence[Path], target: Path) -> dict[str, Any]:
    """Merge with the real LeRobot."""
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        arguments: list[object] = [None, target, *sources]
        result: dict[str, Any] = find_peer(python).run("merge.py", Path(folder), arguments, lambda _: None)
    check_equal(sources, target)
    return result


def merge_row_by_row(sources: Sequence[Path], target: Path) -> float:
    """Merge v2.1 datasets the naive way; return seconds."""
    shutil.rmtree(target, ignore_errors=True)
    arguments = tuple(SourceArgument.parse(s) for s in sources)
    features = make_plan(MergeRequest(arguments, target)).features
    began = time.perf_counter()
    episode = index = 0
    for source in sources:
        dataset = Dataset.open(source)
        for number in range(dataset.num_episodes):
            index += merge_episode(dataset, number, episode, features, target, index)
            episode += 1
    return time.perf_counter() - began


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
        results["lerobot"] = {**peer, "times_pack": peer["wall_s"] / results["pack"]["wall_s"]}
    return results


def beside_copying(work: Path, folder: Path, sources: Sequence[Path], repeats: int) -> dict[str, Any]:
    """Measure all ways to merge and ``cp -r`` in turns, so that what else the machine does falls on all of them."""
    runs: dict[str, list[dict[str, float]]] = {}
    copies = []
    for _ in range(repeats):
        copies.append(copy_tree(folder, work / "copied"))
        for files in ("link", "keep", "pack"):
            runs.setdefault(files, []).append(merge(sources, work / files, files=files))
            shutil.rmtree(work / files)
    plain, synced = (min(times) for times in zip(*copies, strict=True))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    results: dict[str, Any] = {"datasets": len(sources), "mb": size / 1e6, "cp_s": plain, "cp_and_sync_s": synced}
    for files, found in runs.items():
        wall_s = min(run["wall_s"] for run in found)
        ratios = {"of_cp": wall_s / plain, "of_cp_and_sync": wall_s / synced}
        results[files] = {"wall_s": wall_s, **ratios, "peak_mb": max(run["peak_mb"] for run in found)}
    return results


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
    encode_noise(work / "small.mp4", 300, 48, 64, 60)
    sources = [work / "v21_14", work / "v21_18"]
    for source, width in zip(sources, (14, 18), strict=True):
        make_v21(source, episodes, 300, width, work / "small.mp4", 48, 64)
    naive = merge_row_by_row(sources, work / "naive")
    run = merge(sources, work / "padded", pad=True, to="v2.1")
    return {"episodes": 2 * episodes, "row_by_row_s": naive, **run, "times": naive / run["wall_s"]}


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
