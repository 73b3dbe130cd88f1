"""A LeRobot plug-in that is no easy guest: mixed features, a camera of its own, prints, slow reads, failing ends.

Found by the name of its distribution, which has hyphens. Its numbers tell how often it was asked.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from lerobot.robots.config import RobotConfig
from lerobot.robots.robot import Robot
from lerobot.teleoperators.config import TeleoperatorConfig
from lerobot.teleoperators.teleoperator import Teleoperator

HEIGHT, WIDTH = 64, 128
MOST = 50.0
"""A velocity is sent at most this fast."""


@RobotConfig.register_subclass("wobble")
@dataclasses.dataclass
class WobbleConfig(RobotConfig):
    slow_every: int = 0
    slow_s: float = 0.0
    fails_to_disconnect: bool = False
    hangs_after: int = 0
    dies_after: int = 0
    is_calibrated: bool = True
    has_camera: bool = True
    shrinks_after: int = 10**9
    log: str = ""


class Wobble(Robot):
    config_class = WobbleConfig
    name = "wobble"

    def __init__(self, config: WobbleConfig) -> None:
        super().__init__(config)
        self.config = config
        self._is_connected = False
        self._reads = 0
        sys.stdout.write("wobble is built\n")

    @property
    def observation_features(self) -> dict[str, Any]:
        camera = {"eye": (HEIGHT, WIDTH, 3)} if self.config.has_camera else {}
        return {"arm.pos": float, "base.vel": float, "force": float, "mode": int, **camera}

    @property
    def action_features(self) -> dict[str, Any]:
        return {"arm.pos": float, "base.vel": float}

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    @property
    def is_calibrated(self) -> bool:
        return self.config.is_calibrated

    def _note(self, text: str) -> None:
        if self.config.log:
            with Path(self.config.log).open("a") as file:
                file.write(text + "\n")

    def connect(self, calibrate: bool = True) -> None:
        if calibrate:
            input("press enter")
        self._is_connected = True
        self._note("connected")

    def calibrate(self) -> None:
        input("press enter")

    def configure(self) -> None:
        pass

    def get_observation(self) -> dict[str, Any]:
        sys.stdout.write("wobble is read\n")
        self._reads += 1
        config = self.config
        if config.slow_every and self._reads % config.slow_every == 0:
            time.sleep(config.slow_s)
        if config.hangs_after and self._reads > config.hangs_after:
            time.sleep(3600)
        if config.dies_after and self._reads > config.dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        reads = float(self._reads)
        height = HEIGHT // 2 if self._reads > config.shrinks_after else HEIGHT
        camera = {"eye": np.full((height, WIDTH, 3), self._reads % 200, np.uint8)} if config.has_camera else {}
        return {"arm.pos": reads, "base.vel": -reads, "force": reads / 2, "mode": 3, **camera}

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        return {**action, "base.vel": min(action["base.vel"], MOST)}

    def disconnect(self) -> None:
        self._is_connected = False
        self._note("disconnected")
        if self.config.fails_to_disconnect:
            raise RuntimeError("torque did not go off")


@TeleoperatorConfig.register_subclass("wobble_hand")
@dataclasses.dataclass
class WobbleHandConfig(TeleoperatorConfig):
    lacks: str = ""


class WobbleHand(Teleoperator):
    config_class = WobbleHandConfig
    name = "wobble_hand"

    def __init__(self, config: WobbleHandConfig) -> None:
        super().__init__(config)
        self.config = config
        self._is_connected = False
        self._wishes = 0

    @property
    def action_features(self) -> dict[str, Any]:
        features = {"base.vel": float, "arm.pos": float}
        return {name: kind for name, kind in features.items() if name != self.config.lacks}

    @property
    def feedback_features(self) -> dict[str, Any]:
        return {}

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    @property
    def is_calibrated(self) -> bool:
        return True

    def connect(self, calibrate: bool = True) -> None:
        del calibrate
        self._is_connected = True

    def calibrate(self) -> None:
        pass

    def configure(self) -> None:
        pass

    def get_action(self) -> dict[str, Any]:
        self._wishes += 1
        return {"base.vel": 10.0 * self._wishes, "arm.pos": float(self._wishes)}

    def send_feedback(self, feedback: dict[str, Any]) -> None:
        pass

    def disconnect(self) -> None:
        self._is_connected = False
