"""What an edit costs beside `cp -r` and LeRobot's `lerobot-edit-dataset`, whole commands as they are typed.

    .venv/bin/python scripts/benchmarks/edit.py [--lerobot PYTHON] [--quick] [--work FOLDER]

One dataset of 120 episodes with two cameras (260 MB), and the same with videos of 3.3 GB. Before any
figure is printed the results are compared: LeRobot's and lerotool's have the same episodes, rows and tasks, lerotool's
videos are those of the source, and LeRobot's pictures, some of which it encodes again, are the same ones. Each run has
a fresh copy, with nothing left for the disk to write. Of several rounds the median counts; LeRobot runs once.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from merge_sources import FPS, encode_noise, make_v30_with_videos

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.media.decode import iter_rgb
from lerotool.media.join import join_videos
from lerotool.rewriting.build import sync_tree

HEIGHT, WIDTH = 240, 320
SOURCES = 10
"""The dataset is made of so many smaller ones, so that its files are as large as LeRobot lets them get."""
SIZES = {"260 MB": 24, "videos of 3.3 GB": 255}
"""How much noise there is in the pictures; it makes the videos as large as they are."""
TASK = "Put it away."


@dataclass(frozen=True, slots=True)
class Case:
    """One edit: the arguments of lerotool, with SET for the dataset, and of LeRobot's command, None where it has none.

    ``results`` are the datasets that there are then, as they are called behind the name of the set.
    """

    name: str
    own: tuple[str, ...]
    peer: tuple[str, ...] | None
    results: tuple[str, ...] = ("",)


CASES = (
    Case(
        "delete",
        ("delete", "SET", "3,7-9"),
        ("--operation.type=delete_episodes", "--operation.episode_indices=[3,7,8,9]", "--new_root=SET"),
    ),
    Case("trim 2 episodes", ("trim", "SET", "--first", "10", "--last", "5", "--episodes", "3,7"), None),
    Case(
        "split",
        ("split", "SET", "train=0.8", "val=0.2"),
        ("--operation.type=split", '--operation.splits={"train": 0.8, "val": 0.2}', "--new_root=SET-parts"),
        ("-train", "-val"),
    ),
    Case("tasks", ("task", "SET", TASK), ("--operation.type=modify_tasks", f"--operation.new_task={TASK}")),
    Case(
        "remove a camera",
        ("drop", "SET", "observation.images.wrist"),
        ("--operation.type=remove_feature", "--operation.feature_names=['observation.images.wrist']", "--new_root=SET"),
    ),
    Case("repack", ("repack", "SET"), None),
)


def make_set(work: Path, strength: int, *, quick: bool) -> Path:
    """Make the dataset; packets of a few pictures are copied again and again."""
    episodes, length = (4, 30) if quick else (12, 300)
    clips = {}
    for name in ("front", "wrist"):
        short, clips[name] = work / f"{name}-short.mp4", work / f"{name}.mp4"
        encode_noise(short, min(length, 120), HEIGHT, WIDTH, strength)
        times = -(-episodes * length // min(length, 120))
        join_videos([short] * times, clips[name], FPS)
    make_v30_with_videos(work / "part", episodes, length, clips, HEIGHT, WIDTH)
    lerotool.merge([work / "part"] * SOURCES, work / "set")
    return work / "set"


def run(command: Sequence[str | Path], work: Path) -> float:
    """Run a command with its modules compiled, and nothing from the network; return its seconds."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(work / "bytecode"), "HF_HUB_OFFLINE": "1", "HF_HOME": str(work / "hub")}
    began = time.perf_counter()
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - began
    if finished.returncode:
        sys.exit(f"error: {' '.join(map(str, command))}: {finished.stdout[-2000:]}{finished.stderr[-2000:]}")
    return taken


def fresh(source: Path, target: Path) -> tuple[float, float]:
    """Copy the dataset with ``cp -r``; return seconds, and seconds until it is on the disk."""
    for path in target.parent.glob(f"{target.name}*"):
        shutil.rmtree(path)
    os.sync()
    began = time.perf_counter()
    subprocess.run(["cp", "-r", source, target], check=True)
    copied = time.perf_counter() - began
    sync_tree(target)
    return copied, time.perf_counter() - began


def edited(case: Case, root: Path, work: Path) -> float:
    """Edit with lerotool; return its seconds."""
    words = [str(root) if word == "SET" else word for word in case.own]
    return run([Path(sys.executable).with_name("lerotool"), "edit", *words], work)


def edited_by_lerobot(case: Case, root: Path, python: Path, work: Path) -> float:
    """Edit with LeRobot, and give its results the names that lerotool's have; return its seconds."""
    words = [word.replace("SET", str(root)) for word in case.peer or ()]
    command: list[str | Path] = [
        python.with_name("lerobot-edit-dataset"),
        "--repo_id=local/set",
        f"--root={root}",
        *words,
    ]
    taken = run(command, work)
    for name in case.results:
        parts = root.with_name(f"{root.name}-parts")
        if name and parts.is_dir():
            (parts / name.removeprefix("-")).rename(root.with_name(root.name + name))
    return taken


