"""What one script costs with LeRobot's LeRobotDataset and with lerotool's, and what `kill -9` leaves of it.

    .venv/bin/python scripts/benchmarks/lerobot_scripts.py --lerobot PYTHON [--episodes N] [--seconds S]

The script converts as fast as it can: two cameras, 640x480 at 30/s, from arrays. The runs differ by its import and by
the options of `create`. Before any figure is printed the results are compared: the real LeRobot loads each, with as
many episodes and frames, the same numbers in the rows, the right picture in each of the frames that are looked at, and
pictures as close to the source. Then each run is killed in the middle of its fourth episode, and what LeRobot loads
afterwards is counted: as it is, and after `lerotool encode --pending --salvage`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from record_and_encode import CAMERAS, FPS, PSNR_TOLERANCE_DB, Cost, lerotool, mean_psnr, prepare, run_measured

KILLED_IN = 3
"""The fourth episode."""
NEVER = -1
UNTOUCHED_S = 61
"""What LeRobot has written in the last minute may be somebody's who still records; lerotool leaves it alone."""

SCRIPT = """
import json, os, signal, sys
from pathlib import Path
import numpy as np

def main():
    folder, root, options = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    episodes, killed_in = int(sys.argv[4]), int(sys.argv[5])
    cameras = {f"observation.images.{path.stem}": np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}
    height, width = next(iter(cameras.values())).shape[1:3]
    vector = {"dtype": "float32", "shape": (6,), "names": [f"joint{n}.pos" for n in range(6)]}
    video = {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]}
    features = {"action": vector, "observation.state": vector, **dict.fromkeys(cameras, video)}
    dataset = LeRobotDataset.create(
        "benchmark/script", 30, root=root, features=features, image_writer_threads=4 * len(cameras), **options
    )
    with VideoEncodingManager(dataset):
        for episode in range(episodes):
            rows = len(next(iter(cameras.values())))
            for row in range(rows):
                if episode == killed_in and row == rows // 2:
                    os.kill(os.getpid(), signal.SIGKILL)
                state = np.full(6, row, np.float32)
                pictures = {name: np.array(frames[row]) for name, frames in cameras.items()}
                dataset.add_frame({"observation.state": state, "action": state, **pictures, "task": "benchmark"})
            dataset.save_episode()

if __name__ == "__main__":
    main()
"""
FROM_LEROBOT = (
    "from lerobot.datasets.lerobot_dataset import LeRobotDataset\n"
    "from lerobot.datasets.video_utils import VideoEncodingManager\n"
)
FROM_LEROTOOL = "from lerotool.lerobot import LeRobotDataset, VideoEncodingManager\n"

LOAD = """
import json, sys
from lerobot.datasets.lerobot_dataset import LeRobotDataset
dataset = LeRobotDataset("benchmark/script", root=sys.argv[1])
rows = dataset.hf_dataset.with_format("numpy")
print(json.dumps({
    "episodes": dataset.num_episodes, "frames": dataset.num_frames, "sum": float(sum(rows["action"][:].sum(axis=1))),
    "last": int(dataset[dataset.num_frames - 1]["frame_index"]),
}))
"""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run the script: which classes, and which options of ``create``."""

    name: str
    python: Path
    imports: str
    options: Mapping[str, Any]

    def run(self, work: Path, root: Path, episodes: int, killed_in: int = NEVER) -> list[str | Path]:
        """Return the command; the script is written for it."""
        script = work / f"{self.name.replace(' ', '_')}.py"
        script.write_text(self.imports + SCRIPT)
        return [self.python, script, work, root, json.dumps(self.options), str(episodes), str(killed_in)]


@dataclass(frozen=True, slots=True)
class Left:
    """What a killed run left: episodes that LeRobot loads at once, after lerotool's rescue, and rows after it."""

    at_once: int
    rescued: int
    rows: int


def ways(lerobot: Path) -> list[Way]:
    """Return LeRobot's three ways and lerotool's two."""
    ours, ten = Path(sys.executable), {"batch_encoding_size": 10}
    return [
        Way("LeRobot immediate", lerobot, FROM_LEROBOT, {}),
        Way("LeRobot batch 10", lerobot, FROM_LEROBOT, ten),
        Way("LeRobot streaming", lerobot, FROM_LEROBOT, {"streaming_encoding": True}),
        Way("lerotool batch 1", ours, FROM_LEROTOOL, {}),
        Way("lerotool batch 10", ours, FROM_LEROTOOL, ten),
    ]


