"""A robot that LeRobot drives, as lerotool sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lerotool.devices.cameras.lerobot import build_spec
from lerotool.devices.cameras.sources import PacketSource
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.devices.lerobot.pictures import OwnSource, SharedPictures, Size
from lerotool.devices.lerobot.process import CLOSE_S, CONNECT_S, START_S, LeRobotProcess
from lerotool.devices.robot import Reading, Robot, RobotCamera, SoftStart, Values
from lerotool.errors import DeviceError, UsageError
from lerotool.features import ACTION, CAMERA_PREFIX, STATE, Feature

POSITION = ".pos"
_CHANNELS = 3
_SOURCE = "lerobot:"


class LeRobotRobot(Robot):
    """A robot and a teleoperator of LeRobot or of one of its plug-ins, driven in a process of its own.

    The process starts when something of the robot is first asked for, and ends when the robot is closed, or killed when
    an answer takes longer than ``silence_s``. Each value is stamped with the moment at which LeRobot was asked for it,
    so that its age is never understated. ``start_speed`` is in units a second, for joints (names that end in ``.pos``)
    after the robot was opened; with 0 they go at once to where they are wanted.
    """

    def __init__(
        self, python: Path, arguments: Sequence[str], *, silence_s: float, start_speed: float, needs_teleop: bool
    ) -> None:
        self._python = python
        self._arguments = list(arguments)
        self._silence_s = silence_s
        self._start_speed = start_speed
        self._needs_teleop = needs_teleop
        self._turn = threading.RLock()
        self._process: LeRobotProcess | None = None
        self._about: dict[str, Any] | None = None
        self._shared: SharedPictures | None = None
        self._soft_start: SoftStart | None = None
        self._joints: list[int] = []
        self._news_ns = 0
        self._is_open = False

    @property
    def robot_type(self) -> str:
        """LeRobot's name of the robot."""
        return str(self._described()["robot_type"])

    @property
    def notes(self) -> tuple[str, ...]:
        """What LeRobot does not record, what does not move, and which plug-ins did not load."""
        about = self._described()
        dropped = about["dropped"]
        notes = [f"{', '.join(dropped)}: not numbers, so LeRobot does not record them"] if dropped else []
        return (*notes, *about["notes"], *(f"plug-in {problem}" for problem in about["problems"]))

    @property
    def is_open(self) -> bool:
        """Whether it is connected."""
        return self._is_open

    @property
    def is_aligned(self) -> bool:
        """Whether joints go straight to where they are sent."""
        return self._soft_start is None or self._soft_start.is_aligned

    def features(self) -> dict[str, Feature]:
        """Return the values that LeRobot records of this robot; pictures are the business of cameras."""
        features = self._described()["features"]
        return {
            key: Feature.from_json(key, value) for key, value in features.items() if not key.startswith(CAMERA_PREFIX)
        }

    def cameras(self) -> list[RobotCamera]:
        """Return the cameras of its options: OpenCV's are opened by lerotool, others by LeRobot."""
        about = self._described()
        opencv = [RobotCamera(build_spec(name, settings)) for name, settings in about["cameras"].items()]
        return [*opencv, *(self._own_camera(key, size) for key, size in self._pictures().items())]

    def _pictures(self) -> dict[str, Size]:
        about = self._described()
        return {key: tuple(about["features"][f"{CAMERA_PREFIX}{key}"]["shape"]) for key in about["pictures"]}

    def _own_camera(self, key: str, size: Size) -> RobotCamera:
        if size[2] != _CHANNELS:
            raise UsageError(
                f"camera {key!r} measures depths, which cannot be recorded through LeRobot",
                hint="switch it off in the robot's options, for example use_depth: false",
            )

        def open_source(spec: CameraSpec, stop: threading.Event) -> PacketSource:
            del spec
            self.open()
            assert self._shared is not None
            source = OwnSource(size, self._refresh, stop)
            self._shared.attach(key, source)
            return source

        return RobotCamera(CameraSpec(key, f"{_SOURCE}{key}"), open_source)

    def open(self) -> None:
        """Connect. An open robot stays as it is."""
        if self._is_open:
            return
        self._described()
        if self._shared is None and (pictures := self._pictures()):
            self._shared = SharedPictures(pictures)
        try:
            self._ask("connect", CONNECT_S, shared=self._shared and str(self._shared.share()))
            self._is_open = True
            self._soft_start = self._start_softly()
        except BaseException as error:
            problem = self._release()
            if problem is not None and problem.message != str(error):
                error.add_note(problem.message)
            raise

    def _start_softly(self) -> SoftStart | None:
        """Let those joints approach slowly of which LeRobot tells the position and takes it, by name."""
        features = self.features()
        measured, sent = (features[key].names if key in features else [] for key in (STATE, ACTION))
        if not self._start_speed or not isinstance(measured, list) or not isinstance(sent, list):
            return None
        self._joints = [place for place, name in enumerate(sent) if name.endswith(POSITION) and name in measured]
        if not self._joints:
            return None
        state = self._refresh()["state"]
        return SoftStart(self._start_speed, [state[measured.index(sent[place])] for place in self._joints])

    def reopen(self) -> None:
        """Connect everything again, in a new process of LeRobot's; what still held is released for that."""
        self._release()
        self.open()

    def observe(self) -> Reading:
        """Return what the robot measures now, and hand its cameras' pictures on."""
        answer = self._refresh()
        if self._shared is not None:
            self._shared.wait_until_taken()
        state = answer["state"]
        values = {STATE: np.array(state, np.float32)} if state else {}
        return Reading(values, answer["captured_ns"], (1 << len(state)) - 1 if answer["is_repeated"] else 0)

    def _refresh(self) -> dict[str, Any]:
        """Ask for an observation, and hand its pictures to the cameras before the next one replaces them."""
        with self._turn:
            answer: dict[str, Any] = self._ask("observe", self._silence_s)
            if answer["is_repeated"]:
                if answer["captured_ns"] - self._news_ns > self._silence_s * 1e9:
                    text = f"the robot has sent nothing new for {self._silence_s:g} s"
                    raise DeviceError(text, hint="look whether its own program runs")
                return answer
            self._news_ns = answer["captured_ns"]
            if self._shared is not None:
                self._shared.publish(answer["captured_ns"])
        return answer

    def command(self) -> Reading:
        """Return what the person wants now."""
        answer = self._ask("act", self._silence_s)
        return Reading({ACTION: np.array(answer["action"], np.float32)}, answer["captured_ns"])

    def send(self, action: Values) -> Values:
        """Send an action and return what LeRobot says was really sent."""
        wanted = action[ACTION]
        if self._soft_start is not None:
            wanted = wanted.copy()
            wanted[self._joints] = self._soft_start.limit(wanted[self._joints].tolist(), time.monotonic_ns())
        answer = self._ask("send", self._silence_s, action=wanted.tolist())
        return {ACTION: np.array(answer["action"], np.float32)}

    def close(self) -> None:
        """Disconnect robot and teleoperator and end LeRobot's process, also if LeRobot cannot release them."""
        problem = self._release()
        self._shared = None
        if problem is not None:
            raise problem

    def _release(self) -> DeviceError | None:
        """End the process in any case; returns what may still hold torque because of that."""
        # A camera's thread may be waiting for an answer, which must not be taken for that to the last request.
        with self._turn:
            process, self._process = self._process, None
            self._is_open, self._soft_start = False, None
            return None if process is None else _end(process)

    def _described(self) -> dict[str, Any]:
        """Return what LeRobot says of the robot; starts the process if it does not run."""
        if self._about is None or self._process is None:
            process = LeRobotProcess(self._python, self._arguments)
            self._process = process
            try:
                self._about = process.ask("describe", START_S, arguments=self._arguments)
                self._check(self._about)
            except BaseException:
                self._release()
                raise
        return self._about

    def _check(self, about: Mapping[str, Any]) -> None:
        if not self._needs_teleop:
            return
        if not about["has_teleop"]:
            raise UsageError(
                "nobody steers the robot: --teleop.type is missing", hint="for example --teleop.type=so101_leader"
            )
        if about["missing"]:
            raise UsageError(
                f"the teleoperator does not give {', '.join(about['missing'])}, which the robot takes",
                hint="use the teleoperator that belongs to the robot",
            )

    def _ask(self, what: str, within_s: float, **request: Any) -> Any:
        with self._turn:
            if self._process is None or not (self._is_open or what == "connect"):
                raise DeviceError("the robot is not open")
            return self._process.ask(what, within_s, **request)


def _end(process: LeRobotProcess) -> DeviceError | None:
    """Disconnect and end a process; returns what was not released as it should be."""
    problem = None
    if process.may_hold:
        try:
            problems = process.ask("close", CLOSE_S)
        except DeviceError as error:
            problem = error
        else:
            text = f"the robot may still hold torque: {'; '.join(problems)}"
            problem = DeviceError(text, hint="look at it, and switch its power off") if problems else None
    process.end(CLOSE_S)
    return problem
