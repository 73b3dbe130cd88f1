"""The Python API at the operator's clock: `lerotool.DatasetWriter` fed with RGB arrays, just as LeRobot is fed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lerotool.benchmarking.bench import Signs
from lerotool.benchmarking.clocks import cpu_s
from lerotool.devices.arms.simulator import JOINT_NAMES
from lerotool.execution import ProgressFile
from lerotool.features import ACTION, STATE, camera, vector
from lerotool.writer import DatasetWriter


@dataclass(frozen=True, slots=True)
class ArraysJob:
    """What is to be recorded.

    Attributes:
        root: the dataset that is made.
        pictures: folder with NAME.npy for each camera, uint8 (n, height, width, 3), gone through again and again.
        fps: rows a second.
        takes: how many.
        rows: of each.
        batch: of the writer.
        signs: for progress.
    """

    root: Path
    pictures: Path
    fps: int
    takes: int
    rows: int
    batch: int
    signs: Signs


@dataclass(frozen=True, slots=True)
class ArraysCost:
    """What it cost.

    Attributes:
        waits_s: from the end of each take until the next could begin.
        end_s: of closing the writer.
        cpu_s: of this process and all encoders.
    """

    waits_s: tuple[float, ...]
    end_s: float
    cpu_s: float


def record_arrays(job: ArraysJob) -> ArraysCost:
    """Record in real time.

    Raises:
        StoppedError: it was told to stop.
    """
    cameras = {f"observation.images.{p.stem}": np.load(p, mmap_mode="r") for p in sorted(job.pictures.glob("*.npy"))}
    height, width = next(iter(cameras.values())).shape[1:3]
    joints = vector([f"{name}.pos" for name in JOINT_NAMES])
    features = {ACTION: joints, STATE: joints, **dict.fromkeys(cameras, camera(height, width))}
    progress = ProgressFile(job.signs.progress, job.takes, job.signs.stop, interval_s=0.0)
    waits = []
    before = cpu_s()
    with DatasetWriter.create(job.root, fps=job.fps, features=features, batch=job.batch) as writer:
        for take in range(job.takes):
            progress.report(take)
            began = time.perf_counter()
            for row in range(job.rows):
                pictures = {name: np.ascontiguousarray(frames[row % len(frames)]) for name, frames in cameras.items()}
                state = np.full(len(JOINT_NAMES), row, np.float32)
                writer.add_frame({STATE: state, ACTION: state, **pictures}, task="benchmark")
                time.sleep(max(0.0, began + (row + 1) / job.fps - time.perf_counter()))
            writer.save_episode()
            waits.append(time.perf_counter() - began - job.rows / job.fps)
        ended = time.perf_counter()
    end_s = time.perf_counter() - ended
    return ArraysCost(tuple(waits), end_s, cpu_s() - before)