def load(lerobot: Path, root: Path) -> dict[str, Any] | None:
    """Return what the real LeRobot finds in a dataset; None where it refuses it."""
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    command = [str(lerobot), "-c", LOAD, str(root)]
    ended = subprocess.run(command, env=offline, capture_output=True, text=True, check=False)
    found: dict[str, Any] | None = json.loads(ended.stdout.splitlines()[-1]) if ended.returncode == 0 else None
    return found


def measure(way: Way, lerobot: Path, work: Path, episodes: int, rows: int) -> tuple[Cost | None, float]:
    """Run the script to its end and return its cost and the pictures' PSNR; no cost where it fails by itself."""
    root = work / f"whole {way.name}"
    try:
        cost = run_measured(way.run(work, root, episodes))
    except SystemExit as failure:
        print(f"{way.name} fails: {str(failure).strip().splitlines()[-1]}")
        return None, 0.0
    expected = {
        "episodes": episodes,
        "frames": episodes * rows,
        "sum": float(6 * episodes * sum(range(rows))),
        "last": rows - 1,
    }
    if (found := load(lerobot, root)) != expected:
        sys.exit(f"error: LeRobot finds {found} in what {way.name} wrote, not {expected}; no figures")
    return cost, mean_psnr(root, work)


def kill(way: Way, lerobot: Path, work: Path) -> Left:
    """Kill the script in its fourth episode and count what is left."""
    root = work / f"killed {way.name}"
    ended = subprocess.run(
        [str(word) for word in way.run(work, root, KILLED_IN + 1, KILLED_IN)],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if ended.returncode != -signal.SIGKILL:
        sys.exit(f"error: {way.name} ended with {ended.returncode} before it was killed; no figures")
    before = load(lerobot, root)
    if way.python == lerobot:
        time.sleep(UNTOUCHED_S)
    try:
        lerotool("encode", "--pending", "--salvage", root)
    except SystemExit as failure:
        print(f"{way.name}, killed: {str(failure).strip().splitlines()[-1]}")
    after = load(lerobot, root)
    return Left((before or {}).get("episodes", 0), (after or {}).get("episodes", 0), (after or {}).get("frames", 0))


def main() -> None:
    """Measure, check that results agree, print."""
    parser = argparse.ArgumentParser(description="One script with LeRobot and with lerotool.")
    parser.add_argument("--lerobot", type=Path, metavar="PYTHON", required=True, help="has the real LeRobot 0.6.1")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    rows = round(options.seconds * FPS)
    with tempfile.TemporaryDirectory(prefix="lerotool-benchmark-") as folder:
        work = Path(folder)
        prepare(work, options.seconds)
        every = ways(options.lerobot)
        costs = {way.name: measure(way, options.lerobot, work, options.episodes, rows) for way in every}
        worst = min(psnr_db for cost, psnr_db in costs.values() if cost)
        if max(psnr_db for cost, psnr_db in costs.values() if cost) - worst > PSNR_TOLERANCE_DB:
            sys.exit(f"error: pictures differ by more than {PSNR_TOLERANCE_DB} dB: {costs}; no figures")
        left = {way.name: kill(way, options.lerobot, work) for way in every if costs[way.name][0]}
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores; {options.episodes} episodes of "
        f"{options.seconds:g} s, {len(CAMERAS)} cameras 640x480 at {FPS}/s; killed in episode {KILLED_IN}"
    )
    print(
        f"{'':20s} {'s/episode':>10s} {'CPU s/ep.':>10s} {'PSNR dB':>8s}   after kill -9: LeRobot loads, after rescue"
    )
    for name, (cost, psnr_db) in costs.items():
        if cost is None:
            print(f"{name:20s} fails")
            continue
        seconds, cpu, lost = cost.wall_s / options.episodes, cost.cpu_s / options.episodes, left[name]
        print(
            f"{name:20s} {seconds:10.2f} {cpu:10.2f} {psnr_db:8.2f}   {lost.at_once} episodes, "
            f"{lost.rescued} episodes with {lost.rows} rows"
        )


if __name__ == "__main__":
    main()
