"""Pending episodes as a recording leaves them, written without waiting for a clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lerotool.benchmarking.effort import Rig
from lerotool.benchmarking.pictures import Clip
from lerotool.features import CAMERA_PREFIX, STATE, camera, vector
from lerotool.media.format import EncoderSettings, StreamCodec, StreamFormat
from lerotool.spool.header import Header
from lerotool.spool.pending import PendingWriter
from lerotool.workspace import Workspace


def stream_format(rig: Rig) -> StreamFormat:
    """Return what the cameras of a rig deliver."""
    return StreamFormat(StreamCodec.MJPEG, rig.width, rig.height, "yuvj422p", rig.fps)


def spool_episode(
    root: Path, rig: Rig, clips: Sequence[Clip], sequence: int, rows: int, settings: EncoderSettings
) -> float:
    """Write and save one pending episode whose rows show one picture after the other.

    Returns:
        The seconds that saving took.
    """
    keys = {f"{CAMERA_PREFIX}{clip.name}": clip for clip in clips}
    stream = stream_format(rig)
    header = Header.build(
        sequence=sequence,
        fps=rig.fps,
        features={STATE: vector(["joint.pos"]), **{key: camera(rig.height, rig.width) for key in keys}},
        cameras=dict.fromkeys(keys, stream),
        encoder=settings,
        task="benchmark",
    )
    writer = PendingWriter.create(Workspace(root).pending, header)
    for number in range(rows):
        for key, clip in keys.items():
            writer.camera(key).append(clip.packet(number), captured_ns=number)
        state = np.array([number], np.float32)
        pictures = dict.fromkeys(keys, number)
        writer.append_row({STATE: state}, task="", tick_ns=0, observed_ns=0, acted_ns=0, pictures=pictures)
    began = time.perf_counter()
    writer.save({})
    return time.perf_counter() - began
