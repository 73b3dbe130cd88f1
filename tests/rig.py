"""Two emulated arms and network cameras, each in a process of its own, described to lerotool as a person would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from lerotool.devices.arms.calibration import Calibration, JointCalibration, calibration_path, save_calibration
from lerotool.devices.arms.joints import JOINTS, Role
from lerotool.devices.config import SoRobotConfig, save_robot
from lerotool.testing.mjpeg_camera import EmulatedCamera
from lerotool.testing.servo_bus import EmulatedBus
from tests.patience import PATIENCE_S

NAME = "bench"
CALIBRATION: Calibration = {
    "shoulder_pan": JointCalibration(1, 0, 0, 800, 3300),
    "shoulder_lift": JointCalibration(2, 0, 120, 930, 3206),
    "elbow_flex": JointCalibration(3, 0, -300, 921, 3126),
    "wrist_flex": JointCalibration(4, 0, 5, 960, 3170),
    "wrist_roll": JointCalibration(5, 0, 0, 0, 4095),
    "gripper": JointCalibration(6, 0, 0, 2000, 3400),
}


class Rig:
    """A robot called ``bench``: a leader that a hand moves, a follower, cameras. A context manager.

    Needs ``HF_LEROBOT_CALIBRATION`` and ``LEROTOOL_CONFIG`` to point to folders of the test's own.

    Attributes:
        leader: its bus.
        follower: its bus.
        cameras: by name.
    """

    def __init__(self, *, cameras: int = 1, size: tuple[int, int] = (128, 64), fps: float = 30.0, **line: Any) -> None:
        self._stack = ExitStack()
        self._size, self._fps, self._line = size, fps, line
        names = ("front", "wrist")[:cameras]
        self.cameras: dict[str, EmulatedCamera] = dict.fromkeys(names)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        enter = self._stack.enter_context
        self.leader = enter(EmulatedBus(is_moving=True, **self._line))
        self.follower = enter(EmulatedBus(**self._line))
        for name in self.cameras:
            self.cameras[name] = enter(EmulatedCamera(size=self._size, fps=self._fps))
        for bus in (self.leader, self.follower):
            bus.servo(6).change(angle=2700)
        for role in Role:
            save_calibration(calibration_path(role, NAME), CALIBRATION)
        self.describe()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def describe(self, **changes: Any) -> None:
        """Write the robot's file, with other entries than usual."""
        document = {
            "follower": {"port": self.follower.port, "id": NAME},
            "leader": {"port": self.leader.port, "id": NAME},
            "cameras": {name: {"source": camera.url} for name, camera in self.cameras.items()},
            "start_speed": 100_000.0,
            **changes,
        }
        save_robot(NAME, SoRobotConfig.model_validate(document))

    @property
    def torques(self) -> list[bool]:
        """Of each motor of both arms, whether its torque is on."""
        return [bus.servo(joint.id).is_torque_on for bus in (self.leader, self.follower) for joint in JOINTS]


class Recording:
    """A running ``lerotool record --json``; its events can be waited for.

    Attributes:
        events: all that were told up to now.
    """

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self.child = child
        self.events: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            with self._news:
                self.events.append(json.loads(line))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Return the nth event of a kind as soon as it has come."""

        def found() -> list[dict[str, Any]]:
            return [event for event in self.events if event["type"] == kind]

        with self._news:
            came = self._news.wait_for(lambda: len(found()) >= count or not self._reader.is_alive(), timeout=PATIENCE_S)
            assert came, f"no {kind} within {PATIENCE_S} s"
            assert len(found()) >= count, f"the recording ended without {kind}: {self.events}"
            return found()[count - 1]

    def finish(self, code: int = 0) -> dict[str, Any]:
        """Wait for the end, expect an exit code and return the session's report."""
        self._reader.join(PATIENCE_S)
        assert self.child.stderr is not None
        err = self.child.stderr.read()
        assert self.child.wait(PATIENCE_S) == code, err
        self.err = err
        return next(event for event in self.events if event["type"] in ("session", "teleoperation", "replay"))


@contextmanager
def lerotool(*arguments: object, environment: Mapping[str, str] | None = None) -> Iterator[Recording]:
    """Run a command with ``--json`` that tells events."""
    child = subprocess.Popen(
        [sys.executable, "-m", "lerotool", *map(str, arguments), "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        yield Recording(child)
    finally:
        child.kill()
        child.communicate()


def record(root: Path, *more: object, episodes: int = 1, seconds: float = 1.5) -> Any:
    """Record with the rig into ``root``, without encoding."""
    times = (
        "--episodes",
        episodes,
        "--episode-time",
        seconds,
        "--reset-time",
        0,
        "--min-episode-time",
        0,
        "--batch",
        0,
    )
    return lerotool("record", "--robot", NAME, "--root", root, "--task", "Test", *times, *more)
