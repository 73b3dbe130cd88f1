"""How many random windows a second one core reads, by codec and length of a group of pictures, beside LeRobot's loader.

    .venv/bin/python scripts/benchmarks/reading.py [--lerobot PYTHON] [--backend NAME] [--quick]

Two cameras, 640x480 at 30/s; a window is two pictures of each camera, a tenth of a second apart, and 16 actions; rows
are at random, 16 a batch. Every reader has one core and gives float32 pictures; the sums of the actions are compared.
Readers take turns, the median of the rounds counts. Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import lerotool
from lerotool.benchmarking.bench import find_peer
from lerotool.benchmarking.clips import make_pictures

FPS, WIDTH, HEIGHT, BATCH = 30, 640, 480, 16
CAMERAS = ("observation.images.front", "observation.images.wrist")
DELTAS = {camera: [-0.1, 0.0] for camera in CAMERAS} | {"action": [step / FPS for step in range(16)]}
ENCODERS = (("libsvtav1", 2), ("libsvtav1", 10), ("libsvtav1", 30), ("h264", 2), ("h264", 10), ("h264", 30))


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one dataset.

    Attributes:
        rates: windows a second, by reader.
    """

    codec: str
    g: int
    kb_per_frame: float
    rates: dict[str, float]


def make_set(root: Path, codec: str, g: int, episodes: int, frames: int) -> None:
    """Record episodes of camera-like pictures."""
    picture = {"dtype": "video", "shape": (HEIGHT, WIDTH, 3), "names": ["height", "width", "channels"]}
    vector = {"dtype": "float32", "shape": (6,), "names": None}
    features: dict[str, Any] = {"observation.state": vector, "action": vector, **dict.fromkeys(CAMERAS, picture)}
    settings = lerotool.EncoderSettings(vcodec=codec, g=g)
    pictures = [make_pictures(60, seed, HEIGHT, WIDTH) for seed in range(len(CAMERAS))]
    with lerotool.DatasetWriter.create(root, fps=FPS, features=features, encoder=settings, batch=episodes) as writer:
        for episode in range(episodes):
            for number in range(frames):
                values = np.full(6, episode * frames + number, np.float32)
                shown = {name: own[number % 60] for name, own in zip(CAMERAS, pictures, strict=True)}
                writer.add_frame({"observation.state": values, "action": values, **shown}, task="read")
            writer.save_episode()


def read_here(root: Path, batches: Sequence[Sequence[int]]) -> dict[str, float]:
    """Read as a process of its own: seconds of all batches but the first, and the sum of the actions."""
    windows = lerotool.Dataset.open(root).windows(DELTAS)
    began, total = 0.0, 0.0
    for number, rows in enumerate(batches):
        found = windows.read(rows)
        batch = {name: np.stack([window[name] for window in found]) for name in (*DELTAS, "observation.state")}
        began = began or time.perf_counter()
        total += float(batch["action"].sum(dtype=np.float64)) if number else 0.0
    return {"seconds": time.perf_counter() - began, "actions": total}


def ask(command: Sequence[str], request: str) -> dict[str, float]:
    """Run a reader on one core."""
    core = str(min(os.sched_getaffinity(0)))
    found = subprocess.run(
        ["taskset", "-c", core, *command], input=request, capture_output=True, text=True, check=False
    )
    if found.returncode:
        raise SystemExit(found.stderr[-2000:])
    answer: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    return answer


def measure(
    root: Path, rows: int, batches: int, rounds: int, python: Path | None, backends: Sequence[str]
) -> dict[str, float]:
    """Return windows a second by reader."""
    order = np.random.default_rng(0).integers(0, rows, (batches + 1, BATCH)).tolist()
    request = json.dumps({"delta_timestamps": DELTAS, "batches": order})
    readers = {"lerotool": [sys.executable, __file__, "--read", str(root)]}
    if python is not None:
        peer = str(Path(__file__).with_name("reading_peer.py"))
        readers |= {f"LeRobot, {name}": [str(python), "-P", peer, str(root), name] for name in backends}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in readers}
    for _ in range(rounds):
        for name, command in readers.items():
            found[name].append(ask(command, request))
    sums = [answer["actions"] for answers in found.values() for answer in answers]
    if max(sums) - min(sums) > 1e-4 * max(sums):
        raise SystemExit(f"the readers disagree: sums of actions {sums}")
    return {name: batches * BATCH / median(a["seconds"] for a in answers) for name, answers in found.items()}


def recommend(rows: Sequence[Row]) -> list[str]:
    """Return what a shorter group costs and gives, in words."""
    return [
        f"{short.codec}: g {short.g} costs {(short.kb_per_frame / long.kb_per_frame - 1) * 100:.0f} % more disk than "
        f"g {long.g} and reads {short.rates['lerotool'] / long.rates['lerotool']:.1f} times as fast here"
        for short, long in pairwise(rows)
        if short.codec == long.codec
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lerobot", type=Path)
    parser.add_argument(
        "--backend", action="append", help="of LeRobot: pyav, or torchcodec, which needs FFmpeg's libraries"
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read is not None:
        print(json.dumps(read_here(options.read, json.load(sys.stdin)["batches"])))
        return
    python = find_peer(options.lerobot).python if options.lerobot else None
    episodes, frames, batches, rounds = (2, 90, 4, 1) if options.quick else (4, 300, 12, 3)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for codec, g in ENCODERS:
            root = Path(folder) / f"{codec}-{g}"
            make_set(root, codec, g, episodes, frames)
            size = sum(path.stat().st_size for path in root.rglob("*.mp4")) / (episodes * frames * len(CAMERAS)) / 1e3
            rows.append(
                Row(
                    codec,
                    g,
                    size,
                    measure(root, episodes * frames, batches, rounds, python, options.backend or ["pyav"]),
                )
            )
            rates = ", ".join(f"{name} {rate:.1f}" for name, rate in rows[-1].rates.items())
            print(f"{codec} g {g}: {size:.1f} kB a picture; windows a second: {rates}", flush=True)
    print("\n".join(recommend(rows)))


if __name__ == "__main__":
    main()
