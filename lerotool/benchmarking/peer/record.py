"""Record given pictures with the real LeRobot, at its own interpreter, and write what it cost to a JSON file.

    LEROBOT_PYTHON record.py {immediate|batchN|streaming} TAKES ROWS FPS PICTURES_FOLDER TARGET RESULT

add_frame is paced in real time, as in a session at the arm. PICTURES_FOLDER holds NAME.npy for each camera, uint8
(n, height, width, 3), and is gone through again and again.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from lerobot import __version__
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.datasets.video_utils import VideoEncodingManager

JOINTS = [f"{j}.pos" for j in ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")]


def cpu_s() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    if sys.platform == "win32":
        sys.exit("LeRobot's cost is measured by getrusage, which Windows does not have")
    import resource

    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usages)


def options_of(mode: str) -> dict[str, Any]:
    """Return what LeRobot calls a mode."""
    if mode.startswith("batch"):
        return {"batch_encoding_size": int(mode.removeprefix("batch"))}
    return {"streaming_encoding": True} if mode == "streaming" else {}


def main() -> None:
    """Record and write what it cost."""
    mode, folder, target, result = sys.argv[1], Path(sys.argv[5]), sys.argv[6], Path(sys.argv[7])
    takes, rows, fps = (int(argument) for argument in sys.argv[2:5])
    cameras = {f"observation.images.{path.stem}": np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}
    height, width = next(iter(cameras.values())).shape[1:3]
    vector = {"dtype": "float32", "shape": (len(JOINTS),), "names": JOINTS}
    video = {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]}
    features = {"action": vector, "observation.state": vector, **dict.fromkeys(cameras, video)}
    dataset = LeRobotDataset.create(
        "benchmark/peer", fps, root=target, features=features, image_writer_threads=4 * len(cameras), **options_of(mode)
    )
    waits, saves, cpu = [], [], cpu_s()
    with VideoEncodingManager(dataset):
        for _ in range(takes):
            began = time.perf_counter()
            for row in range(rows):
                pictures = {name: np.ascontiguousarray(frames[row % len(frames)]) for name, frames in cameras.items()}
                state = np.full(len(JOINTS), row, np.float32)
                dataset.add_frame({"observation.state": state, "action": state, **pictures, "task": "benchmark"})
                due = began + (row + 1) / fps
                time.sleep(max(0.0, due - time.perf_counter()))
            saving = time.perf_counter()
            dataset.save_episode()
            saves.append(time.perf_counter() - saving)
            waits.append(time.perf_counter() - began - rows / fps)
        ended = time.perf_counter()
    end = time.perf_counter() - ended
    times = {"waits_s": waits, "saves_s": saves, "end_s": end, "cpu_s": cpu_s() - cpu}
    result.write_text(json.dumps({"version": __version__, **times}))


if __name__ == "__main__":
    main()
