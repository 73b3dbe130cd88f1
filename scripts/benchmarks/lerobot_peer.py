"""Record the benchmark's pictures with the real LeRobot, under its own interpreter, and print one JSON line.

    LEROBOT_PYTHON lerobot_peer.py {immediate|streaming} EPISODES FPS PICTURES_FOLDER TARGET

add_frame is paced in real time, as in a session at the arm. PICTURES_FOLDER holds front.npy and wrist.npy,
(n, height, width, 3).
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from lerobot import __version__
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.datasets.video_utils import VideoEncodingManager

JOINTS = [f"{j}.pos" for j in ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")]


def cpu_s() -> float:
    """Return the CPU seconds of this process and its children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usages)


def main() -> None:
    """Record and print what it cost."""
    mode, episodes, fps, folder, target = (
        sys.argv[1],
        int(sys.argv[2]),
        int(sys.argv[3]),
        Path(sys.argv[4]),
        sys.argv[5],
    )
    cameras = {f"observation.images.{n}": np.load(folder / f"{n}.npy", mmap_mode="r") for n in ("front", "wrist")}
    height, width = next(iter(cameras.values())).shape[1:3]
    vector = {"dtype": "float32", "shape": (6,), "names": JOINTS}
    video = {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]}
    features = {"action": vector, "observation.state": vector, **dict.fromkeys(cameras, video)}
    dataset = LeRobotDataset.create(
        "benchmark/peer",
        fps,
        root=target,
        features=features,
        image_writer_threads=8,
        streaming_encoding=mode == "streaming",
    )
    length = len(next(iter(cameras.values())))
    saves, cpu, wall = [], cpu_s(), time.perf_counter()
    with VideoEncodingManager(dataset):
        for _ in range(episodes):
            started = time.perf_counter()
            for i in range(length):
                pictures = {name: np.ascontiguousarray(frames[i]) for name, frames in cameras.items()}
                state = np.full(6, i, np.float32)
                dataset.add_frame({"observation.state": state, "action": state, **pictures, "task": "benchmark"})
                time.sleep(max(0.0, started + (i + 1) / fps - time.perf_counter()))
            before = time.perf_counter()
            dataset.save_episode()
            saves.append(time.perf_counter() - before)
    wall, cpu = time.perf_counter() - wall, cpu_s() - cpu
    print(json.dumps({"version": __version__, "save_s": saves, "cpu_s": cpu, "wall_s": wall}))


if __name__ == "__main__":
    main()
