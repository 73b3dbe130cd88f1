"""Small pending episodes with made-up packets, for tests of the spool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lerotool.features import ACTION, CAMERA_PREFIX, STATE, Feature, camera, vector
from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.spool.documents import Header
from lerotool.spool.pending import PendingEpisode
from lerotool.spool.writer import PendingWriter
from lerotool.workspace import Workspace

FRONT, WRIST = f"{CAMERA_PREFIX}front", f"{CAMERA_PREFIX}wrist"
JOINTS = ("pan.pos", "gripper.pos")
MJPEG = StreamFormat(StreamCodec.MJPEG, 64, 48, "yuvj422p", 30.0)


def arm_features(cameras: Sequence[str] = (FRONT, WRIST)) -> dict[str, Feature]:
    """Return an arm of two joints and cameras."""
    return {ACTION: vector(JOINTS), STATE: vector(JOINTS), **{key: camera(48, 64) for key in cameras}}


def header(features: Mapping[str, Feature] | None = None, sequence: int = 0, **extra: object) -> Header:
    """Return a header of the features; all cameras deliver MJPEG."""
    features = arm_features() if features is None else features
    keys = [name for name, feature in features.items() if feature.dtype == "video"]
    cameras = dict.fromkeys(keys, MJPEG)
    return Header.build(sequence=sequence, fps=30, features=features, cameras=cameras, task="push", **extra)


def begin(root: Path, features: Mapping[str, Feature] | None = None, sequence: int = 0) -> PendingWriter:
    """Begin a pending episode of the dataset at ``root``."""
    return PendingWriter.create(Workspace(root).pending, header(features, sequence))


def packet(number: int) -> bytes:
    """Return made-up bytes that tell their number, each packet of another size."""
    return f"<picture {number}>".encode() * (number % 5 + 1)


def add_row(writer: PendingWriter, number: int, pictures: Mapping[str, int] | None = None) -> int:
    """Append row ``number`` of the arm; without ``pictures``, packet ``number`` of each camera is appended before."""
    if pictures is None:
        pictures = {
            key: writer.camera(key).append(packet(number), captured_ns=number * 1000) for key in writer.header.cameras
        }
    values = {name: np.array([number, -number], np.float32) for name in (ACTION, STATE)}
    return writer.append_row(
        values,
        task=f"task {number % 2}",
        tick_ns=number * 100,
        observed_ns=number * 100 + 1,
        acted_ns=number * 100 + 2,
        stale=number % 4,
        pictures=pictures,
    )


def record(root: Path, rows: int, *, save: bool = True, sequence: int = 0) -> PendingEpisode:
    """Record an episode of the arm with two cameras."""
    writer = begin(root, sequence=sequence)
    for number in range(rows):
        add_row(writer, number)
    if save:
        return writer.save({"ended": "time"})
    writer.close()
    return PendingEpisode.open(writer.path)


def check_arm(episode: PendingEpisode) -> None:
    """Check that every row and picture of an episode of `add_row` is what was recorded."""
    table = episode.rows()
    assert len(table) == episode.length
    assert table["tick_ns"].to_pylist() == [100 * row for row in range(episode.length)]
    assert table[ACTION].to_pylist() == [[row, -row] for row in range(episode.length)]
    for key in episode.header.cameras:
        numbers = table[f"picture/{key}"].to_pylist()
        assert numbers == list(range(episode.length))
        with episode.camera(key) as reader:
            assert [reader.packet(number) for number in numbers] == [packet(number) for number in numbers]
