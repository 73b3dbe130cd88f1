"""Random windows, as a policy is trained: by codec and length of a group of pictures, and beside LeRobot's loader."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lerotool.benchmarking.bench import Bench, Peer, PeerError, Site
from lerotool.benchmarking.clips import make_dataset
from lerotool.benchmarking.figures import Better, Failure, Figure
from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError
from lerotool.features import STATE
from lerotool.media.format import EncoderSettings
from lerotool.storage import tree_bytes

GROUP, PEER_GROUP = "reading for training", "reading, beside LeRobot"
RATE, SIZE, RATIO = "random windows", "file per frame", "times as many as LeRobot"
UNIT = "windows/s"
BATCH = 16
_EPISODES = 2
_BACK_S = 0.1
_STEPS = 16


@dataclass(frozen=True, slots=True)
class ReadJob:
    """What is to be made and read."""

    codec: str
    group: int  # pictures from one keyframe to the next
    seconds: float  # of each of the two episodes
    batches: int  # of 16 windows, that are counted

    @property
    def name(self) -> str:
        """What a table calls it."""
        return f"{self.codec} g {self.group}"

    def rows(self, fps: int) -> int:
        """Of an episode."""
        return max(2, round(self.seconds * fps))

    def order(self, fps: int) -> list[list[int]]:
        """Rows at random, batch by batch; the first batch opens everything and is not counted."""
        size = self.batches + 1, BATCH
        found: list[list[int]] = np.random.default_rng(0).integers(0, _EPISODES * self.rows(fps), size).tolist()
        return found


def _deltas(fps: int, cameras: Sequence[str]) -> dict[str, list[float]]:
    """Return what a window has: two pictures of each camera, a tenth of a second apart, and 16 states."""
    pictures = {name: [-max(1, round(_BACK_S * fps)) / fps, 0.0] for name in cameras}
    return {**pictures, STATE: [step / fps for step in range(_STEPS)]}


def make_videos(site: Site, job: ReadJob) -> float:
    """Make the dataset and return the bytes of its videos by their frames."""
    root, rows = site.folder / "set", job.rows(site.rig.fps)
    make_dataset(root, site.rig, site.clips, _EPISODES, rows, EncoderSettings(vcodec=job.codec, g=job.group))
    return tree_bytes(root / "videos") / (_EPISODES * rows * site.rig.cameras)


def read_windows(site: Site, job: ReadJob) -> tuple[float, float]:
    """Read windows batch by batch, in one process.

    Returns CPU seconds, so that a busy machine counts as a quiet one, and the sum of the states; of both what the first
    batch takes is left out.
    """
    progress = site.progress(job.batches)
    dataset = Dataset.open(site.folder / "set")
    deltas = _deltas(site.rig.fps, dataset.cameras)
    windows = dataset.windows(deltas)
    began, total = 0.0, 0.0
    for number, rows in enumerate(job.order(site.rig.fps)):
        found = windows.read(rows)
        batch = {name: np.stack([window[name] for window in found]) for name in deltas}
        if number:
            total += float(batch[STATE].sum(dtype=np.float64))
        else:
            began = time.process_time()
        progress.report(number)
    return time.process_time() - began, total


def measure_reading(site: Site, job: ReadJob) -> list[Figure]:
    """Make a dataset and read it."""
    size = make_videos(site, job)
    seconds, _ = read_windows(site, job)
    shutil.rmtree(site.folder / "set")
    return [
        Figure(GROUP, job.name, RATE, UNIT, (job.batches * BATCH / seconds,), Better.MORE),
        Figure(GROUP, job.name, SIZE, "kB", (size / 1e3,)),
    ]


def read_beside(bench: Bench, peer: Peer, job: ReadJob) -> list[Figure | Failure]:
    """Read the same windows with LeRobot's loader and with lerotool."""
    site, root, windows = bench.site, bench.site.folder / "set", job.batches * BATCH
    bench.run("batches", make_videos, job)
    seconds, total = bench.run("batches", read_windows, job)
    ours = Figure(PEER_GROUP, job.name, "lerotool", UNIT, (windows / seconds,), Better.MORE)
    deltas = _deltas(site.rig.fps, Dataset.open(root).cameras)
    request = {"root": root, "deltas": deltas, "batches": job.order(site.rig.fps)}
    try:
        found = peer.run("read", site.folder, request, lambda s: bench.advance(s, 2 * s + 1, "s"))
    except PeerError as error:
        return [ours, Failure(PEER_GROUP, f"{peer}, {job.name}", str(error))]
    if abs(found["total"] - total) > 1e-4 * abs(total):
        raise CorruptDatasetError(
            f"{job.name}: the sum of states is {total}, and {found['total']} by {peer}; no figures are given"
        )
    return [
        ours,
        Figure(PEER_GROUP, job.name, str(peer), UNIT, (windows / found["seconds"],), Better.NEITHER),
        Figure(PEER_GROUP, job.name, RATIO, "x", (found["seconds"] / seconds,), Better.MORE),
    ]
