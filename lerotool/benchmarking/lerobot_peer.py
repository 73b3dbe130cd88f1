"""The work of the real LeRobot, done at its own interpreter; what it cost is written to a JSON file.

    LEROBOT_PYTHON lerobot_peer.py {record|merge|read} REQUEST.json RESULT.json

Every request has the arguments of the function of that name.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

JOINTS = [f"{j}.pos" for j in ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")]


def cpu_s() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    if sys.platform == "win32":
        sys.exit("LeRobot's cost is measured by getrusage, which Windows does not have")
    import resource

    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usages)


def record(mode: str, takes: int, rows: int, fps: int, pictures: str, target: str) -> dict[str, Any]:
    """Record given pictures; ``mode`` is ``immediate``, ``batch`` and a number, or ``streaming``.

    add_frame is paced in real time, as in a session at the arm. The folder ``pictures`` holds NAME.npy for each camera,
    uint8 (n, height, width, 3), and is gone through again and again.
    """
    import numpy as np
    from lerobot.datasets.lerobot_dataset import LeRobotDataset
    from lerobot.datasets.video_utils import VideoEncodingManager

    options: dict[str, Any] = {"streaming_encoding": True} if mode == "streaming" else {}
    if mode.startswith("batch"):
        options["batch_encoding_size"] = int(mode.removeprefix("batch"))
    files = sorted(Path(pictures).glob("*.npy"))
    cameras = {f"observation.images.{path.stem}": np.load(path, mmap_mode="r") for path in files}
    height, width = next(iter(cameras.values())).shape[1:3]
    vector = {"dtype": "float32", "shape": (len(JOINTS),), "names": JOINTS}
    video = {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]}
    features = {"action": vector, "observation.state": vector, **dict.fromkeys(cameras, video)}
    dataset = LeRobotDataset.create(
        "benchmark/peer", fps, root=target, features=features, image_writer_threads=4 * len(cameras), **options
    )
    waits, saves, cpu = [], [], cpu_s()
    with VideoEncodingManager(dataset):
        for _ in range(takes):
            began = time.perf_counter()
            for row in range(rows):
                shown = {name: np.ascontiguousarray(frames[row % len(frames)]) for name, frames in cameras.items()}
                state = np.full(len(JOINTS), row, np.float32)
                dataset.add_frame({"observation.state": state, "action": state, **shown, "task": "benchmark"})
                due = began + (row + 1) / fps
                time.sleep(max(0.0, due - time.perf_counter()))
            saving = time.perf_counter()
            dataset.save_episode()
            saves.append(time.perf_counter() - saving)
            waits.append(time.perf_counter() - began - rows / fps)
        ended = time.perf_counter()
    end = time.perf_counter() - ended
    return {"waits_s": waits, "saves_s": saves, "end_s": end, "cpu_s": cpu_s() - cpu}


def merge(sources: list[str], target: str) -> dict[str, Any]:
    """Merge datasets."""
    if sys.platform == "win32":
        sys.exit("LeRobot's cost is measured by getrusage, which Windows does not have")
    import resource

    from lerobot.datasets.aggregate import aggregate_datasets

    names = [f"benchmark/{number}" for number in range(len(sources))]
    began = time.perf_counter()
    aggregate_datasets(names, "benchmark/merged", roots=[Path(source) for source in sources], aggr_root=Path(target))
    wall_s = time.perf_counter() - began
    return {"wall_s": wall_s, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def read(root: str, deltas: dict[str, list[float]], batches: list[list[int]]) -> dict[str, Any]:
    """Read random windows in one process, with PyAV; the first batch opens everything and is not counted."""
    import torch
    from lerobot.datasets.lerobot_dataset import LeRobotDataset
    from torch.utils.data import DataLoader

    torch.set_num_threads(1)
    dataset = LeRobotDataset("benchmark/set", root=root, video_backend="pyav", delta_timestamps=deltas)
    began, total = 0.0, 0.0
    for number, batch in enumerate(DataLoader(dataset, batch_sampler=batches)):
        if number:
            total += float(batch["observation.state"].sum(dtype=torch.float64))
        else:
            began = time.process_time()
    return {"seconds": time.process_time() - began, "total": total}


if __name__ == "__main__":
    from lerobot import __version__

    work, asked, result = sys.argv[1:]
    works: dict[str, Callable[..., dict[str, Any]]] = {"record": record, "merge": merge, "read": read}
    cost = works[work](**json.loads(Path(asked).read_text()))
    Path(result).write_text(json.dumps({"version": __version__, **cost}))
