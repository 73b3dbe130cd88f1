"""What encoders make of a rig's pictures on all cores, frames a second, size, likeness; and what the disk takes."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lerotool.benchmarking.bench import Site
from lerotool.benchmarking.clips import mean_psnr, spool_episode
from lerotool.benchmarking.effort import Effort, Rig
from lerotool.benchmarking.figures import Better, Figure
from lerotool.choices import Priority
from lerotool.dataset.dataset import Dataset
from lerotool.encoding.events import Ending, Event, JobDone, JobProgressed
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.errors import IncompleteError, MediaError
from lerotool.execution import ProcessExecutor, cores
from lerotool.media.encode import HARDWARE, probe_encoder
from lerotool.media.format import EncoderSettings
from lerotool.storage import sync_file, tree_bytes

DISK, THIS_DISK, WRITE, NEEDED = "disk", "this folder's", "writing, synced", "what the cameras need"
DISK_REPEATS = 3
_CHUNK = 1 << 20
GROUP = "codecs"
RATE, SIZE, LIKENESS, CPU = "rate", "size a frame", "PSNR", "CPU per frame"
_COMPARED = 8


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to encode."""

    settings: EncoderSettings
    flags: str = ""  # of ``lerotool record`` and ``encode`` that ask for it; empty for the default

    @property
    def name(self) -> str:
        """What people call it."""
        preset = self.settings.preset
        return self.settings.vcodec if preset is None else f"{self.settings.vcodec} {preset}"


DEFAULT = Codec(EncoderSettings())


def _software(vcodec: str, preset: int | str) -> Codec:
    return Codec(EncoderSettings(vcodec=vcodec, preset=preset), f"--vcodec {vcodec} --preset {preset}")


def codecs_to_try(effort: Effort) -> list[Codec]:
    """Return the codecs that are measured: the default first, then the hardware encoders that work here."""
    chosen = [DEFAULT]
    for encoder in HARDWARE:
        settings = EncoderSettings(vcodec=encoder, preset=None)
        try:
            probe_encoder(settings)
        except MediaError:  # the hardware is missing
            continue
        chosen.append(Codec(settings, f"--vcodec {encoder}"))
    # The lightest one is always tried: where nothing keeps up without it, it is the advice.
    chosen += [_software("h264", "veryfast"), _software("h264", "ultrafast")]
    if effort is not Effort.QUICK:
        chosen.append(_software("libsvtav1", 10))
    if effort is Effort.FULL:
        chosen += [_software("libsvtav1", 8), _software("h264", "medium"), _software("hevc", "ultrafast")]
    return chosen


def frames_of(rig: Rig, seconds: float, workers: int) -> int:
    """Return how many frames are encoded for seconds of recording: episodes enough to keep all workers busy."""
    rows, episodes = _sizes(rig, seconds, workers)
    return rows * episodes * rig.cameras


def _sizes(rig: Rig, seconds: float, workers: int) -> tuple[int, int]:
    """Return the rows of an episode, and the episodes."""
    return max(2, round(seconds * rig.fps)), -(-workers // rig.cameras)


def measure_codec(site: Site, codec: Codec, seconds: float) -> list[Figure]:
    """Encode pending episodes of all cameras with all cores."""
    root, rig, workers = site.folder / "set", site.rig, cores()
    rows, episodes = _sizes(rig, seconds, workers)
    total = frames_of(rig, seconds, workers)
    for sequence in range(episodes):
        spool_episode(root, rig, site.clips, sequence, rows, codec.settings)
    progress = site.progress(total)
    done: dict[object, int] = {}

    def listen(event: Event) -> None:
        if isinstance(event, JobProgressed | JobDone):
            done[event.job] = event.done if isinstance(event, JobProgressed) else event.frames
            progress.report(sum(done.values()))

    pool = ProcessExecutor(workers, Priority.NORMAL)
    try:
        # Processes that have started already: what counts is what they sustain.
        pool.load("lerotool.encoding.job")
        wait([pool.submit(cores) for _ in range(workers)])
        report = encode_pending(root, EncodeOptions(pack=False), listen, executor=pool)
    finally:
        pool.kill()
    if report.ending is not Ending.COMPLETE or report.frames != total:
        reason = report.failures[0].reason if report.failures else f"{report.frames} of {total} frames"
        raise IncompleteError(f"{codec.name}: {reason}")
    size = tree_bytes(root / "videos")
    likeness = _likeness(root, site)
    shutil.rmtree(root)
    return [
        Figure(GROUP, codec.name, RATE, "frames/s", (report.frames_per_s,), Better.MORE),
        Figure(GROUP, codec.name, CPU, "ms/frame", (report.cpu_s * 1e3 / total,)),
        Figure(GROUP, codec.name, SIZE, "kB", (size / total / 1e3,)),
        Figure(GROUP, codec.name, LIKENESS, "dB", (likeness,), Better.MORE),
    ]


def _likeness(root: Path, site: Site) -> float:
    """Return how like the first frames are to what the camera sent, in dB."""
    sources = np.stack(site.clips[0].decoded(site.rig, _COMPARED * 2))
    dataset = Dataset.open(root)
    return mean_psnr(dataset.frames(0, dataset.cameras[0], 0, min(_COMPARED, dataset.episodes[0].length)), sources)


def measure_disk(folder: Path, megabytes: int, needed_bytes_per_s: float) -> list[Figure]:
    """Write a file that cannot be compressed and sync it, several times."""
    chunk = os.urandom(_CHUNK)
    path = folder / "written"
    rates = []
    for _ in range(DISK_REPEATS):
        began = time.perf_counter()
        with path.open("wb") as file:
            for _ in range(megabytes):
                file.write(chunk)
        sync_file(path)
        rates.append(megabytes * _CHUNK / 1e6 / (time.perf_counter() - began))
        path.unlink()
    return [
        Figure(DISK, THIS_DISK, WRITE, "MB/s", tuple(rates), Better.MORE),
        Figure(DISK, THIS_DISK, NEEDED, "MB/s", (needed_bytes_per_s / 1e6,), Better.NEITHER),
    ]
