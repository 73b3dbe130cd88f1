"""What a session would do, found without changing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lerotool.devices.cameras.camera import Camera
from lerotool.features import Feature, camera
from lerotool.recording.clock import Clock
from lerotool.recording.config import RecordingConfig
from lerotool.recording.disk import DiskNeed, estimate_need
from lerotool.recording.packets import PacketMeter
from lerotool.recording.stock import Stock, require_fit
from lerotool.recording.take import Devices

READY_WITHIN_S = 10.0
MEASURE_S = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session would do.

    Attributes:
        stock: what there is already.
        takes: how many episodes are to be recorded.
        need: what they will need on disk, by the data rates of the cameras just measured.
        camera_bytes_per_s: those data rates, by camera key.
    """

    stock: Stock
    takes: int
    need: DiskNeed
    camera_bytes_per_s: Mapping[str, float]


def build_features(robot_features: Mapping[str, Feature], cameras: Sequence[Camera]) -> dict[str, Feature]:
    """Return what a robot and cameras give, in LeRobot's order."""
    return {**robot_features, **{c.key: camera(c.format.height, c.format.width) for c in cameras}}


def plan_session(config: RecordingConfig, devices: Devices, stock: Stock, clock: Clock) -> Plan:
    """Check that the session fits what there is, and measure what the cameras deliver (half a second).

    Raises:
        IncompatibleDatasetError: it does not fit; lists every difference.
        DeviceError: a camera delivers nothing.
    """
    require_fit(stock, config.fps, devices.robot.robot_type, devices.features)
    takes = max(0, config.episodes - stock.total)
    rates = measure_cameras(devices.cameras, clock)
    need = estimate_need(sum(rates.values()), float(config.fps), config.episode_time_s, takes)
    return Plan(stock, takes, need, rates)


def measure_cameras(cameras: Sequence[Camera], clock: Clock) -> dict[str, float]:
    """Return the bytes per second that each camera delivers now, by key.

    Raises:
        DeviceError: a camera delivers nothing.
    """
    for device in cameras:
        device.wait_ready(READY_WITHIN_S)
    meters = {device.key: PacketMeter() for device in cameras}
    try:
        for device in cameras:
            device.begin(meters[device.key])
        clock.sleep_until(clock.monotonic_ns() + round(MEASURE_S * 1e9))
    finally:
        for device in cameras:
            device.end()
    return {device.key: meters[device.key].bytes_per_second(device.format.fps) for device in cameras}
