"""A LeRobot plug-in for benchmarks: LeRobot's own OpenCV camera at the address of a network camera, and a clock.

LeRobot's camera insists on setting size and rate, which a stream does not take; everything else, its thread, decoding
and colours, is as it is. With ``LEROTOOL_BENCHMARK_LOG`` each observation of an SO follower is timed: the file has, in
the end, the monotonic nanoseconds at which each began; a file ``…started`` beside it says that the first has. With
``LEROTOOL_BENCHMARK_FORGET`` Feetech buses forget late answers before each request, as they do below lerotool.
"""

from __future__ import annotations

import atexit
import dataclasses
import importlib
import json
import os
import time
from pathlib import Path
from typing import Any

from lerobot.cameras.configs import CameraConfig
from lerobot.cameras.opencv import OpenCVCamera, OpenCVCameraConfig
from lerobot.robots.so_follower import SOFollower


@CameraConfig.register_subclass("stream")
@dataclasses.dataclass
class StreamCameraConfig(OpenCVCameraConfig):  # type: ignore[misc]
    """LeRobot's settings, and an address."""

    url: str = ""


class StreamCamera(OpenCVCamera):  # type: ignore[misc]
    """LeRobot's camera, reading a stream as it comes."""

    def __init__(self, config: StreamCameraConfig) -> None:
        super().__init__(config)
        self.index_or_path = config.url

    def _configure_capture_settings(self) -> None:
        pass


def _time_observations(log: Path) -> None:
    began_ns: list[int] = []
    observe = SOFollower.get_observation

    def timed(self: SOFollower) -> Any:
        if not began_ns:
            log.with_suffix(".started").touch()
        began_ns.append(time.monotonic_ns())
        return observe(self)

    SOFollower.get_observation = timed
    atexit.register(lambda: log.write_text(json.dumps(began_ns)))


def _forget_late_answers() -> None:
    port_handler = importlib.import_module("scservo_sdk.port_handler")
    port_handler.PortHandler.clearPort = lambda port: (port.ser.flush(), port.ser.reset_input_buffer())


if os.environ.get("LEROTOOL_BENCHMARK_FORGET"):
    _forget_late_answers()
if path := os.environ.get("LEROTOOL_BENCHMARK_LOG"):
    _time_observations(Path(path))
