"""Random windows, as a policy is trained: by codec and length of a group of pictures, and beside LeRobot's loader."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lerotool.benchmarking.bench import Bench, Signs
from lerotool.benchmarking.clips import Clip, spool_episode
from lerotool.benchmarking.effort import Rig
from lerotool.benchmarking.figures import Better, Failure, Figure
from lerotool.benchmarking.peers import Peer, PeerError
from lerotool.dataset.dataset import Dataset
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.errors import CorruptDatasetError
from lerotool.execution import ProgressFile
from lerotool.features import STATE
from lerotool.media.format import EncoderSettings

GROUP, PEER_GROUP = "reading for training", "reading, beside LeRobot"
RATE, SIZE, RATIO = "random windows", "file per frame", "times as many as LeRobot"
UNIT = "windows/s"
BATCH = 16
_EPISODES = 2
_BACK_S = 0.1
_STEPS = 16


@dataclass(frozen=True, slots=True)
class Video:
    """How the videos are encoded that are read."""

    codec: str
    group: int

    @property
    def name(self) -> str:
        """What a table calls it."""
        return f"{self.codec} g {self.group}"

    @property
    def settings(self) -> EncoderSettings:
        """Of the encoder."""
        return EncoderSettings(vcodec=self.codec, g=self.group)


@dataclass(frozen=True, slots=True)
class ReadJob:
    """What is to be made and read."""

    root: Path
    rig: Rig
    clips: tuple[Clip, ...]
    video: Video
    seconds: float  # of each of the two episodes
    batches: int  # of 16 windows, that are counted
    signs: Signs

    @property
    def rows(self) -> int:
        """Of all episodes."""
        return _EPISODES * max(2, round(self.seconds * self.rig.fps))

    @property
    def order(self) -> list[list[int]]:
        """Rows at random, batch by batch; the first batch opens everything and is not counted."""
        found: list[list[int]] = np.random.default_rng(0).integers(0, self.rows, (self.batches + 1, BATCH)).tolist()
        return found

    def deltas(self, cameras: Sequence[str]) -> dict[str, list[float]]:
        """Return what a window has: two pictures of each camera, a tenth of a second apart, and 16 states."""
        frames = max(1, round(_BACK_S * self.rig.fps))
        pictures = {name: [-frames / self.rig.fps, 0.0] for name in cameras}
        return {**pictures, STATE: [step / self.rig.fps for step in range(_STEPS)]}


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read."""

    seconds: float  # of CPU, so that a busy machine counts as a quiet one
    total: float  # the sum of the states of all windows that were counted


def make_videos(job: ReadJob) -> float:
    """Make the dataset and return the bytes of its videos by their frames."""
    for sequence in range(_EPISODES):
        rows = job.rows // _EPISODES
        spool_episode(job.root, job.rig, job.clips, sequence, rows, job.video.settings)
    encode_pending(job.root, EncodeOptions())
    size = sum(path.stat().st_size for path in (job.root / "videos").rglob("*.mp4"))
    return size / (job.rows * job.rig.cameras)


def read_windows(job: ReadJob) -> Reading:
    """Read windows batch by batch, in one process."""
    progress = ProgressFile(job.signs.progress, job.batches, job.signs.stop)
    dataset = Dataset.open(job.root)
    deltas = job.deltas(dataset.cameras)
    windows = dataset.windows(deltas)
    began, total = 0.0, 0.0
    for number, rows in enumerate(job.order):
        found = windows.read(rows)
        batch = {name: np.stack([window[name] for window in found]) for name in deltas}
        if number:
            total += float(batch[STATE].sum(dtype=np.float64))
        else:
            began = time.process_time()
        progress.report(number)
    return Reading(time.process_time() - began, total)


def measure_reading(job: ReadJob) -> list[Figure]:
    """Make a dataset and read it."""
    size = make_videos(job)
    reading = read_windows(job)
    shutil.rmtree(job.root)
    return [
        Figure(GROUP, job.video.name, RATE, UNIT, (job.batches * BATCH / reading.seconds,), Better.MORE),
        Figure(GROUP, job.video.name, SIZE, "kB", (size / 1e3,)),
    ]


def read_beside(bench: Bench, peer: Peer, job: ReadJob) -> tuple[list[Figure], list[Failure]]:
    """Read the same windows with LeRobot's loader and with lerotool."""
    bench.run("batches", make_videos, job)
    ours = bench.run("batches", read_windows, job)
    windows, case = job.batches * BATCH, job.video.name
    figures = [Figure(PEER_GROUP, case, "lerotool", UNIT, (windows / ours.seconds,), Better.MORE)]
    request = {"root": str(job.root), "deltas": job.deltas(Dataset.open(job.root).cameras), "batches": job.order}
    try:
        found = peer.run(
            "read.py", bench.folder, [None, _written(bench.folder, request)], lambda s: bench.advance(s, 2 * s + 1, "s")
        )
    except PeerError as error:
        return figures, [Failure(PEER_GROUP, f"{peer}, {case}", str(error))]
    if abs(found["total"] - ours.total) > 1e-4 * abs(ours.total):
        raise CorruptDatasetError(
            f"{case}: the sum of states is {ours.total}, and {found['total']} by {peer}; no figures are given"
        )
    figures += [
        Figure(PEER_GROUP, case, str(peer), UNIT, (windows / found["seconds"],), Better.NEITHER),
        Figure(PEER_GROUP, case, RATIO, "x", (found["seconds"] / ours.seconds,), Better.MORE),
    ]
    return figures, []


def _written(folder: Path, request: object) -> Path:
    path = folder / "windows.json"
    path.write_text(json.dumps(request), encoding="utf-8")
    return path
