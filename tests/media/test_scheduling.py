"""Encoders must not take more than their share of the machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import av
import pytest

from lerotool.media.encode import VideoEncoder
from lerotool.media.format import EncoderSettings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="scheduling classes are Linux's")


def _policies() -> set[int]:
    return {os.sched_getscheduler(int(thread.name)) for thread in Path("/proc/self/task").iterdir()}


@pytest.mark.skipif(sys.platform == "linux" and os.geteuid() != 0, reason="SVT-AV1 asks for it only as root")
def test_no_thread_of_an_open_encoder_has_real_time_priority(tmp_path: Path) -> None:
    """SVT-AV1 as root would stop the recorder's threads for a second at a time."""
    policies = _policies()
    with VideoEncoder(tmp_path / "x.mp4", 64, 48, 30, EncoderSettings()) as encoder:
        encoder.write(av.VideoFrame(64, 48, "yuv420p"))
        assert _policies() == policies
