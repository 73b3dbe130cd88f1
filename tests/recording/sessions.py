"""Short sessions with the simulator, numbered camera pictures and the real spool, steered tick by tick."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from lerotool.devices.arms.arm import ArmPair
from lerotool.devices.cameras.camera import CameraSpec, open_camera
from lerotool.devices.robots import build_robot
from lerotool.recording.config import RecordingConfig
from lerotool.recording.controls import Controls
from lerotool.recording.events import Event, SessionReport
from lerotool.recording.pacing import Clock
from lerotool.recording.session import Session
from lerotool.recording.session_plan import build_features
from lerotool.recording.status import BatchEncoder, Status
from lerotool.recording.take import Devices

CAMERAS = {"front": "sim:numbered", "wrist": "sim:numbered"}
FPS = 100


class SteeredClock(Clock):
    """The system's clock, which lets somebody look and act at the end of every wait, in the session's thread."""

    def __init__(self) -> None:
        self.act: Callable[[], None] = lambda: None

    def sleep_until(self, deadline_ns: int) -> int:
        now_ns = super().sleep_until(deadline_ns)
        self.act()
        return now_ns


@dataclass
class Stage:
    """A session that is about to run; ``steer`` is called at every tick with its status."""

    session: Session
    controls: Controls
    robot: ArmPair
    clock: SteeredClock
    events: list[Event] = field(default_factory=list)

    def steer(self, steer: Callable[[Status], None]) -> None:
        self.clock.act = lambda: steer(self.session.status())

    def run(self) -> SessionReport:
        return self.session.run()

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def build_config(root: Path, **changes: Any) -> RecordingConfig:
    """Return the config of a short session."""
    usual: dict[str, Any] = {
        "task": "Test",
        "fps": Fraction(FPS),
        "episodes": 2,
        "episode_time_s": 0.2,
        "min_episode_time_s": 0.0,
        "reset_time_s": 0.05,
        "reconnect_s": 0.0,
    }
    return RecordingConfig(root=root, **{**usual, **changes})


@contextmanager
def stage(
    config: RecordingConfig, *, encoder: BatchEncoder | None = None, cameras: Mapping[str, str] = CAMERAS
) -> Iterator[Stage]:
    """Open devices for a session; they are closed in any case."""
    robot = build_robot("sim")
    opened = [open_camera(CameraSpec.parse(f"{name}={source},128x64,{FPS}")) for name, source in cameras.items()]
    clock, controls = SteeredClock(), Controls()
    events: list[Event] = []
    devices = Devices(robot, opened, build_features(robot.features(), opened, config.success_column))
    session = Session(config, devices, controls, encoder=encoder, listen=events.append, clock=clock)
    try:
        yield Stage(session, controls, robot, clock, events)
    finally:
        robot.close()
        for camera in opened:
            camera.close()


def record(root: Path, **changes: Any) -> SessionReport:
    """Run a whole session without steering it."""
    with stage(build_config(root, **changes)) as ready:
        return ready.run()
