"""Small recordings whose pictures carry numbers, and how they are read back."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lerotool.dataset.dataset import Dataset
from lerotool.devices.cameras.simulated import numbered_picture, read_number
from lerotool.errors import DatasetNotFoundError
from lerotool.features import ACTION, CAMERA_PREFIX, STATE, camera, vector
from lerotool.media.encode import encode_jpeg
from lerotool.media.format import EncoderSettings, StreamCodec, StreamFormat
from lerotool.spool.documents import Header
from lerotool.spool.pending import PendingEpisode
from lerotool.spool.recovery import Kind as Verdict
from lerotool.spool.recovery import examine_all
from lerotool.spool.writer import PendingWriter
from lerotool.workspace import Workspace, is_committed

WIDTH, HEIGHT, FPS = 64, 64, 30
CAMERA = f"{CAMERA_PREFIX}front"
JOINTS = ("shoulder_pan.pos", "gripper.pos")
FEATURES = {ACTION: vector(JOINTS), STATE: vector(JOINTS), CAMERA: camera(HEIGHT, WIDTH)}
SETTINGS = EncoderSettings(vcodec="h264", crf=20, preset="ultrafast")
ROWS = 5


@cache
def packet(number: int) -> bytes:
    """Return the camera packet of a numbered picture."""
    return encode_jpeg(numbered_picture(number, WIDTH, HEIGHT))


def first_picture(sequence: int) -> int:
    """Return the number that the first picture of an episode carries."""
    return 100 * sequence


def open_recording(root: Path, sequence: int) -> PendingWriter:
    """Begin an episode."""
    stream = StreamFormat(StreamCodec.MJPEG, WIDTH, HEIGHT, "yuvj422p", FPS)
    header = Header.build(
        sequence=sequence,
        fps=FPS,
        features=FEATURES,
        cameras={CAMERA: stream},
        encoder=SETTINGS,
        task=f"task {sequence % 2}",
        robot_type="so101_sim",
    )
    return PendingWriter.create(Workspace(root).pending, header)


def append(writer: PendingWriter, row: int) -> None:
    """Record one row and its picture."""
    sequence = writer.header.sequence
    time_ns = row * 10**9 // FPS
    number = writer.camera(CAMERA).append(packet(first_picture(sequence) + row), time_ns)
    values = {name: np.array([row, sequence], np.float32) for name in (ACTION, STATE)}
    writer.append_row(
        values,
        task=writer.header.task,
        tick_ns=time_ns,
        observed_ns=time_ns,
        acted_ns=time_ns,
        pictures={CAMERA: number},
    )


def record(root: Path, sequence: int, rows: int = ROWS) -> PendingEpisode:
    """Record an episode and save it."""
    writer = open_recording(root, sequence)
    for row in range(rows):
        append(writer, row)
    return writer.save({"rows": rows})


def read_dataset(root: Path) -> Any:
    """Return all values and picture numbers of a dataset, episode by episode; None if there is none.

    Raises:
        AssertionError: rows are not numbered as they should be.
    """
    try:
        dataset = Dataset.open(root)
    except DatasetNotFoundError:
        return None
    return [_read_episode(dataset, index) for index in range(dataset.num_episodes)]


def _read_episode(dataset: Dataset, index: int) -> Any:
    episode = dataset.episodes[index]
    rows = dataset.episode_rows(index)
    frames = range(episode.length)
    assert rows["episode_index"].to_pylist() == [index for _ in frames]
    assert rows["frame_index"].to_pylist() == list(frames)
    assert rows["index"].to_pylist() == [episode.dataset_from + frame for frame in frames]
    tasks = [dataset.tasks[number] for number in rows["task_index"].to_pylist()]
    pictures = {key: [read_number(p) for p in dataset.frames(index, key)] for key in dataset.cameras}
    values = {name: rows[name].to_pylist() for name in (ACTION, STATE)}
    return [tasks, values, pictures]


def read_statistics(root: Path) -> Any:
    """Return the statistics of a dataset and of its episodes."""
    dataset = Dataset.open(root)
    whole = {name: stats.to_json() for name, stats in dataset.stats.items()}
    parts = [{name: stats.to_json() for name, stats in episode.stats.items()} for episode in dataset.episodes]
    return [whole, parts]


def read_pending(root: Path) -> Any:
    """Return what waits: by folder whether it is complete, its rows and the packets that they show."""
    waiting = [verdict for verdict in examine_all(root) if not is_committed(verdict.path)]
    return {verdict.path.name: _read_waiting(verdict.path, verdict.kind) for verdict in waiting}


def _read_waiting(path: Path, verdict: Verdict) -> Any:
    if verdict is not Verdict.COMPLETE:
        return [verdict.value]
    episode = PendingEpisode.open(path)
    rows = episode.rows().to_pylist()
    with episode.camera(CAMERA) as reader:
        sequence = episode.header.sequence
        known = {packet(first_picture(sequence) + number): number for number in range(len(reader))}
        pictures = [known.get(reader.packet(row[f"picture/{CAMERA}"]), -1) for row in rows]
    return [verdict.value, rows, pictures]


class Inline(Executor):
    """Runs every job at once in the caller's thread, so that calls come in the same order each time."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a job."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the future carries it
            future.set_exception(error)
        return future