def check_equal(case: Case, own: Path, peer: Path) -> None:
    """Make sure that both results have the same episodes, rows, tasks and pictures.

    Raises:
        SystemExit: they have not.
    """
    for name in case.results:
        one, other = Dataset.open(own.with_name(own.name + name)), Dataset.open(peer.with_name(peer.name + name))
        for feature in ("action", "observation.state", "index", "episode_index", "frame_index"):
            if not np.array_equal(one.numpy(feature), other.numpy(feature)):
                sys.exit(f"error: {case.name}{name}: {feature!r} differs")
        if [e.tasks for e in one.episodes] != [e.tasks for e in other.episodes]:
            sys.exit(f"error: {case.name}{name}: tasks differ")
        cameras = [feature for feature in one.features if one.features[feature].is_camera]
        if cameras != [feature for feature in other.features if other.features[feature].is_camera]:
            sys.exit(f"error: {case.name}{name}: cameras differ")
        for camera in cameras:
            _check_pictures(case, one, other, camera)


def _check_pictures(case: Case, one: Dataset, other: Dataset, camera: str) -> None:
    for number in (0, one.num_episodes // 2, one.num_episodes - 1):
        frames = min(4, one.episodes[number].length)
        first, second = (_pictures(dataset, number, camera, frames) for dataset in (one, other))
        same, shifted = np.abs(first - second).mean(), np.abs(first[1:] - second[:-1]).mean()
        if same > shifted / 2:
            sys.exit(f"error: {case.name}: pictures of {camera!r} in episode {number} differ by {same:.1f} levels")


def _pictures(dataset: Dataset, number: int, camera: str, frames: int) -> np.ndarray:
    span = dataset.episodes[number].videos[camera]
    return np.stack([*iter_rgb(span.path, span.start_frame, span.start_frame + frames, dataset.fps)]).astype(float)


def check_kept(case: Case, source: Path, root: Path) -> None:
    """Make sure that what an edit has left is sound, and that videos which should not move are what they were.

    Raises:
        SystemExit: it is not.
    """
    for name in case.results:
        if not lerotool.check(root.with_name(root.name + name)).is_sound:
            sys.exit(f"error: {case.name}{name}: lerotool check finds something wrong")
    moves = case.name in ("split", "repack")
    for path in [] if moves else sorted((root / "videos").rglob("*.mp4")):
        if not filecmp.cmp(path, source / path.relative_to(root), shallow=False):
            sys.exit(f"error: {case.name}: {path} has changed")


def measure(case: Case, source: Path, work: Path, lerobot: Path | None, rounds: int) -> dict[str, Any]:
    """Measure one edit."""
    own, peer = work / "own", work / "peer"
    times: dict[str, list[float]] = {"edit_s": [], "cp_s": [], "cp_and_sync_s": []}
    for _ in range(rounds):
        plain, synced = fresh(source, own)
        times["cp_s"].append(plain)
        times["cp_and_sync_s"].append(synced)
        if case.name == "repack":
            lerotool.edit(own, lerotool.DeleteEpisodes("3"))
        times["edit_s"].append(edited(case, own, work))
    found: dict[str, Any] = {name: median(each) for name, each in times.items()}
    found["of_cp"] = found["edit_s"] / found["cp_s"]
    check_kept(case, source, own)
    if case.peer is not None and lerobot is not None:
        fresh(source, peer)
        found["lerobot_s"] = edited_by_lerobot(case, peer, lerobot, work)
        check_equal(case, own, peer)
        found["times_faster"] = found["lerobot_s"] / found["edit_s"]
    for path in (*work.glob("own*"), *work.glob("peer*")):
        shutil.rmtree(path)
    return found


def main() -> None:
    """Run all cases and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lerobot", type=Path, help="an interpreter that has LeRobot")
    parser.add_argument("--quick", action="store_true", help="small data, once")
    parser.add_argument("--work", type=Path, help="a folder on the disk to measure")
    options = parser.parse_args()
    results: dict[str, Any] = {
        "machine": {"platform": platform.platform(), "cores": os.cpu_count(), "load": os.getloadavg()}
    }
    for size, strength in SIZES.items():
        with tempfile.TemporaryDirectory(prefix="lerotool-edit-", dir=options.work) as folder:
            work = Path(folder)
            source = make_set(work, strength, quick=options.quick)
            fresh(source, work / "own")
            edited(CASES[0], work / "own", work)  # compiles the modules
            if options.lerobot is not None:
                run([options.lerobot.with_name("lerobot-edit-dataset"), "--help"], work)
            dataset, rounds = Dataset.open(source), 1 if options.quick else 3
            results[size] = {
                "episodes": dataset.num_episodes,
                "frames": dataset.num_frames,
                "mb": sum(path.stat().st_size for path in source.rglob("*") if path.is_file()) / 1e6,
                **{case.name: measure(case, source, work, options.lerobot, rounds) for case in CASES},
            }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
