"""What a camera really delivers, measured over some seconds, with a still picture to recognise it by."""

from __future__ import annotations

import time
from dataclasses import dataclass

from lerotool.devices.cameras.camera import Camera, CameraStatistics, open_camera
from lerotool.devices.cameras.jpeg import encode_still
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceError
from lerotool.media.decode import PacketDecoder
from lerotool.media.format import StreamFormat

READY_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class CameraProbe:
    """What a camera has delivered."""

    format: StreamFormat  # as the camera says
    notes: tuple[str, ...]  # what differs from what was asked for, in words for people
    rate: float | None  # measured pictures a second; None if there was no second picture
    bytes_per_s: float  # measured, as they are kept while recording
    statistics: CameraStatistics  # of the time measured
    still: bytes  # the last picture as a JPEG file


class _Scale:
    """A packet writer that keeps nothing but how much there was."""

    def __init__(self) -> None:
        self.count = 0
        self.bytes = 0

    def append(self, packet: bytes, captured_ns: int, keyframe: bool = True) -> int:  # noqa: ARG002 - as the protocol
        """Count a packet and return its number."""
        self.count += 1
        self.bytes += len(packet)
        return self.count - 1


def probe_camera(spec: CameraSpec, seconds: float = 2.0) -> CameraProbe:
    """Open a camera, measure what it delivers, and close it."""
    with open_camera(spec) as camera:
        camera.wait_ready(READY_WITHIN_S)
        scale = _Scale()
        camera.begin(scale)
        time.sleep(seconds)
        camera.end()
        statistics = camera.statistics
        if camera.is_lost:
            camera.wait_ready(0)  # raises why
        rate = statistics.rate
        return CameraProbe(
            format=camera.format,
            notes=camera.notes,
            rate=rate,
            bytes_per_s=scale.bytes / scale.count * (rate or 0.0),
            statistics=statistics,
            still=take_still(camera),
        )


def take_still(camera: Camera) -> bytes:
    """Return the newest picture of a running camera as a JPEG file that every viewer opens."""
    decoder = PacketDecoder(camera.format)
    frame = None
    for packet in camera.latest_group():
        frame = decoder.decode(packet)
    if frame is None:
        raise DeviceError(f"camera {camera.name!r} has sent no picture that can be shown yet")
    return encode_still(frame)
