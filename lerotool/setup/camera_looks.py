"""Looks at cameras: what they really deliver in some seconds, and a still picture of each to recognise it by."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lerotool.devices.cameras.backends import CameraDevice
from lerotool.devices.cameras.camera import CameraStatistics, open_camera, take_still
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.devices.config import CameraConfig
from lerotool.errors import DeviceError, MediaError
from lerotool.media.format import StreamFormat
from lerotool.storage import make_directory, write_atomic

READY_WITHIN_S = 10.0
USUAL_SIZE = (640, 480)
USUAL_RATE = 30.0
NAMES = ("front", "wrist", "top", "side")
"""What cameras are usually called; offered in this order."""
SLOW = 0.9
"""The share of its rate below which a camera counts as slow."""


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


@dataclass(frozen=True, slots=True)
class Look:
    """What a camera was found to deliver."""

    spec: CameraSpec
    probe: CameraProbe | None = None  # what came; None if it could not be used
    problem: str | None = None  # why not, in words
    hint: str | None = None
    still: Path | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is not as it should be, in words."""
        if self.probe is None:
            return ()
        notes = list(self.probe.notes)
        if self.probe.rate is not None and self.probe.rate < SLOW * self.probe.format.fps:
            notes.append(
                f"{self.probe.rate:.1f} pictures a second came instead of {self.probe.format.fps:g}: dim light, or "
                "several cameras at one USB hub"
            )
        bad = self.probe.statistics.empty + self.probe.statistics.cut
        if bad:
            notes.append(f"{bad} pictures came damaged: try another cable or USB socket")
        if self.probe.statistics.frozen:
            notes.append("the same picture came again and again")
        return tuple(notes)


def look_at(spec: CameraSpec, seconds: float, stills: Path) -> Look:
    """Measure a camera and save a picture of it; a camera that cannot be used is not an error."""
    try:
        probe = probe_camera(spec, seconds)
    except (DeviceError, MediaError) as error:
        return Look(spec, problem=str(error), hint=error.hint)
    make_directory(stills)
    path = stills / f"{spec.name}.jpg"
    write_atomic(path, probe.still)
    return Look(spec, probe, still=path)


def usual_spec(name: str, device: CameraDevice) -> CameraSpec:
    """Return a camera as it is best asked for: 640x480 at 30 if it has that, else whatever it likes."""
    for mode in device.modes:
        if (mode.width, mode.height) == USUAL_SIZE and (not mode.rates or max(mode.rates) >= USUAL_RATE):
            return CameraSpec(name, device.stable_path, *USUAL_SIZE, USUAL_RATE)
    return CameraSpec(name, device.stable_path)


def iter_mode_specs(name: str, device: CameraDevice) -> Iterator[CameraSpec]:
    """Yield a camera in every way it can deliver pictures, each at its highest rate."""
    for number, mode in enumerate(device.modes):
        yield CameraSpec(
            f"{name}-{number}",
            device.stable_path,
            mode.width,
            mode.height,
            max(mode.rates, default=None),
            mode.input_format,
        )


def config_of(look: Look, before: CameraConfig | None = None) -> CameraConfig:
    """Return a camera's entry for a robot's file: as it was asked for, and where that was open, as it delivered.

    If the entry so far is of the same camera, its rotation and controls are kept.
    """
    spec = look.spec
    if look.probe is not None:
        form = look.probe.format
        if spec.size is None:
            width, height = form.sent_size
            spec = replace(spec, width=width, height=height)
        if spec.fps is None:
            spec = replace(spec, fps=form.fps)
    kept = before if before is not None and before.source == spec.source else CameraConfig(source=spec.source)
    return kept.model_copy(
        update={"width": spec.width, "height": spec.height, "fps": spec.fps, "input_format": spec.input_format}
    )
