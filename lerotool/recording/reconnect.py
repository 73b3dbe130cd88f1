"""Bringing back devices that were lost: in a thread, so that whoever waits can let the follower follow meanwhile."""

from __future__ import annotations

import threading
from typing import Self

from lerotool.devices.cameras.camera import CameraState
from lerotool.devices.robot import Robot
from lerotool.errors import DeviceError
from lerotool.recording.take import Devices

RETRY_S = 1.0
READY_WITHIN_S = 5.0


class Reconnection:
    """Opens what is lost again and again until everything works. A context manager; leaving it ends the attempts.

    Attributes:
        robot_is_lost: whether the robot does not answer; while it does, the cameras alone are worked on.
        is_done: whether everything works again.
    """

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconnecting", daemon=True)
        self.robot_is_lost = not _answers(devices.robot)
        self.is_done = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not (self._stop.is_set() or self.is_done):
            try:
                self.is_done = self._bring_back()
            except DeviceError:
                self._stop.wait(RETRY_S)

    def _bring_back(self) -> bool:
        """Open what is lost; False where there is no more time for it."""
        if self.robot_is_lost:
            self._devices.robot.reopen()
            self.robot_is_lost = False
        for camera in self._devices.cameras:
            if camera.state in (CameraState.RUNNING, CameraState.FROZEN):
                continue
            if self._stop.is_set():
                return False
            camera.reopen()
            camera.wait_ready(READY_WITHIN_S)
        return True


def _answers(robot: Robot) -> bool:
    try:
        robot.command()
        robot.observe()
    except DeviceError:
        return False
    return True
