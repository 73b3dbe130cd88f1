"""A robot that another package could bring: two joints, a force, a gripper's flag, driven by velocities."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np

from lerotool.devices.cameras.kinds import SourceKind
from lerotool.devices.config import RobotConfig, RobotKind
from lerotool.devices.robot import Reading, RobotCamera, Values
from lerotool.errors import DeviceError
from lerotool.features import ACTION, STATE, Feature, vector

FORCE, GRIPPED = "observation.force", "observation.is_gripped"
MOST_FORCE = 4.0


class TinyConfig(RobotConfig):
    """What the file of a tiny robot says beside its type and cameras."""

    stiffness: float = 1.0


class TinyRobot:
    """Counts: every observation is the number of observations before it, every wish the number of wishes."""

    robot_type = "tiny_arm"
    alarms: tuple[str, ...] = ()
    notes: tuple[str, ...] = ("the tiny robot stands on the table",)
    buses: Mapping[str, Any] = {}
    is_aligned = True

    def __init__(self, config: TinyConfig, name: str | None) -> None:
        self._name = name
        self._stiffness = config.stiffness
        self._observations = self._wishes = 0
        self.is_open = False

    def features(self) -> dict[str, Feature]:
        return {
            ACTION: vector(["shoulder.vel", "wrist.vel", "gripper.close"]),
            STATE: vector(["shoulder.pos", "wrist.pos"]),
            FORCE: Feature.from_json(FORCE, {"dtype": "float64", "shape": [1], "names": ["newton"]}),
            GRIPPED: Feature.from_json(GRIPPED, {"dtype": "bool", "shape": [1], "names": None}),
        }

    def cameras(self) -> tuple[RobotCamera, ...]:
        return ()

    def open(self) -> None:
        self.is_open = True

    def reopen(self) -> None:
        self.open()

    def observe(self) -> Reading:
        if not self.is_open:
            raise DeviceError("the tiny robot is not open")
        count = self._observations
        self._observations += 1
        values = {
            STATE: np.array([count, -count], np.float32),
            FORCE: np.array([self._stiffness * count], np.float64),
            GRIPPED: np.array([count % 2 == 1]),
        }
        return Reading(values, time.monotonic_ns())

    def command(self) -> Reading:
        self._wishes += 1
        return Reading({ACTION: np.array([self._wishes, 0, 1], np.float32)}, time.monotonic_ns())

    def send(self, action: Values) -> Values:
        return {ACTION: np.minimum(action[ACTION], np.float32(MOST_FORCE))}

    def close(self) -> None:
        self.is_open = False

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_scene(spec: Any, stop: Any) -> Any:
    from dataclasses import replace

    from lerotool.devices.cameras.simulated import open_source

    return open_source(replace(spec, source="sim:numbered"), stop)


ROBOT = RobotKind(TinyConfig, TinyRobot, TinyRobot)
CAMERA = SourceKind("tiny:SCENE", lambda source: source.startswith("tiny:"), _open_scene)
NOT_A_KIND = "something else"
