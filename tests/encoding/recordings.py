"""Pending episodes whose pictures carry numbers, so that a test can tell which picture became which frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lerotool.devices.cameras.simulated import numbered_picture, read_number
from lerotool.features import ACTION, CAMERA_PREFIX, STATE, Feature, camera, vector
from lerotool.media.decode import iter_rgb
from lerotool.media.encode import encode_jpeg
from lerotool.media.format import EncoderSettings, StreamCodec, StreamFormat
from lerotool.spool.documents import Header
from lerotool.spool.pending import PendingEpisode
from lerotool.spool.writer import PendingWriter
from lerotool.workspace import Workspace

WIDTH, HEIGHT, FPS = 128, 64, 30
FRONT = f"{CAMERA_PREFIX}front"
WRIST = f"{CAMERA_PREFIX}wrist"
JOINTS = ("shoulder_pan.pos", "gripper.pos")
QUICK = EncoderSettings(vcodec="h264", crf=20, preset="ultrafast")


def features(cameras: Sequence[str] = (FRONT, WRIST)) -> dict[str, Feature]:
    """Return the features of all recordings here."""
    arm = {ACTION: vector(JOINTS), STATE: vector(JOINTS)}
    return {**arm, **{key: camera(HEIGHT, WIDTH) for key in cameras}}


def mjpeg() -> StreamFormat:
    """Return what the cameras here deliver."""
    return StreamFormat(StreamCodec.MJPEG, WIDTH, HEIGHT, "yuvj422p", FPS)


def packet(number: int) -> bytes:
    """Return the camera packet of a numbered picture."""
    return encode_jpeg(numbered_picture(number, WIDTH, HEIGHT))


def record(
    root: Path,
    sequence: int = 0,
    picks: Sequence[int] = tuple(range(12)),
    *,
    cameras: Sequence[str] = (FRONT, WRIST),
    settings: EncoderSettings = QUICK,
    save: bool = True,
    first_number: int = 0,
    robot_type: str = "so101_sim",
    **header: object,
) -> PendingEpisode:
    """Record one episode: row i shows the packet ``picks[i]``, packet n the picture ``first_number + n``."""
    top = Header.build(
        sequence=sequence,
        fps=FPS,
        features=features(cameras),
        cameras={key: mjpeg() for key in cameras},
        encoder=settings,
        task="push the cube",
        robot_type=robot_type,
        **header,
    )
    writer = PendingWriter.create(Workspace(root).pending, top)
    for number in range(max(picks, default=-1) + 1):
        for key in cameras:
            writer.camera(key).append(packet(first_number + number), captured_ns=number * 10**9 // FPS)
    for row, number in enumerate(picks):
        tick_ns = row * 10**9 // FPS
        values = {name: np.array([row, sequence], np.float32) for name in (ACTION, STATE)}
        writer.append_row(
            values,
            task="push the cube",
            tick_ns=tick_ns,
            observed_ns=tick_ns + 1000,
            acted_ns=tick_ns + 2000,
            pictures=dict.fromkeys(cameras, number),
        )
    if save:
        return writer.save({"rows": len(picks)})
    writer.close()
    return PendingEpisode.open(writer.path)


def numbers_of(video: Path, start: int, stop: int) -> list[int]:
    """Return the numbers that the frames of a video carry."""
    return [read_number(picture) for picture in iter_rgb(video, start, stop, FPS)]
