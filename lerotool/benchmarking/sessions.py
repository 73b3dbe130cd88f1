"""Recording in real time, as a person at an arm has it: whole sessions, and arrays through the Python API.

A session is everything that ``lerotool record`` puts together: the session, the loop, the spool, the encoder in its
process; only the arms are simulated and the cameras are files. `lerotool.DatasetWriter` is fed with RGB arrays, just as
LeRobot is fed.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from lerotool.benchmarking.bench import Site, cpu_s
from lerotool.benchmarking.clips import number_of
from lerotool.dataset.dataset import Dataset
from lerotool.devices.arms.simulator import JOINT_NAMES
from lerotool.devices.cameras.camera import open_camera
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.devices.robots import build_robot
from lerotool.encoding.background import BackgroundEncoder
from lerotool.errors import CorruptDatasetError, IncompleteError
from lerotool.execution import StoppedError
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
    """When things happened, and the most that lay on the disk."""

    began: list[float] = field(default_factory=list)
    recorder_cpu_s: float = 0.0
    saved: list[EpisodeSaved] = field(default_factory=list)
    peak_bytes: int = 0

    def listen(self, event: Event) -> None:
        now = time.perf_counter()
        match event:
            case TakeStarted():
                self.began.append(now)
                self.recorder_cpu_s -= time.process_time()
            case EpisodeSaved():
                self.recorder_cpu_s += time.process_time()
                self.saved.append(event)


def run_session(site: Site, batch: int, mode: BatchMode, takes: int, take_s: float) -> SessionCost:
    """Record, encode, look whether everything is there, and return what it cost; ``batch`` as ``lerotool record``'s."""
    root, rig = site.folder / "set", site.rig
    diary, controls, is_later = _Diary(), Controls(), mode is BatchMode.LATER
    is_waited_for = mode is BatchMode.FOREGROUND
    encoder = (BackgroundEncoder.while_waiting if is_waited_for else BackgroundEncoder.beside_recording)(root)
    config = RecordingConfig(
        root=root,
        task=_TASK,
        fps=Fraction(rig.fps),
        episodes=takes,
        episode_time_s=take_s,
        reset_time_s=0.0,
        batch=batch,
        mode=mode,
        encode_at_end=not is_later,
        reconnect_s=0.0,
    )
    with contextlib.ExitStack() as stack:
        cameras = []
        for clip in site.clips:
            film = clip.write(site.folder)
            opened = open_camera(CameraSpec(clip.name, str(film), rig.width, rig.height, float(rig.fps)))
            stack.callback(opened.close)
            cameras.append(opened)
        robot = build_robot("sim")
        devices = Devices(robot, cameras, build_features(robot.features(), cameras))
        stack.enter_context(_watching(site, root, takes, diary, encoder, controls))
        session = Session(config, devices, controls, encoder=None if is_later else encoder, listen=diary.listen)
        before = cpu_s()
        session.run()
        ended = time.perf_counter()
        if controls.command >= Command.STOP:
            raise StoppedError("stopped")
        if is_later:
            encoder.finish()
        finished = time.perf_counter()
        taken = cpu_s() - before
    frames, lost = check_session(root, takes, len(site.clips[0].jpegs))
    reports = [event.report for event in diary.saved]
    return SessionCost(
        waits_s=tuple(np.maximum(np.diff(diary.began) - take_s, 0.0).tolist()),
        end_s=max(0.0, ended - diary.began[-1] - take_s),
        later_s=finished - ended if is_later else 0.0,
        total_s=finished - diary.began[0],
        cpu_s=taken,
        recorder_cpu_s=diary.recorder_cpu_s,
        frames=frames,
        lost=lost + sum(report.missed for report in reports),
        late_ms=tuple(report.lateness.p99_ms for report in reports),
        saves_s=tuple(event.save_s for event in diary.saved),
        peak_bytes=diary.peak_bytes,
    )


@contextlib.contextmanager
def _watching(
    site: Site, root: Path, takes: int, diary: _Diary, encoder: BackgroundEncoder, controls: Controls
) -> Iterator[None]:
    """Look now and then how much is on the disk, how far it is, and whether to stop."""
    is_over = threading.Event()

    def look() -> None:
        progress = site.progress(takes, interval_s=0.0)
        while not is_over.wait(_LOOK_S):
            # Files come and go while they are counted.
            with contextlib.suppress(FileNotFoundError):
                diary.peak_bytes = max(diary.peak_bytes, tree_bytes(root))
            try:
                progress.report(len(diary.saved))
            except StoppedError:
                controls.give(Command.ABORT)
                encoder.stop()
                return

    thread = threading.Thread(target=look, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def check_session(root: Path, takes: int, pictures: int) -> tuple[int, int]:
    """Return how many frames there are, and how many of the rows' are missing.

    Every row of the first and last take must show the picture that it names; cameras' films have so many pictures.
    """
    dataset = Dataset.open(root)
    if dataset.num_episodes != takes:
        raise IncompleteError(f"{root}: {dataset.num_episodes} of {takes} episodes are in the dataset")
    frames = missing = 0
    for episode in dataset.episodes:
        for key in dataset.cameras:
            has_video = key in episode.videos
            frames += episode.length if has_video else 0
            missing += 0 if has_video else episode.length
            if episode.index in (0, takes - 1):
                _check_pictures(dataset, pictures, episode.index, key)
    return frames, missing


def _check_pictures(dataset: Dataset, pictures: int, episode: int, camera: str) -> None:
    timing = dataset.timing(episode)
    if timing is None:
        raise CorruptDatasetError(f"{dataset.root}, episode {episode}: the measured times are missing")
    named = timing[f"picture/{camera}"].to_numpy()
    shown = np.array([number_of(picture) for picture in dataset.frames(episode, camera)])
    # The camera's film may stand anywhere when a take begins.
    shifts = (shown - named) % pictures
    if (shifts != shifts[0]).any():
        row = int(np.flatnonzero(shifts != shifts[0])[0])
        raise CorruptDatasetError(f"{dataset.root}, episode {episode}, {camera}: row {row} shows another picture")


def record_arrays(site: Site, pictures: Path, takes: int, rows: int, batch: int) -> dict[str, Any]:
    """Record arrays in real time; return what the real LeRobot's recording returns.

    ``pictures``: folder with NAME.npy for each camera, uint8 (n, height, width, 3), gone through again and again.
    """
    cameras = {f"observation.images.{p.stem}": np.load(p, mmap_mode="r") for p in sorted(pictures.glob("*.npy"))}
    joints, fps = vector([f"{name}.pos" for name in JOINT_NAMES]), site.rig.fps
    features = {ACTION: joints, STATE: joints, **dict.fromkeys(cameras, camera(site.rig.height, site.rig.width))}
    progress = site.progress(takes, interval_s=0.0)
    waits = []
    before = cpu_s()
    with DatasetWriter.create(site.folder / "set", fps=fps, features=features, batch=batch) as writer:
        for take in range(takes):
            progress.report(take)
            began = time.perf_counter()
            for row in range(rows):
                shown = {name: np.ascontiguousarray(frames[row % len(frames)]) for name, frames in cameras.items()}
                state = np.full(len(JOINT_NAMES), row, np.float32)
                writer.add_frame({STATE: state, ACTION: state, **shown}, task=_TASK)
                time.sleep(max(0.0, began + (row + 1) / fps - time.perf_counter()))
            writer.save_episode()
            waits.append(time.perf_counter() - began - rows / fps)
        ended = time.perf_counter()
    end_s = time.perf_counter() - ended
    return {"waits_s": waits, "end_s": end_s, "cpu_s": cpu_s() - before}
