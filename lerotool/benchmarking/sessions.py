"""Recording in real time, as a person at an arm has it: whole sessions, and arrays through the Python API.

A session is everything that ``lerotool record`` puts together: the session, the loop, the spool, the encoder in its
process; only the arms are simulated and the cameras are files. `lerotool.DatasetWriter` is fed with RGB arrays, just as
LeRobot is fed.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np

from lerotool.benchmarking.bench import Signs, cpu_s
from lerotool.benchmarking.clips import number_of
from lerotool.benchmarking.effort import Rig
from lerotool.dataset.dataset import Dataset
from lerotool.devices.arms.simulator import JOINT_NAMES
from lerotool.devices.cameras.camera import open_camera
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.devices.robots import build_robot
from lerotool.encoding.background import BackgroundEncoder
from lerotool.errors import CorruptDatasetError, IncompleteError
from lerotool.execution import ProgressFile, StoppedError
from lerotool.features import ACTION, STATE, camera, vector
from lerotool.recording.config import BatchMode, RecordingConfig
from lerotool.recording.controls import Command, Controls
from lerotool.recording.events import EpisodeSaved, Event, TakeStarted
from lerotool.recording.session import Session
from lerotool.recording.session_plan import build_features
from lerotool.recording.take import Devices
from lerotool.storage import tree_bytes
from lerotool.writer import DatasetWriter

_LOOK_S = 0.2
_TASK = "benchmark"


@dataclass(frozen=True, slots=True)
class SessionJob:
    """What is to be recorded."""

    root: Path
    rig: Rig
    films: tuple[Path, ...]  # for each camera a file that serves as one
    pictures: int  # in each of these files
    takes: int
    take_s: float  # how long each
    batch: int  # as ``lerotool record --batch``
    mode: BatchMode
    signs: Signs


@dataclass(frozen=True, slots=True)
class SessionCost:
    """What the session cost."""

    waits_s: tuple[float, ...]  # from the end of each take but the last until the next could begin
    end_s: float  # from the end of the last take until the command was done
    later_s: float  # that encoding took afterwards, if it was left for later
    total_s: float  # from the beginning of the first take until the dataset was complete
    cpu_s: float  # of the recorder and all encoders
    recorder_cpu_s: float  # of the recorder alone, while takes were recorded and saved
    frames: int  # in the dataset, all cameras together
    lost: int  # rows that were missed, and frames that are not there
    late_ms: tuple[float, ...]  # how late ticks began, 99th percentile of each take
    saves_s: tuple[float, ...]  # how long saving took
    peak_bytes: int  # most that lay on the disk


@dataclass(slots=True)
class _Diary:
    """When things happened; written in the session's thread."""

    began: list[float] = field(default_factory=list)
    recorder_cpu_s: float = 0.0
    saved: list[EpisodeSaved] = field(default_factory=list)

    def listen(self, event: Event) -> None:
        now = time.perf_counter()
        match event:
            case TakeStarted():
                self.began.append(now)
                self.recorder_cpu_s -= time.process_time()
            case EpisodeSaved():
                self.recorder_cpu_s += time.process_time()
                self.saved.append(event)


def run_session(job: SessionJob) -> SessionCost:
    """Record, encode, look whether everything is there, and return what it cost."""
    diary, controls = _Diary(), Controls()
    is_waited_for = job.mode is BatchMode.FOREGROUND
    encoder = (BackgroundEncoder.while_waiting if is_waited_for else BackgroundEncoder.beside_recording)(job.root)
    with contextlib.ExitStack() as stack:
        cameras = []
        for name, film in zip(job.rig.names, job.films, strict=True):
            camera = open_camera(CameraSpec(name, str(film), job.rig.width, job.rig.height, float(job.rig.fps)))
            stack.callback(camera.close)
            cameras.append(camera)
        robot = build_robot("sim")
        devices = Devices(robot, cameras, build_features(robot.features(), cameras))
        watch = stack.enter_context(_Watch(job, diary, encoder, controls))
        is_later = job.mode is BatchMode.LATER
        session = Session(_config(job), devices, controls, encoder=None if is_later else encoder, listen=diary.listen)
        before = cpu_s()
        session.run()
        ended = time.perf_counter()
        if controls.command >= Command.STOP:
            raise StoppedError("stopped")
        if is_later:
            encoder.finish()
        finished = time.perf_counter()
        taken = cpu_s() - before
    frames, lost = _check(job)
    starts = np.array(diary.began)
    reports = [event.report for event in diary.saved]
    return SessionCost(
        waits_s=tuple(np.maximum(np.diff(starts) - job.take_s, 0.0).tolist()),
        end_s=max(0.0, ended - diary.began[-1] - job.take_s),
        later_s=finished - ended if is_later else 0.0,
        total_s=finished - diary.began[0],
        cpu_s=taken,
        recorder_cpu_s=diary.recorder_cpu_s,
        frames=frames,
        lost=lost + sum(report.missed for report in reports),
        late_ms=tuple(report.lateness.p99_ms for report in reports),
        saves_s=tuple(event.save_s for event in diary.saved),
        peak_bytes=watch.peak_bytes,
    )


