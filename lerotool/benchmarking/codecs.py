"""What encoders make of a rig's pictures on all cores: frames a second, size, likeness."""

from __future__ import annotations

import shutil
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lerotool.benchmarking.bench import Signs
from lerotool.benchmarking.clips import Clip, mean_psnr, spool_episode, stream_format
from lerotool.benchmarking.effort import Effort, Rig
from lerotool.benchmarking.figures import Better, Figure
from lerotool.choices import Priority
from lerotool.dataset.dataset import Dataset
from lerotool.encoding.events import Ending, Event, JobDone, JobProgressed
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.errors import IncompleteError, MediaError
from lerotool.execution import ProcessExecutor, ProgressFile, cores
from lerotool.media.codecs import HARDWARE
from lerotool.media.decode import PacketDecoder
from lerotool.media.encode import probe_encoder
from lerotool.media.format import EncoderSettings

GROUP = "codecs"
RATE = "rate"
SIZE = "size a frame"
LIKENESS = "PSNR"
CPU = "CPU per frame"
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


@dataclass(frozen=True, slots=True)
class CodecJob:
    """What is to be encoded."""

    root: Path
    rig: Rig
    clips: tuple[Clip, ...]
    codec: Codec
    seconds: float
    signs: Signs


def frames_of(rig: Rig, seconds: float, workers: int) -> int:
    """Return how many frames are encoded for seconds of recording: episodes enough to keep all workers busy."""
    return _rows(rig, seconds) * _episodes(rig, workers) * rig.cameras


def _rows(rig: Rig, seconds: float) -> int:
    return max(2, round(seconds * rig.fps))


def _episodes(rig: Rig, workers: int) -> int:
    return -(-workers // rig.cameras)


def measure_codec(job: CodecJob) -> list[Figure]:
    """Encode pending episodes of all cameras with all cores."""
    rig, workers = job.rig, cores()
    rows, total = _rows(rig, job.seconds), frames_of(rig, job.seconds, workers)
    for sequence in range(_episodes(rig, workers)):
        spool_episode(job.root, rig, job.clips, sequence, rows, job.codec.settings)
    progress = _Counted(ProgressFile(job.signs.progress, total, job.signs.stop))
    pool = ProcessExecutor(workers, Priority.NORMAL)
    try:
        # Processes that have started already: what counts is what they sustain.
        pool.load("lerotool.encoding.job")
        wait([pool.submit(cores) for _ in range(workers)])
        report = encode_pending(job.root, EncodeOptions(pack=False), progress.listen, executor=pool)
    finally:
        pool.kill()
    if report.ending is not Ending.COMPLETE or report.frames != total:
        reason = report.failures[0].reason if report.failures else f"{report.frames} of {total} frames"
        raise IncompleteError(f"{job.codec.name}: {reason}")
    size = sum(path.stat().st_size for path in (job.root / "videos").rglob("*.mp4"))
    likeness = _likeness(job)
    shutil.rmtree(job.root)
    case = job.codec.name
    return [
        Figure(GROUP, case, RATE, "frames/s", (report.frames_per_s,), Better.MORE),
        Figure(GROUP, case, CPU, "ms/frame", (report.cpu_s * 1e3 / total,)),
        Figure(GROUP, case, SIZE, "kB", (size / total / 1e3,)),
        Figure(GROUP, case, LIKENESS, "dB", (likeness,), Better.MORE),
    ]


def _likeness(job: CodecJob) -> float:
    """Return how like the first frames are to what the camera sent, in dB."""
    decoder = PacketDecoder(stream_format(job.rig))
    jpegs = job.clips[0].jpegs[: _COMPARED * 2]
    sources = np.stack([decoder.decode(jpeg).to_ndarray(format="rgb24") for jpeg in jpegs]).astype(np.uint8)
    dataset = Dataset.open(job.root)
    return mean_psnr(dataset.frames(0, dataset.cameras[0], 0, min(_COMPARED, dataset.episodes[0].length)), sources)


class _Counted:
    """Adds up the frames of all jobs."""

    def __init__(self, progress: ProgressFile) -> None:
        self._progress = progress
        self._done: dict[object, int] = {}

    def listen(self, event: Event) -> None:
        match event:
            case JobProgressed():
                self._done[event.job] = event.done
            case JobDone():
                self._done[event.job] = event.frames
            case _:
                return
        self._progress.report(sum(self._done.values()))
