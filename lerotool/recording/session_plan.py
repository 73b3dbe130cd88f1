"""What a session would do, found without changing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lerotool.devices.cameras.camera import Camera
from lerotool.errors import UsageError
from lerotool.features import Feature, camera
from lerotool.recording.config import RecordingConfig
from lerotool.recording.housekeeping import DiskNeed, estimate_need
from lerotool.recording.inventory import Stock, require_fit
from lerotool.recording.pacing import Clock
from lerotool.recording.packet_meter import PacketMeter
from lerotool.recording.take import Devices

READY_WITHIN_S = 10.0
MEASURE_S = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session would do."""

    stock: Stock
    takes: int
    need: DiskNeed  # what they will need on disk, by the data rates of the cameras just measured


def build_features(
    robot_features: Mapping[str, Feature], cameras: Sequence[Camera], success_column: str | None = None
) -> dict[str, Feature]:
    """Return what a robot and cameras give, in LeRobot's order, and the column that says whether takes succeeded."""
    if success_column in robot_features:
        raise UsageError(f"the robot has a feature {success_column!r} of its own", hint="leave out --success-column")
    marked = {} if success_column is None else {success_column: Feature("bool", (1,))}
    return {**robot_features, **{c.key: camera(c.format.height, c.format.width) for c in cameras}, **marked}


def plan_session(config: RecordingConfig, devices: Devices, stock: Stock, clock: Clock) -> Plan:
    """Check that the session fits what there is, and measure what the cameras deliver (half a second)."""
    require_fit(stock, config.fps, devices.robot.robot_type, devices.features)
    takes = max(0, config.episodes - stock.total)
    rates = measure_cameras(devices.cameras, clock)
    need = estimate_need(sum(rates.values()), float(config.fps), config.episode_time_s, takes)
    return Plan(stock, takes, need)


def measure_cameras(cameras: Sequence[Camera], clock: Clock) -> dict[str, float]:
    """Return the bytes per second that each camera delivers now, by key."""
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