def _config(job: SessionJob) -> RecordingConfig:
    return RecordingConfig(
        root=job.root,
        task=_TASK,
        fps=Fraction(job.rig.fps),
        episodes=job.takes,
        episode_time_s=job.take_s,
        reset_time_s=0.0,
        batch=job.batch,
        mode=job.mode,
        encode_at_end=job.mode is not BatchMode.LATER,
        reconnect_s=0.0,
    )


class _Watch:
    """A thread that looks now and then: how much is on the disk, how far it is, whether to stop."""

    def __init__(self, job: SessionJob, diary: _Diary, encoder: BackgroundEncoder, controls: Controls) -> None:
        self._job = job
        self._diary = diary
        self._encoder = encoder
        self._controls = controls
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self.peak_bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        job = self._job
        progress = ProgressFile(job.signs.progress, job.takes, job.signs.stop, interval_s=0.0)
        while not self._is_over.wait(_LOOK_S):
            # Files come and go while they are counted.
            with contextlib.suppress(FileNotFoundError):
                self.peak_bytes = max(self.peak_bytes, tree_bytes(job.root))
            try:
                progress.report(len(self._diary.saved))
            except StoppedError:
                self._controls.give(Command.ABORT)
                self._encoder.stop()
                return


def _check(job: SessionJob) -> tuple[int, int]:
    """Return how many frames there are, and how many of the rows' are missing."""
    dataset = Dataset.open(job.root)
    if dataset.num_episodes != job.takes:
        raise IncompleteError(f"{job.root}: {dataset.num_episodes} of {job.takes} episodes are in the dataset")
    frames = missing = 0
    for episode in dataset.episodes:
        is_looked_at = episode.index in (0, job.takes - 1)
        for key in dataset.cameras:
            span = episode.videos.get(key)
            frames += episode.length if span else 0
            missing += 0 if span else episode.length
            if is_looked_at:
                _check_pictures(job, dataset, episode.index, key)
    return frames, missing


def _check_pictures(job: SessionJob, dataset: Dataset, episode: int, camera: str) -> None:
    timing = dataset.timing(episode)
    if timing is None:
        raise CorruptDatasetError(f"{job.root}, episode {episode}: the measured times are missing")
    named = timing[f"picture/{camera}"].to_numpy()
    shown = np.array([number_of(picture) for picture in dataset.frames(episode, camera)])
    # The camera's film may stand anywhere when a take begins.
    shifts = (shown - named) % job.pictures
    if (shifts != shifts[0]).any():
        row = int(np.flatnonzero(shifts != shifts[0])[0])
        raise CorruptDatasetError(f"{job.root}, episode {episode}, {camera}: row {row} shows another picture")


@dataclass(frozen=True, slots=True)
class ArraysJob:
    """What is to be recorded."""

    root: Path
    pictures: Path  # folder with NAME.npy for each camera, uint8 (n, height, width, 3), gone through again and again
    fps: int  # rows a second
    takes: int
    rows: int  # of each
    batch: int
    signs: Signs


@dataclass(frozen=True, slots=True)
class ArraysCost:
    """What it cost."""

    waits_s: tuple[float, ...]  # from the end of each take until the next could begin
    end_s: float
    cpu_s: float


def record_arrays(job: ArraysJob) -> ArraysCost:
    """Record in real time."""
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
